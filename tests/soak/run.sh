#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Hours of work on mounts whose servers and links fail all the time; see soak.py. As root.
#
#   tests/soak/run.sh                      an hour
#   tests/soak/run.sh --minutes 5          five minutes
#   tests/soak/run.sh --seed 4711          the same operations and faults again, as far as time allows
#   tests/soak/run.sh --help               all options
#
# Ends with 0 when all content was right. Else /tmp/ftpsfs-soak-* is kept: what was wrong in wrong*.txt, and the
# mounts' logs, which tell every command. FTPSFS_BIN and FTPSFS_LINK_EMULATOR name programs that are built
# already; else the preset release is built.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case " $* " in
    *" --help "* | *" -h "*) exec /usr/bin/python3 -B tests/soak/soak.py "$@" ;; # builds nothing
esac
if [ -z "${FTPSFS_BIN:-}" ] || [ -z "${FTPSFS_LINK_EMULATOR:-}" ]; then
    cmake --preset release --log-level=WARNING >/dev/null
    cmake --build --preset release --target ftpsfs link_emulator >&2
    export FTPSFS_BIN="$PWD/build/release/ftpsfs" FTPSFS_LINK_EMULATOR="$PWD/build/release/tests/support/link_emulator"
fi
export FTPSFS_SERVER_CACHE="${FTPSFS_SERVER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ftpsfs-test-servers}"
tests/integration/fetch-servers.sh vsftpd proftpd >/dev/null
exec /usr/bin/python3 -B tests/soak/soak.py "$@"
