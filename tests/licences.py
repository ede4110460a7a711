#!/usr/bin/env python3
"""Licences, sources and known-bad versions of everything in Cargo.lock; works without a network.

Fails on a licence that is not on the list (none of GPL, AGPL, LGPL is), on a crate from anywhere but the registry, on a second
TLS stack, and on versions with faults that matter here. The advisory database itself is not in any package registry: where
`cargo deny` and its database are at hand, `cargo deny check advisories` does the rest.
"""
import json
import re
import subprocess
import sys

ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "MPL-2.0", "Unicode-3.0", "Unlicense", "Zlib",
}
BANNED = {
    "openssl-sys": "a second TLS stack; rustls with ring is the one",
    "aws-lc-sys": "needs cmake and a second crypto library; rustls with ring is the one",
    "evalexpr": "AGPL since version 12",
    "libudev-sys": "would need libudev on every box",
}
# (crate, first good version, why)
MINIMUM = [
    ("libsqlite3-sys", (0, 37, 0), "SQLite before 3.51.3 can lose committed pages when a checkpoint meets a WAL reset"),
    ("rustls", (0, 23, 18), "RUSTSEC-2024-0399"),
    ("ring", (0, 17, 12), "RUSTSEC-2025-0009"),
    ("tokio", (1, 44, 2), "RUSTSEC-2025-0023"),
    ("crossbeam-channel", (0, 5, 15), "RUSTSEC-2025-0024"),
]


def permitted(expression: str) -> bool:
    """True if the SPDX expression can be satisfied by ALLOWED (OR: one side, AND: both)."""
    text = expression.replace("/", " OR ")
    for licence in sorted(ALLOWED, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(licence)}(?![\w.-])(?! WITH)", " True ", text)
    text = re.sub(r"[A-Za-z0-9.+-]+ WITH [A-Za-z0-9.-]+", " False ", text)
    words = re.findall(r"\(|\)|[^\s()]+", text)
    safe = {"OR": "or", "AND": "and", "True": "True", "(": "(", ")": ")"}
    return bool(eval(" ".join(safe.get(w, "False") for w in words)))  # only the words above reach eval


def main() -> int:
    out = subprocess.run(["cargo", "metadata", "--locked", "--format-version", "1"], check=True, capture_output=True)
    packages = json.loads(out.stdout)["packages"]
    faults = []
    for p in packages:
        name = f"{p['name']} {p['version']}"
        if p["source"] is None:
            continue
        if not p["source"].startswith("registry+"):
            faults.append(f"{name}: comes from {p['source']}, not from the registry")
        if not p["license"] or not permitted(p["license"]):
            faults.append(f"{name}: licence {p['license']!r} is not on the list")
        if p["name"] in BANNED:
            faults.append(f"{name}: {BANNED[p['name']]}")
        for crate, least, why in MINIMUM:
            if p["name"] == crate and tuple(int(n) for n in re.findall(r"\d+", p["version"])[:3]) < least:
                faults.append(f"{name}: needs {'.'.join(map(str, least))} or later: {why}")
    print("\n".join(faults) or f"licences: {len(packages)} packages, all permitted")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
