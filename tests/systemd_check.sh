#!/usr/bin/env bash
# The unit file: no unknown keys or bad values, an exposure of at most 1.5 by systemd's own measure, and no system call of the
# running gateway outside its filter. Works without a running systemd. Usage: tests/systemd_check.sh [BINARY]
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
unit=$here/systemd/gatehouse.service
binary=$(realpath "${1:-$here/target/debug/gatehouse}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# `verify` wants the program to exist, so point the copy at the one just built.
sed "s#/usr/bin/gatehouse#$binary#" "$unit" > "$work/gatehouse.service"
systemd-analyze verify --man=no --recursive-errors=no "$work/gatehouse.service"
systemd-analyze security --offline=true --threshold=15 "$work/gatehouse.service" | tail -n 1

# The demo runs every part of the daemon. Not as root: SQLite asks for more then, and the unit's user is an ordinary one.
as_user=()
if [ "$(id -u)" = 0 ]; then
    cp "$binary" "$work/gatehouse" # the build folder may lie where only root can look
    binary=$work/gatehouse
    chown 65534:65534 "$work"
    as_user=(setpriv --reuid 65534 --regid 65534 --clear-groups --no-new-privs)
fi
if ! (cd "$work" && TMPDIR=$work "${as_user[@]}" timeout 120 \
        strace -f -qq -o "$work/calls" "$binary" demo --for 8s >"$work/said" 2>&1); then
    cat "$work/said" >&2
    echo "systemd_check: the demo did not run under strace" >&2
    exit 1
fi
python3 "$here/tests/systemd_calls.py" "$unit" "$work/calls"
