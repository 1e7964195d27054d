# Completion of ftpsfs for bash. Made by `ftpsfs help --completion=bash`.
# shellcheck shell=bash disable=SC2034,SC2154,SC2207

_ftpsfs()
{
    local cur prev words cword split
    _init_completion -s -n : || return

    local command=mount options
    case "${words[1]}" in
        mount | check | umount | unmount | status | refresh | reload | uploads | log-level | help | version) [ "$cword" -gt 1 ] && command="${words[1]}" ;;
    esac

    case "$prev" in
        --credentials)
            _filedir
            return
            ;;
        --netrc)
            _filedir
            return
            ;;
        --cert)
            _filedir
            return
            ;;
        --key)
            _filedir
            return
            ;;
        --pkcs12)
            _filedir
            return
            ;;
        --cacert)
            _filedir
            return
            ;;
        --capath)
            _filedir -d
            return
            ;;
        --verify)
            COMPREPLY=($(compgen -W 'full ca none' -- "$cur"))
            return
            ;;
        --crlfile)
            _filedir
            return
            ;;
        --prot)
            COMPREPLY=($(compgen -W 'private clear' -- "$cur"))
            return
            ;;
        --ocsp)
            COMPREPLY=($(compgen -W 'check require' -- "$cur"))
            return
            ;;
        --tls_min)
            COMPREPLY=($(compgen -W '1.0 1.1 1.2 1.3' -- "$cur"))
            return
            ;;
        --tls_max)
            COMPREPLY=($(compgen -W '1.0 1.1 1.2 1.3' -- "$cur"))
            return
            ;;
        --session_reuse)
            COMPREPLY=($(compgen -W 'on require off' -- "$cur"))
            return
            ;;
        --eof)
            COMPREPLY=($(compgen -W 'verify strict' -- "$cur"))
            return
            ;;
        --pipelining)
            COMPREPLY=($(compgen -W 'on off' -- "$cur"))
            return
            ;;
        --warm)
            COMPREPLY=($(compgen -W 'on off' -- "$cur"))
            return
            ;;
        --stat_list)
            COMPREPLY=($(compgen -W 'on off' -- "$cur"))
            return
            ;;
        --server)
            COMPREPLY=($(compgen -W 'auto unix iis ibmi mvs vms vm nonstop vsftpd proftpd pureftpd pyftpdlib' -- "$cur"))
            return
            ;;
        --date_order)
            COMPREPLY=($(compgen -W 'auto ymd mdy dmy' -- "$cur"))
            return
            ;;
        --symlinks)
            COMPREPLY=($(compgen -W 'show follow transform' -- "$cur"))
            return
            ;;
        --times)
            COMPREPLY=($(compgen -W 'exact listing' -- "$cur"))
            return
            ;;
        --cto)
            COMPREPLY=($(compgen -W 'on off' -- "$cur"))
            return
            ;;
        --prefetch)
            COMPREPLY=($(compgen -W 'on off' -- "$cur"))
            return
            ;;
        --staging_dir)
            _filedir -d
            return
            ;;
        --upload)
            COMPREPLY=($(compgen -W 'auto atomic direct' -- "$cur"))
            return
            ;;
        --verify_upload)
            COMPREPLY=($(compgen -W 'size hash' -- "$cur"))
            return
            ;;
        --journal_dir)
            _filedir -d
            return
            ;;
        --uid)
            COMPREPLY=($(compgen -u -- "$cur"))
            return
            ;;
        --gid)
            COMPREPLY=($(compgen -g -- "$cur"))
            return
            ;;
        --setuid)
            COMPREPLY=($(compgen -u -- "$cur"))
            return
            ;;
        --log_level)
            COMPREPLY=($(compgen -W 'trace debug info warning error off' -- "$cur"))
            return
            ;;
        --log)
            _filedir
            return
            ;;
        --trace)
            _filedir
            return
            ;;
        --export)
            _filedir -d
            return
            ;;
        -o)
            # The last item of the list; what stands in front of it stays.
            local begun="${cur%"${cur##*,}"}"
            COMPREPLY=($(compgen -P "$begun" -W 'profile= credentials= username= account= password_stdin password_command= key_password_command= netrc cert= key= pkcs12= cacert= capath= verify= pin= crlfile= prot= ocsp= tls_min= tls_max= tls_legacy ciphers= ciphersuites= session_reuse= eof= max_conns= warm_conns= connect_timeout= timeout= soft hard retries= pipelining= warm= stat_list= ipv4 ipv6 proxy= active interface= port_range= server= disable_mlsd disable_epsv list_command= site= charset= timezone= date_order= symlinks= dir_cache_timeout= attr_timeout= entry_timeout= negative_timeout= times= cto= prefetch= buffer_size= readahead= cache_size= staging_dir= staging_size= upload= verify_upload= writeback journal_dir= journal_size= uid= gid= umask= fmask= dmask= ro rw allow_other allow_root auto_unmount setuid= fsname= nodev _netdev' -- "${cur##*,}"))
            compopt -o nospace
            return
            ;;
    esac

    case "$command" in
        mount) options='--profile= --credentials= --username= --account= --password_stdin --password_command= --key_password_command= --netrc --cert= --key= --pkcs12= --cacert= --capath= --verify= --pin= --crlfile= --prot= --ocsp= --tls_min= --tls_max= --tls_legacy --ciphers= --ciphersuites= --session_reuse= --eof= --max_conns= --warm_conns= --connect_timeout= --timeout= --soft --hard --retries= --pipelining= --warm= --stat_list= --ipv4 --ipv6 --proxy= --active --interface= --port_range= --server= --disable_mlsd --disable_epsv --list_command= --site= --charset= --timezone= --date_order= --symlinks= --dir_cache_timeout= --attr_timeout= --entry_timeout= --negative_timeout= --times= --cto= --prefetch= --buffer_size= --readahead= --cache_size= --staging_dir= --staging_size= --upload= --verify_upload= --writeback --journal_dir= --journal_size= --uid= --gid= --umask= --fmask= --dmask= --ro --rw --allow_other --allow_root --auto_unmount --setuid= --fsname= --nodev --_netdev --foreground --debug --verbose --log_level= --log= --trace= --help --version' ;;
        check) options='--profile= --credentials= --username= --account= --password_stdin --password_command= --key_password_command= --netrc --cert= --key= --pkcs12= --cacert= --capath= --verify= --pin= --crlfile= --prot= --ocsp= --tls_min= --tls_max= --tls_legacy --ciphers= --ciphersuites= --session_reuse= --eof= --max_conns= --warm_conns= --connect_timeout= --timeout= --soft --hard --retries= --pipelining= --warm= --stat_list= --ipv4 --ipv6 --proxy= --active --interface= --port_range= --server= --disable_mlsd --disable_epsv --list_command= --site= --charset= --timezone= --date_order= --symlinks= --dir_cache_timeout= --attr_timeout= --entry_timeout= --negative_timeout= --times= --cto= --prefetch= --buffer_size= --readahead= --cache_size= --staging_dir= --staging_size= --upload= --verify_upload= --writeback --journal_dir= --journal_size= --uid= --gid= --umask= --fmask= --dmask= --ro --rw --allow_other --allow_root --auto_unmount --setuid= --fsname= --nodev --_netdev --foreground --debug --verbose --log_level= --log= --trace= --help --version --json --write' ;;
        umount) options='--help --version --wait --timeout=' ;;
        unmount) options='--help --version --wait --timeout=' ;;
        status) options='--help --version --json --watch' ;;
        refresh) options='--help --version' ;;
        reload) options='--help --version' ;;
        uploads) options='--help --version --failed --retry --export= --discard' ;;
        log-level) options='--help --version' ;;
        help) options='--help --version' ;;
        version) options='--help --version' ;;
    esac
    if [[ $cur == -* ]]; then
        COMPREPLY=($(compgen -W "$options" -- "$cur"))
        [[ ${COMPREPLY-} == *= ]] && compopt -o nospace
        return
    fi

    local -a mine=()
    [ "$cword" -eq 1 ] && mine+=(mount check umount status refresh reload uploads log-level help version)
    case "$command" in
        mount | check)
            mine+=($(sed -n 's/^\[\([^]]*\)\].*/\1:/p' "${XDG_CONFIG_HOME:-$HOME/.config}/ftpsfs.conf" /etc/ftpsfs/ftpsfs.conf 2>/dev/null))
            _filedir -d
            ;;
        log-level)
            mine+=(trace debug info warning error off)
            ;;&
        umount | unmount | status | refresh | reload | uploads | log-level)
            mine+=($(awk '$3 == "fuse.ftpsfs" { print $2 }' /proc/self/mounts 2>/dev/null))
            ;;
    esac
    COMPREPLY+=($(compgen -W "${mine[*]}" -- "$cur"))
    __ltrim_colon_completions "$cur"
} &&
    complete -F _ftpsfs ftpsfs
