#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the Debian package twice, as two people would: in other places, time zones, languages, and with other rights for
# new files. What comes of it must be the same, byte for byte, the debug symbols too.
#
#   tests/package/reproducible.sh          takes two builds without a cache
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

export CCACHE_DISABLE=1  # else the second build would be the first one's objects
mkdir "$work/one" "$work/at-some-other-place"
(umask 022 && TZ=UTC LC_ALL=C.UTF-8 "$here/build.sh" "$work/one")
(umask 002 && TZ=Pacific/Auckland LC_ALL=POSIX USER=somebody HOME=/nonexistent "$here/build.sh" "$work/at-some-other-place")

# Every file with its rights, its time and its content.
describe() { # PACKAGE DIRECTORY
    dpkg-deb --raw-extract "$1" "$2"
    (cd "$2" && find . -type f -exec sha256sum {} + | sort -k 2)
    dpkg-deb --contents "$1"
}

failed=0
packages=("$work"/one/*.deb)
for package in "${packages[@]}"; do
    other="$work/at-some-other-place/${package##*/}"
    if cmp --silent "$package" "$other"; then
        echo "${package##*/}: $(sha256sum <"$package" | cut -d ' ' -f 1) both times"
        continue
    fi
    echo "${package##*/}: two builds differ" >&2
    describe "$package" "$work/one/${package##*/}.files" >"$work/one.txt"
    describe "$other" "$work/at-some-other-place/${package##*/}.files" >"$work/other.txt"
    diff "$work/one.txt" "$work/other.txt" >&2 || true
    failed=1
done
[ "${#packages[@]}" -ge 2 ] || { echo "the package of debug symbols is missing" >&2; failed=1; }
exit "$failed"
