#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# The benchmark: builds the release and measures it beside what people would use instead, on real
# servers, on loopback and over links with delay, and parts of it in memory. As root.
#
#   tests/bench/run.sh                 every row: takes many hours, and can be taken up again (--resume)
#   tests/bench/run.sh --quick         every row once, small: does it work? Its figures mean nothing
#   tests/bench/run.sh walk --wan 20   one group of rows, and one link beside loopback
#   tests/bench/run.sh micro           parsers, caches, windows, TLS, and the FUSE frontend in memory
#   tests/bench/run.sh --list          the rows, and their bounds in round trips
#   tests/bench/run.sh --help          all groups and options
#
# Results: build/bench-results/{results.json,tables.md,*.svg}. FTPSFS_BIN, FTPSFS_LINK_EMULATOR and
# FTPSFS_MICRO_BENCH name programs that are built already.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case " $* " in
    *" --help "* | *" -h "* | *" --list "*) exec /usr/bin/python3 -B tests/bench/whole.py "$@" ;; # builds nothing
esac
contrib/install-deps.sh bench

build="$PWD/build/bench"
targets=()
name_program() { # VARIABLE PATH-BELOW-BUILD
    [ -n "${!1:-}" ] && return 0
    targets+=("$(basename "$2")")
    export "$1=$build/$2"
}
name_program FTPSFS_BIN ftpsfs
name_program FTPSFS_LINK_EMULATOR tests/support/link_emulator
name_program FTPSFS_MICRO_BENCH tests/bench/micro_bench
if [ "${#targets[@]}" -gt 0 ]; then
    cmake --preset bench >/dev/null
    cmake --build --preset bench --target "${targets[@]}" >&2
fi
tests/integration/fetch-servers.sh vsftpd proftpd pureftpd sshd >/dev/null
export FTPSFS_SERVER_CACHE="${FTPSFS_SERVER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ftpsfs-test-servers}"
exec /usr/bin/python3 -B tests/bench/whole.py "$@"
