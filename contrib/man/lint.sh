#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Looks over man pages: no warning of man's, and no error of mandoc's where it is installed. (scdoc puts an empty
# paragraph in front of each section; mandoc warns of them all.)
#
#   contrib/man/lint.sh PAGE...
set -euo pipefail

result=0
for page in "$@"; do
    said="$(LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null)"
    if command -v mandoc >/dev/null; then
        said+="$(mandoc -T lint -W error "$page" || true)"
    fi
    if [ -n "$said" ]; then
        echo "$said" >&2
        result=1
    fi
done
exit "$result"
