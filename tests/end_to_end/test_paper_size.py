"""The paper profile on a few people: three iterations of each stage at 256x128, ResNet-50."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from sqlalchemy import select

from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder
from gclbench.schema import Settings
from gclbench.tracking.store import RunStore
from gclbench.tracking.tables import METRICS, RUNS

# 60 training images: three batches of 16 in stages 2 and 3, one of 32 in each epoch of stage 1.
WORDS = (
    "run", "ablation=table6", "profile=paper", "rows=rotation_dmixup", "tasks=market1501",
    "executor=inline", "device=cpu", "pretrain.kind=random", "data.mesh.renderer=raster",
    "data.world.people_train=6", "data.world.people_test=4",
    "data.world.images_per_person=10", "data.world.distractor_people=0",
    "warmup.epochs=3", "warmup.global_from_epoch=2", "warmup.joint_from_epoch=3",
    "warmup.refresh_every_epochs=1", "warmup.rho=0.05", "gan.epochs=1", "joint.epochs=1",
    "joint.pseudo_labels.k1=8", "joint.pseudo_labels.k2=3", "joint.pseudo_labels.eps=0.7",
)  # fmt: skip
STAGES = ("warmup", "gan", "joint")
LOSSES = {
    "warmup": {"loss", "local", "global"},
    "gan": {"loss", "loss_d", "recon_x", "recon_x_cyc", "recon_f", "recon_f_cyc", "adv"},
}
LOSSES["joint"] = LOSSES["gan"] | {"l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"}
COUNTS = {"encoder": 24_558_144, "generator": 13_380_675, "discriminator": 1_025_571}
LIMIT_GB = 20.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """The results folder and the largest memory of the run, a process of its own, in GB."""
    home = tmp_path_factory.mktemp("paper") / "results"
    script = str(Path(sys.executable).with_name("gclbench"))
    pid = os.posix_spawn(script, [script, *WORDS, f"home={home}"], dict(os.environ))
    _, status, used = os.wait4(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    return home, used.ru_maxrss / 2**20


def metrics_of(home: Path, stage: str) -> dict[str, list[float]]:
    store = RunStore(f"sqlite:///{home / 'store.db'}")
    columns = (METRICS.c.name, METRICS.c.value)
    query = select(*columns).join(RUNS, RUNS.c.id == METRICS.c.run_id).where(RUNS.c.stage == stage)
    found: dict[str, list[float]] = {}
    with store.transaction() as connection:
        for name, value in connection.execute(query):
            found.setdefault(name, []).append(math.nan if value is None else value)
    store.close()
    return found


@pytest.mark.parametrize("stage", STAGES)
def test_every_loss_of_a_stage_is_finite(trained: Any, stage: str) -> None:
    metrics = metrics_of(trained[0], stage)
    assert LOSSES[stage] <= metrics.keys()
    assert all(math.isfinite(value) for values in metrics.values() for value in values)


def test_stage_three_trains_three_batches_on_several_clusters(trained: Any) -> None:
    metrics = metrics_of(trained[0], "joint")
    assert metrics["clusters"][0] >= 3
    assert metrics["outliers"][0] <= 60 - 3 * 16
    assert all(metrics[name][0] > 0 for name in LOSSES["joint"])


@pytest.mark.parametrize("name", COUNTS)
def test_the_networks_have_the_papers_parameter_counts(trained: Any, name: str) -> None:
    sizes = Settings().network
    networks: dict[str, torch.nn.Module] = {
        "encoder": IdEncoder(sizes.id_encoder),
        "generator": Generator(sizes.generator, 2048, 4),
        "discriminator": Discriminator(sizes.discriminator),
    }
    (file,) = trained[0].glob(f"artifacts/gan/*/{name}.pt")
    networks[name].load_state_dict(torch.load(file, weights_only=True))
    assert sum(parameter.numel() for parameter in networks[name].parameters()) == COUNTS[name]


def test_memory_stays_below_twenty_gigabytes(
    trained: Any, record_property: Callable[[str, object], None]
) -> None:
    record_property("peak_gb", round(trained[1], 1))
    assert 1 < trained[1] < LIMIT_GB
