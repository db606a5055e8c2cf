"""Devices by the word of a request; what asks torch, and what does not."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch

from gclbench import devices
from gclbench.devices import check_device, expects_gpu
from gclbench.errors import UsageError


def test_the_cpu_is_there_without_asking_torch() -> None:
    code = (
        "import sys; from gclbench.devices import check_device, expects_gpu\n"
        "check_device('auto'); check_device('cpu'); expects_gpu('auto')\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_another_device_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"device=cuda: torch finds no GPU\. Use device=cpu"):
        check_device("cuda")
    with pytest.raises(UsageError, match="device=gpu is not known"):
        check_device("gpu")


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
