#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Builds the Debian package from contrib/debian as README.md says, of a copy of the sources.
#
#   tests/package/build.sh DIRECTORY       the packages come to lie there, the sources in DIRECTORY/ftpsfs
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
directory="$1"

# The block of code of README.md in which this word begins a line.
commands_of_readme() { # WORD
    awk -v word="$1" '
        /^```/ { if (inside && hit) printf "%s", block; inside = !inside; block = ""; hit = 0; next }
        inside { block = block $0 "\n"; if ($1 == word) hit = 1 }' "$root/README.md"
}

tree="$directory/ftpsfs"
mkdir -p "$tree"
(cd "$root" && git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$tree")
(cd "$tree" && bash -euc "$(commands_of_readme dpkg-buildpackage)") >"$directory/build.log" 2>&1 || {
    tail -n 40 "$directory/build.log" >&2
    exit 1
}
