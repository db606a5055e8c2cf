"""The CPU that numbers come from, and the memory they took: what other bits may be due to."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_PROCESS = Path("/proc/self")
# Words for vector units, narrowest first, with the flag of /proc/cpuinfo that shows each.
_VECTORS = {
    "neon": "asimd",
    "sve": "sve",
    "sse42": "sse4_2",
    "avx": "avx",
    "avx2": "avx2",
    "avx512": "avx512f",
}


def cpu_model(cpuinfo: str | None = None) -> str:
    """Return the CPU's name; where the system does not tell, its architecture.

    `cpuinfo` is the text of /proc/cpuinfo, read where it is not given.
    """
    text = _cpuinfo() if cpuinfo is None else cpuinfo
    found = re.search(r"^(?:model name|Model|Hardware)\s*:\s*(\S.*)$", text, re.MULTILINE)
    return found[1].strip() if found else _brand() or platform.processor() or platform.machine()


def instruction_set(cpuinfo: str | None = None) -> str:
    """Return the widest vector unit that networks use: avx512, avx2, avx, sse42, sve or neon.

    It is read from the flags in /proc/cpuinfo (avx512f, avx2, avx, sse4_2, sve, asimd) and bounded
    by $ATEN_CPU_CAPABILITY, by which torch is told to use less. Elsewhere arm64 has neon, and of
    others nothing is known ("").
    """
    text = _cpuinfo() if cpuinfo is None else cpuinfo
    line = re.search(r"^(?:flags|Features)\s*:(.*)$", text, re.MULTILINE)
    flags = set(line[1].split()) if line else set()
    found = [word for word, flag in _VECTORS.items() if flag in flags]
    if not found:
        return "neon" if platform.machine().lower() in ("arm64", "aarch64") else ""
    bounds = {word: word for word in found} | {"default": found[0]}
    return bounds.get(os.environ.get("ATEN_CPU_CAPABILITY", "").lower(), found[-1])


def start_peak() -> None:
    """Forget the peak so far: the next `peak_memory_mb` speaks of what came after (Linux)."""
    with suppress(OSError):
        (_PROCESS / "clear_refs").write_text("5", encoding="ascii")


def peak_memory_mb() -> float | None:
    """Return the most main memory that this process held, in MB (10^6 bytes); None if unknown.

    Since `start_peak` where the system can tell, else since the process began.
    """
    with suppress(OSError):
        found = re.search(r"^VmHWM:\s*(\d+) kB$", (_PROCESS / "status").read_text(), re.MULTILINE)
        if found:
            return round(int(found[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


@cache
def _cpuinfo() -> str:
    try:
        return _CPUINFO.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _brand() -> str:
    """The CPU's name on macOS."""
    if sys.platform != "darwin":
        return ""
    words = ["sysctl", "-n", "machdep.cpu.brand_string"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(words, capture_output=True, text=True, timeout=10, check=True)
        return done.stdout.strip()
    return ""
