#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs the integration tests by pytest, as root: real servers want to start as root, and drop it.
# All arguments are pytest's; see conftest.py for those of our own.
#
#   tests/integration/run.sh --server proftpd --tls 1.2 -k rename
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
FTPSFS_SERVER_CACHE="${FTPSFS_SERVER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ftpsfs-test-servers}"
export FTPSFS_SERVER_CACHE
"$here/fetch-servers.sh" >/dev/null

# Debian's Python, whatever else comes first on PATH: its packages belong to it.
command=(/usr/bin/python3 -B -m pytest "$here" "$@")
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "run.sh: the integration tests need root, and there is no sudo" >&2; exit 1; }
    kept=FTPSFS_SERVER_CACHE,FTPSFS_BIN,FTPSFS_SANITIZED,FTPSFS_SEED,FTPSFS_EVERY_STEP,FTPSFS_FSX_OPERATIONS,FTPSFS_TEST_LOCAL,FTPSFS_SECOND_TRIES,FTPSFS_LINK_EMULATOR
    command=(sudo "--preserve-env=$kept" "${command[@]}")
fi
exec "${command[@]}"
