#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Runs a program of unit tests, and those of its tests that fail once or twice more, each alone.
#
#   tests/unit/run.sh PROGRAM [ARGUMENT...]
#
# Tests of threads meet machines that stall for a second just where it hurts. What a sanitizer reports, a
# crash and a failure that stays are failures; a test that passes at its second try is written, with what
# it said, to the file that FTPSFS_SECOND_TRIES names, which tests/run.sh shows.
set -euo pipefail

said="$(mktemp)"
trap 'rm -f "$said"' EXIT

is_report_of_sanitizer() { grep -Eq '(ERROR|WARNING): [A-Za-z]+Sanitizer|runtime error: ' "$said"; }

attempt() { # COMMAND...
    local status=0
    "$@" >"$said" 2>&1 || status=$?
    cat "$said"
    return "$status"
}

attempt "$@" && exit 0
for try in second third; do
    # Twice in the output, the second time in the list at the end; brief output has no list.
    failed="$(sed -nE 's/^\[  FAILED  \] ([A-Za-z0-9_/]+\.[A-Za-z0-9_/]+).*/\1/p' "$said" | sort -u | paste -sd:)"
    # No test's failure: it has crashed, or never begun.
    if [ -z "$failed" ] || is_report_of_sanitizer || ! grep -q '^\[==========\] .* ran\.' "$said"; then
        exit 1
    fi
    if [ -n "${FTPSFS_SECOND_TRIES:-}" ]; then
        { echo "$(basename "$1"): the $try try of $failed"; grep -A 4 'Failure$' "$said" | head -n 20; } >>"$FTPSFS_SECOND_TRIES"
    fi
    echo "=== the $try try of $failed"
    # All of them, whatever shard they came from.
    attempt env -u GTEST_TOTAL_SHARDS -u GTEST_SHARD_INDEX "$@" "--gtest_filter=$failed" && exit 0
done
exit 1
