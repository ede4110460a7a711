#!/usr/bin/env bash
# The unit file: no unknown keys or bad values, and an exposure of at most 1.5 by systemd's own measure.
# Works without a running systemd. Usage: tests/systemd_check.sh [BINARY]
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
binary=$(realpath "${1:-$here/target/debug/gatehouse}")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# `verify` wants the program to exist, so point the copy at the one just built.
sed "s#/usr/bin/gatehouse#$binary#" "$here/systemd/gatehouse.service" > "$work/gatehouse.service"
systemd-analyze verify --man=no --recursive-errors=no "$work/gatehouse.service"
systemd-analyze security --offline=true --threshold=15 "$work/gatehouse.service" | tail -n 2
