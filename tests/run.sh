#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs what the tests need, builds, and runs the tests.
#
#   tests/run.sh                the unit tests plain and under ThreadSanitizer, AddressSanitizer and
#                               UndefinedBehaviorSanitizer, the fuzz targets for some seconds each, and
#                               the integration tests: real servers, real mounts
#   tests/run.sh --full         also: clang-tidy, clang-format, shellcheck, each source file compiled by
#                               itself, the integration tests under AddressSanitizer, a minute for each
#                               fuzz target, a crash at each step of an upload and of a replay (else at
#                               each third), 50,000 operations in the manner of fsx on each server, and
#                               the Debian package: built, looked over, installed and used in a
#                               throw-away root
#   tests/run.sh --quick        the plain unit tests alone
#   tests/run.sh --no-install   any of these without a look at the installed packages
#
# A stage that fails does not stop the later ones; the exit code tells in the end. A test that fails has
# another try (see tests/unit/run.sh, tests/integration/conftest.py), and is named if it needed it.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
cd "$root"

mode=plain
install=yes
for argument in "$@"; do
    case "$argument" in
        --full) mode=full ;;
        --quick) mode=quick ;;
        --no-install) install=no ;;
        *)
            echo "usage: $0 [--full|--quick] [--no-install]" >&2
            exit 1
            ;;
    esac
done

jobs="$(nproc)"
waiters="$((jobs * 7 / 2))"  # integration tests mostly wait
failed=()

stage() { # NAME COMMAND...
    local name="$1" started=$SECONDS
    shift
    echo
    echo "=== $name"
    if "$@"; then
        echo "=== $name: good ($((SECONDS - started)) s)"
    else
        echo "=== $name: FAILED ($((SECONDS - started)) s)"
        failed+=("$name")
    fi
}

# The same object is compiled once, wherever the work tree lies.
export CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1

build() { # PRESET [CMAKE OPTION...]
    local preset="$1"
    shift
    local -a launcher=()
    if command -v ccache >/dev/null; then
        launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    fi
    cmake --preset "$preset" --log-level=WARNING "${launcher[@]}" "$@" >/dev/null || return 1
    cmake --build --preset "$preset" -j "$jobs"
}

unit_tests_of() { # PRESET
    build "$1" && ctest --preset "$1" -L unit -j "$((jobs * 2))" --no-tests=error
}

fuzz_briefly() {
    build asan && ctest --preset asan -L fuzz -j "$jobs" --no-tests=error
}

sources() { find src include tests -name '*.cpp' -o -name '*.hpp'; }

format() {
    local -a files
    mapfile -t files < <(sources)
    clang-format --dry-run -Werror "${files[@]}"
}

tidy() {
    cmake --preset clang --log-level=WARNING >/dev/null || return 1
    run-clang-tidy -quiet -p build/clang -j "$jobs" "$root/build/clang/src/.*"
}

shell_scripts() {
    local -a files
    mapfile -t files < <(find . -path ./build -prune -o -name '*.sh' -print)
    shellcheck .ci/run "${files[@]}"
}

asan_integration() {
    build asan -DFTPSFS_INTEGRATION=ON &&
        ctest --preset asan -L integration -LE timing -j "$waiters" --no-tests=error
}

# What passed at its second try alone is shown in front of ctest's closing lines.
everything_plain() {
    build check || return 1
    ctest --preset check -j "$waiters" --no-tests=error | while IFS= read -r line; do
        if [[ "$line" == *"% tests passed"* ]] && [ -s "$FTPSFS_SECOND_TRIES" ]; then
            echo "=== passed, or failed for good, behind a first try that failed:"
            cat "$FTPSFS_SECOND_TRIES"
            echo
        fi
        printf '%s\n' "$line"
    done
}

export FTPSFS_SECOND_TRIES="$root/build/second-tries.txt"
mkdir -p build
: >"$FTPSFS_SECOND_TRIES"

if [ "$install" = yes ]; then
    if [ "$mode" = full ]; then contrib/install-deps.sh full; else contrib/install-deps.sh test; fi
fi

case "$mode" in
    quick)
        stage "unit tests" unit_tests_of debug
        ;;
    plain | full)
        tests/integration/fetch-servers.sh >/dev/null
        stage "unit tests, ThreadSanitizer" unit_tests_of tsan
        stage "unit tests, AddressSanitizer and UndefinedBehaviorSanitizer" unit_tests_of asan
        if [ "$mode" = full ]; then
            export FTPSFS_EVERY_STEP=1 FTPSFS_FSX_OPERATIONS=50000
            stage "formatting" format
            stage "shell scripts" shell_scripts
            stage "clang-tidy" tidy
            stage "each file by itself" build single
            stage "fuzzing" tests/fuzz/run.sh 60
            stage "integration tests, AddressSanitizer" asan_integration
            stage "Debian package" tests/package/run.sh
        else
            stage "fuzzing" fuzz_briefly
        fi
        # Last, so that the output ends with the count of all tests.
        echo
        echo "=== unit and integration tests"
        everything_plain || failed+=("unit and integration tests")
        ;;
esac

if [ "${#failed[@]}" -gt 0 ]; then
    echo
    printf 'tests/run.sh: failed: %s\n' "${failed[@]}"
    exit 1
fi
