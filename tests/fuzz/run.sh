#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the fuzz targets and runs each for some time, as many side by side as there are processors.
#
#   tests/fuzz/run.sh                       each for an hour
#   tests/fuzz/run.sh 600 dialects mlsx     these two for ten minutes each
#
# A target begins with its corpus (tests/fuzz/corpus/NAME), and adds nothing to it. What breaks one is left
# in build/asan as NAME-crash-… or NAME-timeout-…: put it into the corpus when it is mended, so that every
# later run begins with it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$root"

usage() {
    echo "usage: $0 [SECONDS [TARGET...]]" >&2
    exit 1
}

seconds="${1:-3600}"
case "$seconds" in '' | *[!0-9]*) usage ;; esac
[ $# -eq 0 ] || shift

jobs="$(nproc)"
export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1
launcher=()
if command -v ccache >/dev/null; then
    launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi
cmake --preset asan --log-level=WARNING "${launcher[@]}" >/dev/null
targets=()
if [ $# -eq 0 ]; then
    for source in tests/fuzz/*_fuzz.cpp; do
        targets+=("$(basename "$source" .cpp)")
    done
else
    for name in "$@"; do
        if [ ! -f "tests/fuzz/${name}_fuzz.cpp" ]; then
            echo "$0: there is no target $name" >&2
            usage
        fi
        targets+=("${name}_fuzz")
    done
fi
cmake --build --preset asan -j "$jobs" --target "${targets[@]}"

fuzz_one() { # TARGET SECONDS
    local name corpus result=0
    name="$(basename "$1" _fuzz)"
    corpus="$(mktemp -d)"
    local -a seeds=()
    [ ! -d "tests/fuzz/corpus/$name" ] || seeds=("tests/fuzz/corpus/$name")
    "build/asan/tests/fuzz/$1" -max_total_time="$2" -timeout=25 -rss_limit_mb=2048 -print_final_stats=1 \
        -verbosity=0 -artifact_prefix="build/asan/$name-" "$corpus" "${seeds[@]}" || result=1
    rm -rf "$corpus"
    echo "--- $name, $2 s: $([ "$result" -eq 0 ] && echo good || echo FAILED)"
    return "$result"
}
export -f fuzz_one

# shellcheck disable=SC2016  # the inner bash expands them
printf '%s\0' "${targets[@]}" |
    xargs -0 -P "$jobs" -I TARGET bash -c 'fuzz_one "$1" "$2"' bash TARGET "$seconds"
