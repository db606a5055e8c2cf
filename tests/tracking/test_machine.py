"""The CPU's kind from texts of /proc/cpuinfo as machines give them; the memory a node took."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import numpy as np
import pytest

from gclbench.tracking import machine
from gclbench.tracking.machine import cpu_model, instruction_set, peak_memory_mb, start_peak

X86 = """processor\t: 0
vendor_id\t: GenuineIntel
model\t\t: 167
model name\t: Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz
flags\t\t: fpu sse sse2 {flags} lahf_lm
bugs\t\t: spectre_v1
"""
GRAVITON = """processor\t: 0
BogoMIPS\t: 243.75
Features\t: fp asimd evtstrm aes {flags}
CPU implementer\t: 0x41
"""
BOARD = "processor\t: 0\nFeatures\t: fp asimd\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"


@pytest.fixture(autouse=True)
def unbounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATEN_CPU_CAPABILITY", raising=False)


@pytest.mark.parametrize(
    "text,word",
    [
        (X86.format(flags="sse4_1 sse4_2"), "sse42"),
        (X86.format(flags="sse4_2 avx"), "avx"),
        (X86.format(flags="sse4_2 avx avx2 fma"), "avx2"),
        (X86.format(flags="sse4_2 avx avx2 fma avx512f avx512bw"), "avx512"),
        (GRAVITON.format(flags="sve"), "sve"),
        (GRAVITON.format(flags=""), "neon"),
        (BOARD, "neon"),
    ],
)
def test_the_instruction_set_is_the_widest_of_the_flags(text: str, word: str) -> None:
    assert instruction_set(text) == word


@pytest.mark.parametrize(
    "asked,word",
    [
        ("avx2", "avx2"),
        ("AVX2", "avx2"),
        ("default", "sse42"),
        ("avx1024", "avx512"),
        ("", "avx512"),
    ],
)
def test_less_than_the_cpu_has_may_be_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: str, word: str
) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", asked)
    assert instruction_set(X86.format(flags="sse4_2 avx avx2 avx512f")) == word


def test_more_than_the_cpu_has_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATEN_CPU_CAPABILITY", "avx512")
    assert instruction_set(X86.format(flags="sse4_2 avx avx2")) == "avx2"


@pytest.mark.parametrize("name,word", [("arm64", "neon"), ("x86_64", ""), ("riscv64", "")])
def test_without_flags_only_arm_is_known(
    monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: name)
    assert instruction_set("") == word


def test_the_model_is_the_cpus_name_else_the_architecture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert cpu_model(X86) == "Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz"
    assert cpu_model(BOARD) == "Raspberry Pi 4 Model B Rev 1.4"
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    monkeypatch.setattr(sys, "platform", "linux")
    assert cpu_model(GRAVITON) == "aarch64"


def test_the_peak_is_what_was_held_and_starts_anew() -> None:
    held = np.ones(60_000_000, dtype=np.uint8)
    before = peak_memory_mb()
    assert before is not None
    assert before > held.nbytes / 1e6
    del held
    start_peak()
    after = peak_memory_mb()
    assert after is not None
    if Path("/proc/self/clear_refs").exists():
        assert after < before - 40
    assert after > 10


def test_without_proc_the_peak_is_the_process_own(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(machine, "_PROCESS", tmp_path / "none")
    start_peak()
    found = peak_memory_mb()
    assert found is not None
    assert 10 < found < 1e5
