#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Has a built program what hardens it against its own mistakes? Position independent, full RELRO, no executable stack,
# stack protector, fortified calls, and on x86 landing pads for indirect calls (the note that promises them for a whole
# program is missing wherever the distribution's start files have none).
#
#   tests/package/hardening.sh PROGRAM [compile_commands.json]
#
# What a program does not show (the level of _FORTIFY_SOURCE), the commands that compiled it do.
set -euo pipefail

program="$1"
commands="${2:-}"
failed=0

expect() { # WORDS PATTERN TEXT
    if ! grep -qE -- "$2" <<<"$3"; then
        echo "$program: no $1" >&2
        failed=1
    fi
}

file="$(readelf --wide --file-header "$program")"
segments="$(readelf --wide --program-headers "$program")"
dynamic="$(readelf --wide --dynamic "$program")"
symbols="$(readelf --wide --dyn-syms "$program")"

expect "position independence" 'Type: +DYN ' "$file"
expect "PIE flag" '\(FLAGS_1\).* PIE' "$dynamic"
expect "RELRO" '^ +GNU_RELRO ' "$segments"
expect "immediate binding (full RELRO)" '\(FLAGS\).*BIND_NOW|\(FLAGS_1\).* NOW' "$dynamic"
expect "stack without execution" '^ +GNU_STACK .* RW +0x' "$segments"
expect "stack protector" ' __stack_chk_fail' "$symbols"
expect "fortified calls" ' __(mem|str|read|recv|snprintf|vsnprintf|poll|fdelt)[a-z]*_chk' "$symbols"
if grep -q 'Machine: .*X86-64' <<<"$file"; then
    many=1000
    if [ "$(objdump --disassemble "$program" | grep -c endbr64)" -lt "$many" ]; then
        echo "$program: no control-flow protection" >&2
        failed=1
    fi
fi
if [ -n "$commands" ]; then
    ours="$(grep -F '"command"' "$commands" | grep -F '/src/')"
    for flag in -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPI[CE]; do
        if grep -vqE -- "$flag( |\$)" <<<"$ours"; then
            echo "$program: not everything was compiled with $flag" >&2
            failed=1
        fi
    done
fi
exit "$failed"
