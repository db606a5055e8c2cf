"""Devices by the word of a request; what asks torch, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gclbench import devices
from gclbench.devices import check_device, choose_device, device_name, expects_gpu, read_device
from gclbench.errors import DeviceMissingError, UsageError


def test_the_cpu_is_there_without_asking_torch() -> None:
    code = (
        "import sys; from gclbench.devices import check_device, expects_gpu, read_device\n"
        "check_device('auto'); check_device('cpu'); expects_gpu('auto'); read_device('cuda:9')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    "word",
    ["gpu", "mps", "xpu", "meta", "cuda:-1", "cuda:x", "cuda:", "cuda:01", "CPU", "cpu ", ""],
)
def test_a_word_that_is_no_device_is_a_usage_error(word: str) -> None:
    for ask in (read_device, check_device, choose_device):
        with pytest.raises(UsageError, match=r"Use auto, cpu, cuda or cuda:N\."):
            ask(word)
    assert device_name(word) == ""


@pytest.mark.parametrize(
    ("word", "gpus", "said"),
    [
        ("cuda", 0, r"device=cuda: torch finds no GPU\. Use device=cpu"),
        ("cuda:9", 0, r"device=cuda:9: torch finds no GPU"),
        ("cuda:9", 2, r"device=cuda:9: there are 2 GPUs\. Use cuda:0 to cuda:1"),
        ("cuda:2", 2, r"device=cuda:2: there are 2 GPUs"),
        ("cuda:1", 1, r"device=cuda:1: there is 1 GPU\. Use cuda:0"),
        ("cpu:1", 2, r"device=cpu:1: the processor has no number\. Use device=cpu\."),
    ],
)
def test_another_device_must_be_there(
    monkeypatch: pytest.MonkeyPatch, word: str, gpus: int, said: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    assert read_device(word) == word
    with pytest.raises(DeviceMissingError, match=said):
        check_device(word)
    assert device_name(word) == ""


def test_a_gpu_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [str(choose_device(word)) for word in ("auto", "cuda", "cuda:0", "cuda:1", "cpu")] == [
        *("cuda", "cuda", "cuda:0", "cuda:1", "cpu")
    ]


@pytest.mark.parametrize(
    ("name", "built_for", "driver", "expected"),
    [
        ("cpu", "2.13.0", True, False),
        ("cuda:1", "2.13.0+cpu", False, True),
        ("auto", "2.13.0+cpu", True, False),
        ("auto", "2.13.0", False, False),
        ("auto", "2.13.0", True, True),
    ],
)
def test_a_gpu_is_expected_where_torch_and_the_system_have_one(
    monkeypatch: pytest.MonkeyPatch, name: str, built_for: str, driver: bool, expected: bool
) -> None:
    monkeypatch.setattr(devices, "version", lambda package: built_for)
    monkeypatch.setattr(devices.os.path, "exists", lambda path: driver)
    assert expects_gpu(name) is expected
