#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Installs what is needed to build or to test ftpsfs on Debian 12, Ubuntu 24.04, or a later release of either.
#
#   contrib/install-deps.sh [build|test|bench|full]
#
#   build   compilers and libraries: enough to build and to mount (the default)
#   test    also what tests/run.sh runs
#   bench   build and test, and what tests/bench/run.sh runs: Google Benchmark, gnuplot, and programs to
#           compare with, as far as the distribution has them
#   full    also what tests/run.sh --full runs: linters, fio, Google Benchmark and the like
#
# Asks dpkg first: when nothing is missing it uses neither the network nor sudo.
set -euo pipefail

build_packages=(
    g++ cmake ninja-build pkg-config ca-certificates openssl
    fuse3 libfuse3-dev libssl-dev libboost-dev libfmt-dev libspdlog-dev libcli11-dev nlohmann-json3-dev libinih-dev
)
test_packages=(
    libgtest-dev libgmock-dev ccache clang
    python3 python3-pytest python3-pytest-rerunfailures python3-pyftpdlib python3-openssl
    curl rsync git sqlite3 tar vim-tiny util-linux procps iproute2
    scdoc man-db mandoc bash-completion zsh fish systemd
)
bench_packages=(libbenchmark-dev gnuplot-nox curl lftp rclone sshfs openssh-client bindfs git rsync)
full_packages=(fio libbenchmark-dev clang-tidy clang-format shellcheck dpkg-dev debhelper lintian)

installed() {
    local state
    state="$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" && [ "$state" = installed ]
}

apt() {
    local -a command=(env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 "$@")
    if [ "$(id -u)" -eq 0 ]; then
        "${command[@]}"
    elif command -v sudo >/dev/null; then
        sudo "${command[@]}"
    else
        echo "install-deps.sh: not root, and there is no sudo; as root run: apt-get $*" >&2
        return 1
    fi
}

lists_are_fresh=no

# Installs those of the given packages that are missing.
ensure() {
    local name
    local -a missing=()
    for name in "$@"; do
        installed "$name" || missing+=("$name")
    done
    [ "${#missing[@]}" -gt 0 ] || return 0
    echo "install-deps.sh: installing ${missing[*]}" >&2
    if [ "$lists_are_fresh" = no ]; then
        apt update >&2
        lists_are_fresh=yes
    fi
    apt install -y --no-install-recommends "${missing[@]}" >&2
}

# libFuzzer and the sanitizers of clang: the package bears the version of the clang that is installed.
ensure_clang_runtime() {
    local runtime version
    runtime="$(clang --print-runtime-dir 2>/dev/null || true)"
    compgen -G "$runtime/libclang_rt.fuzzer*.a" >/dev/null && return 0
    version="$(clang -dumpversion | cut -d. -f1)"
    ensure "libclang-rt-$version-dev"
}

main() {
    local what="${1:-build}"
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        echo "install-deps.sh: this is not Debian or Ubuntu; see the list of packages in $0" >&2
        exit 1
    fi
    case "$what" in
        build) ensure "${build_packages[@]}" ;;
        test) ensure "${build_packages[@]}" "${test_packages[@]}" ;;
        bench) ensure "${build_packages[@]}" "${test_packages[@]}" "${bench_packages[@]}" ;;
        full) ensure "${build_packages[@]}" "${test_packages[@]}" "${full_packages[@]}" ;;
        *)
            echo "usage: $0 [build|test|bench|full]" >&2
            exit 1
            ;;
    esac
    case "$what" in
        test | full) ensure_clang_runtime ;;
    esac
}

main "$@"
