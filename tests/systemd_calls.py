#!/usr/bin/env python3
"""Would the unit's sandbox let the daemon do what it did? Usage: systemd_calls.py UNIT STRACE_OUTPUT

Compares every system call, socket family and executable mapping that `strace -f` saw with the unit's SystemCallFilter=,
RestrictAddressFamilies= and MemoryDenyWriteExecute=. The sets (@system-service, ...) are those of the systemd on this machine.
"""
import re
import subprocess
import sys


def expand(name: str) -> set[str]:
    """System calls of a set, through the sets within it."""
    if not name.startswith("@"):
        return {name}
    out = subprocess.run(["systemd-analyze", "syscall-filter", name], check=True, capture_output=True, text=True)
    lines = [line.strip() for line in out.stdout.splitlines()[1:]]
    return set().union(*(expand(line) for line in lines if line and not line.startswith("#")))


def values(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit, re.MULTILINE)


def allowed_calls(unit: str) -> set[str]:
    allowed = expand("@default")
    for line in values(unit, "SystemCallFilter"):
        named = set().union(*(expand(name) for name in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    return allowed


def main() -> int:
    unit, calls = (open(path, encoding="utf-8", errors="replace").read() for path in sys.argv[1:3])
    used = set(re.findall(r"^(?:\d+ +)?([a-z_0-9]+)\(", calls, re.MULTILINE))
    families = set(re.findall(r"\bsocket\((AF_\w+)", calls))
    faults = [f"system call {name} is not in SystemCallFilter=" for name in sorted(used - allowed_calls(unit))]
    permitted = " ".join(values(unit, "RestrictAddressFamilies")).split()
    faults += [f"socket family {name} is not in RestrictAddressFamilies=" for name in sorted(families - set(permitted))]
    if re.search(r"\bPROT_WRITE\|PROT_EXEC\b", calls):
        faults.append("memory is mapped writable and executable: MemoryDenyWriteExecute= forbids that")
    if len(used) < 30 or not families:
        faults.append(f"only {len(used)} system calls seen: the daemon did not run under strace")
    print("\n".join(faults) or f"system calls: {len(used)} different ones, all within the unit's sandbox")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
