#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the Debian package (build.sh), has lintian look at it, installs it in a throw-away
# root (an overlay over this machine's, in a mount namespace of its own) and uses it there: mount, fstab, man pages, and
# removal. And makes the archive of the same build by cpack. Needs root.
#
#   tests/package/run.sh [PACKAGE.deb]     with a package only the second half
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

build_package() {
    "$root/tests/package/build.sh" "$work"
    lintian --fail-on error,warning "$work"/ftpsfs_*.changes
    pack_archive "$work"/ftpsfs/obj-*
}

# cpack, of the same build: a tree to be unpacked in /.
pack_archive() { # BUILD DIRECTORY
    local archive names
    (cd "$1" && cpack) >"$work/cpack.log" 2>&1 || {
        tail -n 20 "$work/cpack.log" >&2
        return 1
    }
    archive="$(echo "$1"/ftpsfs-*.tar.gz)"
    names="$(tar -tzf "$archive")"
    for name in usr/bin/ftpsfs usr/sbin/mount.ftpsfs usr/sbin/umount.fuse.ftpsfs usr/share/man/man1/ftpsfs.1; do
        grep -q "^[^/]*/$name\$" <<<"$names" || { echo "$archive: $name is missing" >&2; return 1; }
    done
    tar -xzOf "$archive" --wildcards '*/ftpsfs@.service' | grep -q '^ExecStart=/usr/bin/ftpsfs '
    echo "the archive is whole"
}

use_package() { # PACKAGE, in the throw-away root
    export DEBIAN_FRONTEND=noninteractive TMPDIR=/tmp
    mkdir -p /mnt/demo
    dpkg -i "$1" >/dev/null
    ftpsfs --version
    "$root/tests/package/hardening.sh" /usr/bin/ftpsfs
    local complaints
    for page in ftpsfs.1 mount.ftpsfs.8 umount.fuse.ftpsfs.8 ftpsfs.conf.5; do
        # It tells what is wrong, and succeeds nevertheless.
        complaints="$(LC_ALL=C.UTF-8 man --warnings -l "/usr/share/man/man${page##*.}/$page.gz" 2>&1 >/dev/null)"
        if [ -n "$complaints" ]; then
            echo "$page: $complaints" >&2
            return 1
        fi
    done
    systemd-analyze verify --man=no /lib/systemd/system/ftpsfs@.service 2>&1 | grep -F ftpsfs && return 1
    local demo port
    demo="$TMPDIR/ftpsfs-demo-$(id -u)"
    port="$("$root/contrib/demo-server.sh" start)"
    # shellcheck disable=SC2064
    trap "umount /mnt/demo 2>/dev/null || true; '$root/contrib/demo-server.sh' stop >/dev/null" EXIT
    ftpsfs check --write "ftpes://demo@localhost:$port/" -o "credentials=$demo/credentials,cacert=$demo/ca.crt"
    echo "ftpes://localhost:$port/ /mnt/demo ftpsfs credentials=$demo/credentials,cacert=$demo/ca.crt,_netdev 0 0" >"$TMPDIR/fstab"
    mount -a -T "$TMPDIR/fstab"
    ls /mnt/demo >/dev/null
    echo written >/mnt/demo/from-the-package
    umount /mnt/demo
    dpkg -r ftpsfs >/dev/null
    [ ! -e /usr/sbin/mount.ftpsfs ]
    echo "the package installs, mounts and goes"
}

if [ "${1:-}" = --inside ]; then
    use_package "$2"
    exit
fi
[ "$(id -u)" -eq 0 ] || { echo "tests/package/run.sh: needs root" >&2; exit 1; }
if [ $# -eq 0 ]; then
    build_package
    set -- "$work"/ftpsfs_*_*.deb
fi
mkdir "$work/layers"
# shellcheck disable=SC2016
unshare --mount --propagation private bash -euc '
    umount --all --lazy --types fuse.ftpsfs || true  # mounts of others would not end with a copy here
    mount -t tmpfs tmpfs "$1"
    mkdir "$1/upper" "$1/work" "$1/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
    for place in dev proc sys; do mount --rbind "/$place" "$1/root/$place"; done
    mount -t tmpfs tmpfs "$1/root/tmp"
    mkdir -p "$1/root$2"
    mount --rbind "$2" "$1/root$2"
    cp "$3" "$1/root/root/ftpsfs.deb"
    exec chroot "$1/root" "$2/tests/package/run.sh" --inside /root/ftpsfs.deb
' - "$work/layers" "$root" "$1"
