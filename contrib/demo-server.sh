#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# A real FTPS server (vsftpd) on loopback with a throw-away certificate and some files, to try ftpsfs
# on. Nothing is installed into the system and no service is started: the server is unpacked into a
# cache folder and runs until it is stopped.
#
#   demo-server.sh start    starts it unless it runs; prints its port
#   demo-server.sh stop     stops it and removes its files
#
# Files live in ${TMPDIR:-/tmp}/ftpsfs-demo-UID.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
demo="${TMPDIR:-/tmp}/ftpsfs-demo-$(id -u)"

as_root() { # vsftpd starts as root, and becomes the caller at the login
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        echo "demo-server.sh: the demo server has to be started by root, and there is no sudo" >&2
        return 1
    fi
}

running() {
    local pid
    pid="$(cat "$demo/server/pid" 2>/dev/null)" || return 1
    # The number alone proves nothing: after a reboot it may be another program's.
    [ -r "/proc/$pid/cmdline" ] && tr '\0' ' ' <"/proc/$pid/cmdline" | grep -qF "$demo/server/vsftpd.conf"
}

make_folder() {
    if [ -e "$demo" ] && [ ! -O "$demo" ]; then
        echo "demo-server.sh: $demo belongs to someone else" >&2
        exit 1
    fi
    mkdir -p "$demo"
    chmod 755 "$demo"
    mkdir -p "$demo/server/empty" "$demo/server/pam.d" "$demo/files" "$demo/mnt"
}

make_certificates() {
    (
        umask 077
        cd "$demo/server"
        openssl ecparam -name prime256v1 -genkey -noout -out ca.key
        openssl req -x509 -new -key ca.key -days 365 -subj "/CN=ftpsfs demo CA" -out ca.crt
        openssl ecparam -name prime256v1 -genkey -noout -out server.key
        openssl req -new -key server.key -subj "/CN=localhost" -out server.csr
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out server.crt \
            -extfile <(printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth\n')
    ) 2>/dev/null
    cp "$demo/server/ca.crt" "$demo/ca.crt"
}

make_credentials() {
    (
        umask 077
        printf 'username=demo\npassword=%s\n' "$(openssl rand -hex 12)" >"$demo/credentials"
    )
}

make_files() {
    mkdir -p "$demo/files/documents" "$demo/files/pictures" "$demo/files/empty folder"
    printf 'Hello from an FTPS server.\nEdit me: the server has the new text when your editor has closed the file.\n' \
        >"$demo/files/README.txt"
    local number
    for number in 1 2 3; do
        printf 'Report %d\n' "$number" >"$demo/files/documents/report $number.txt"
    done
    printf 'name;amount\nSmith;10\nMüller;20\n' >"$demo/files/documents/Umsätze.csv"
    head -c 3000000 /dev/urandom >"$demo/files/pictures/large.bin"
}

free_port() {
    local port
    for port in $(seq 2121 2221); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            echo "$port"
            return
        fi
    done
    echo "demo-server.sh: no free port between 2121 and 2221" >&2
    return 1
}

# vsftpd knows users by PAM and /etc/passwd alone: it gets its own copies, in a mount namespace.
write_settings() { # PORT
    local password uid gid
    password="$(sed -n 's/^password=//p' "$demo/credentials")"
    uid="$(id -u)" gid="$(id -g)"
    if [ "$uid" -eq 0 ]; then # vsftpd lets no root in
        uid=65534 gid=65534
        chown -R "$uid:$gid" "$demo/files"
    fi
    (
        umask 077
        cat >"$demo/server/passwd" <<PASSWD
root:x:0:0::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
demo:x:$uid:$gid::$demo/files:/bin/sh
PASSWD
        chmod 644 "$demo/server/passwd"
        cat >"$demo/server/shadow" <<SHADOW
root:*:19000:0:99999:7:::
demo:$(openssl passwd -6 "$password"):19000:0:99999:7:::
SHADOW
    )
    cat >"$demo/server/pam.d/vsftpd" <<PAM
auth required pam_unix.so
account required pam_permit.so
session required pam_permit.so
PAM
    rm -f "$demo/server/vsftpd.conf" # root's, if there was a start before
    cat >"$demo/server/vsftpd.conf" <<CONFIG
listen=YES
listen_ipv6=NO
listen_address=127.0.0.1
listen_port=$1
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_root=$demo/files
local_umask=022
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir=$demo/server/empty
pam_service_name=vsftpd
session_support=NO
seccomp_sandbox=NO
isolate=NO
isolate_network=NO
max_per_ip=0
ssl_enable=YES
require_ssl_reuse=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file=$demo/server/server.crt
rsa_private_key_file=$demo/server/server.key
xferlog_enable=NO
CONFIG
    chmod 755 "$demo/server/empty"
    as_root chown root:root "$demo/server/vsftpd.conf" # vsftpd refuses settings that others could change
}

launch() { # UNPACKED-SERVERS
    local multiarch="$1/usr/lib/*-linux-gnu" libraries
    libraries="$(compgen -G "$multiarch" | head -n 1)"
    cat >"$demo/server/run" <<RUN
set -e
# The namespace begins with a copy of every mount; a copy of a FUSE mount would keep that filesystem
# alive after it was unmounted outside.
umount --all --lazy --types fuse.ftpsfs || true
echo \$\$ >"$demo/server/pid"
mount --bind "$demo/server/pam.d" /etc/pam.d
mount --bind "$demo/server/passwd" /etc/passwd
mount --bind "$demo/server/shadow" /etc/shadow
exec env LD_LIBRARY_PATH="$libraries" "$1/usr/sbin/vsftpd" "$demo/server/vsftpd.conf"
RUN
    as_root setsid unshare --mount --propagation private sh "$demo/server/run" \
        >>"$demo/server/log" 2>&1 </dev/null &
}

wait_for_greeting() { # PORT
    local _
    for _ in $(seq 100); do
        if { exec 3<>"/dev/tcp/127.0.0.1/$1"; } 2>/dev/null; then
            exec 3>&-
            return
        fi
        sleep 0.1
    done
    echo "demo-server.sh: the server did not start; see $demo/server/log" >&2
    return 1
}

start() {
    if ! running; then
        local port servers
        make_folder
        servers="$("$here/../tests/integration/fetch-servers.sh" vsftpd)"
        [ -e "$demo/server/server.crt" ] || make_certificates
        [ -e "$demo/credentials" ] || make_credentials
        [ -e "$demo/files/README.txt" ] || make_files
        port="$(free_port)"
        echo "$port" >"$demo/server/port"
        write_settings "$port"
        launch "$servers"
        wait_for_greeting "$port"
    fi
    cat "$demo/server/port"
}

stop() {
    if running; then
        as_root kill "$(cat "$demo/server/pid")"
    fi
    if [ -d "$demo" ] && [ -O "$demo" ]; then
        if grep -qF " $demo/mnt fuse" /proc/self/mounts; then
            echo "demo-server.sh: $demo/mnt is still mounted; its files stay" >&2
            return 1
        fi
        as_root rm -rf "$demo"
    fi
}

case "${1:-}" in
    start) start ;;
    stop) stop ;;
    *)
        echo "usage: $0 start|stop" >&2
        exit 1
        ;;
esac
