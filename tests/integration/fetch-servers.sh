#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Fetches the real FTP servers that the integration tests and the demo run, without
# installing them: Debian's FTP servers conflict with each other, and an installed one
# would be started as a system service. The packages are downloaded and unpacked into a
# private cache folder; so are those of their libraries that this machine lacks.
#
#   fetch-servers.sh [SERVER...]     SERVER: vsftpd proftpd pureftpd (default: these three), sshd (for
#                                    benchmarks beside sshfs)
#
# Prints the folder that holds the unpacked trees (ROOT/usr/sbin/vsftpd and so on).
# Quick, and without network, when everything is there already.
set -euo pipefail

cache="${FTPSFS_SERVER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ftpsfs-test-servers}"
root="$cache/root"
downloads="$cache/download"

packages_of() {
    case "$1" in
        vsftpd) echo vsftpd ;;
        proftpd) echo proftpd-core proftpd-mod-crypto ;;
        pureftpd) echo pure-ftpd-common pure-ftpd ;;
        sshd) echo openssh-server ;;
        *) echo "fetch-servers.sh: unknown server '$1' (vsftpd, proftpd, pureftpd, sshd)" >&2; return 1 ;;
    esac
}

binary_of() {
    case "$1" in
        vsftpd) echo "$root/usr/sbin/vsftpd" ;;
        proftpd) echo "$root/usr/sbin/proftpd" ;;
        pureftpd) echo "$root/usr/sbin/pure-ftpd" ;;
        sshd) echo "$root/usr/sbin/sshd" ;;
    esac
}

installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
}

# The libraries that the given package files name in their Depends and that are not installed.
# Read from the files: a walk through apt's lists drags in every provider of a virtual package.
missing_libraries() {
    local file name
    for file in "$@"; do dpkg-deb -f "$file" Pre-Depends Depends; done |
        sed -e 's/^[A-Za-z-]*: //' | tr ',' '\n' | sed -e 's/|.*//' -e 's/(.*//' -e 's/:.*//' -e 's/ //g' |
        grep -E '^lib' | sort -u |
        while read -r name; do installed "$name" || echo "$name"; done
}

update_lists() {
    if [ "$(id -u)" -eq 0 ]; then
        DEBIAN_FRONTEND=noninteractive apt-get -qq update
    elif command -v sudo >/dev/null; then
        sudo DEBIAN_FRONTEND=noninteractive apt-get -qq update
    else
        echo "fetch-servers.sh: package lists are missing or old; run 'apt-get update' as root" >&2
        return 1
    fi
}

download() { # apt-get downloads into the current folder; as root it would else drop to a user that cannot write here
    (cd "$downloads" && apt-get -qq -o APT::Sandbox::User=root download "$@")
}

# Downloads the packages and, step by step, the libraries that they need.
download_closure() {
    local name
    local -a wanted=("$@")
    while [ "${#wanted[@]}" -gt 0 ]; do
        download "${wanted[@]}" || return 1
        local -a needed=()
        for name in $(missing_libraries "$downloads"/*.deb); do
            compgen -G "$downloads/${name}_*.deb" >/dev/null || needed+=("$name")
        done
        wanted=("${needed[@]}")
    done
}

fetch() {
    local file
    local -a packages
    read -r -a packages <<<"$(packages_of "$1")"
    mkdir -p "$downloads" "$root"
    rm -f "$downloads"/*.deb
    if ! download_closure "${packages[@]}"; then
        update_lists # absent, or so old that they name versions that the mirror no longer has
        rm -f "$downloads"/*.deb
        download_closure "${packages[@]}"
    fi
    for file in "$downloads"/*.deb; do
        dpkg -x "$file" "$root"
    done
    rm -f "$downloads"/*.deb
    # The set-uid and set-gid bits that a package may carry have no place in a cache.
    find "$root" -type f -perm /6000 -exec chmod ug-s {} +
}

usable() { # there, runnable, and with every library found
    local binary
    binary="$(binary_of "$1")"
    [ -x "$binary" ] || return 1
    # No pipe: grep -q would end ldd early, which pipefail takes for a failure.
    local libraries
    libraries="$(LD_LIBRARY_PATH="$(library_path)" ldd "$binary" 2>/dev/null)" || return 1
    case "$libraries" in *"not found"*) return 1 ;; esac
}

library_path() {
    local multiarch
    multiarch="$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")"
    echo "$root/usr/lib/$multiarch:$root/lib/$multiarch"
}

main() {
    local server
    local -a wanted=("$@")
    [ "${#wanted[@]}" -gt 0 ] || wanted=(vsftpd proftpd pureftpd)
    mkdir -p "$cache"
    exec 9>"$cache/lock" # two runs at once must not unpack over each other
    flock 9
    for server in "${wanted[@]}"; do
        packages_of "$server" >/dev/null
        usable "$server" && continue
        fetch "$server" >&2
        if ! usable "$server"; then
            echo "fetch-servers.sh: $server could not be made ready in $root" >&2
            exit 1
        fi
    done
    echo "$root"
}

main "$@"
