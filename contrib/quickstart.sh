#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# From a fresh checkout to a mounted FTPS server: installs what the build needs, builds, mounts.
#
#   contrib/quickstart.sh                              a demo server on this machine, mounted
#   contrib/quickstart.sh URL MOUNTPOINT [OPTION...]   your server; options as for ftpsfs
#   contrib/quickstart.sh stop                         unmounts the demo and stops its server
#
# May be run again at any time: what is built, running or mounted is used as it is.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
root="$(dirname "$here")"
build="$root/build/quickstart"
demo="${TMPDIR:-/tmp}/ftpsfs-demo-$(id -u)"

usage() {
    sed -n 's/^#   contrib/  contrib/p' "$0"
}

build_ftpsfs() {
    "$here/install-deps.sh" build
    echo "Building ftpsfs (the first time takes some minutes) …"
    local log="$build/quickstart.log"
    mkdir -p "$build"
    (
        cd "$root"
        cmake --preset release -B "$build" -DFTPSFS_TESTS=OFF -DFTPSFS_INTEGRATION=OFF
        cmake --build "$build" --target ftpsfs -j "$(nproc)"
    ) >"$log" 2>&1 || {
        tail -n 40 "$log" >&2
        echo "quickstart.sh: the build failed; all of it is in $log" >&2
        exit 1
    }
}

# A mount whose process died answers nothing but "not connected": out of the way with it.
clear_dead_mount() { # MOUNTPOINT
    if grep -qsF " $1 fuse" /proc/self/mounts && ! timeout 5 stat "$1" >/dev/null 2>&1; then
        fusermount3 -uz "$1"
    fi
}

mounted() { # MOUNTPOINT
    grep -qsF " $1 fuse" /proc/self/mounts
}

mount_demo() {
    local port mount_point="$demo/mnt"
    port="$("$here/demo-server.sh" start)"
    clear_dead_mount "$mount_point"
    if mounted "$mount_point"; then
        echo "The demo is mounted already."
    else
        "$build/ftpsfs" "ftpes://demo@localhost:$port/" "$mount_point" \
            -o "credentials=$demo/credentials,cacert=$demo/ca.crt"
    fi
    cat <<TEXT

An FTPS server runs on port $port of this machine. It is mounted on $mount_point
Its own files are in $demo/files, so you can watch both sides.

Try:
  ls -l $mount_point
  cat $mount_point/README.txt
  echo "a new line" >> $mount_point/README.txt && tail -n 1 $demo/files/README.txt
  cp -r $root/contrib $mount_point/ && ls $demo/files/contrib
  $build/ftpsfs status $mount_point

Unmount and stop the server:
  $0 stop
TEXT
}

stop_demo() {
    clear_dead_mount "$demo/mnt"
    if mounted "$demo/mnt"; then
        fusermount3 -u "$demo/mnt"
        local _
        for _ in $(seq 50); do # uploads under way are finished first
            mounted "$demo/mnt" || break
            sleep 0.1
        done
    fi
    "$here/demo-server.sh" stop
    echo "The demo is unmounted and its server stopped."
}

case "${1:-}" in
    "")
        build_ftpsfs
        mount_demo
        ;;
    stop) stop_demo ;;
    -h | --help)
        usage
        ;;
    *)
        if [ $# -lt 2 ]; then
            usage >&2
            exit 1
        fi
        build_ftpsfs
        mkdir -p "$2"
        "$build/ftpsfs" "$@"
        echo "Mounted $1 on $2. Unmount it with: fusermount3 -u $2"
        ;;
esac
