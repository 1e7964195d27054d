#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the release and measures it: beside curl or rclone on a real server, or (cache) in memory.
#
#   tests/bench/run.sh [sequential|latency|startup|walk|reading|writing|cache] [ARGUMENTS]     arguments: see the script of that name
set -euo pipefail

what=sequential
case "${1:-}" in
    sequential | latency | startup | walk | reading | writing | cache)
        what="$1"
        shift
        ;;
esac

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
contrib/install-deps.sh test
cmake --preset release >/dev/null
if [ "$what" = cache ]; then
    cmake --build --preset release --target cache_bench
    exec build/release/tests/bench/cache_bench
fi
cmake --build --preset release --target ftpsfs --target link_emulator
tests/integration/fetch-servers.sh >/dev/null
export FTPSFS_BIN="${FTPSFS_BIN:-$PWD/build/release/ftpsfs}"
export FTPSFS_SERVER_CACHE="${FTPSFS_SERVER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ftpsfs-test-servers}"
exec /usr/bin/python3 -B "tests/bench/$what.py" "$@"
