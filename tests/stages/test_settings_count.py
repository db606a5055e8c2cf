"""Every setting in a stage's key changes what the stage leaves, and no other one does.

A setting that changes nothing is a promise not kept; one that changes something without being in
the key is a wrong number found in the store. Each run is a few steps of tiny networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.schema import Settings, Stage
from gclbench.schema.dotted import nest, setting_types
from tests.stages.setting_runs import (
    Case,
    Runs,
    another,
    assert_counts,
    assert_outside_changes_nothing,
    in_key,
    key_settings,
)

PLAIN = {"joint.augmentations": ["multi", "mixup"]}
GENERATED = {"joint.augmentations": ["rotation", "d_mixup"]}
TWO_EPOCHS = {"joint.epochs": 2, "joint.lr_decay_epoch": 1}
_DATA = "said by the dataset that a stage is given"
_NETWORKS = "held for the networks themselves, below"
_STAGE_2 = "stage 2's: stage 3 has them by its parent"


CASES = {
    "pretrain": Case(Stage.PRETRAIN, sections=("pretrain",)),
    "source": Case(Stage.SOURCE, sections=("source",)),
    "gan": Case(Stage.GAN, generative=True, sections=("gan",)),
    "joint": Case(Stage.JOINT, PLAIN, sections=("joint",)),
    "joint with G": Case(Stage.JOINT, GENERATED, generative=True, sections=("gan",)),
    "evaluate": Case(
        Stage.EVALUATE,
        {"evaluate.camera_time": True, "evaluate.camera_time_model.rho": 0.1},
        sections=("evaluate",),
    ),
}
# Another value where the next one by type is not telling, and what both runs begin with.
OTHER: dict[str, tuple[Any, dict[str, Any]]] = {
    "pretrain.kind": ("random", {}),
    "gan.view": ("mesh_switch", {}),
    "gan.r1_weight": (1e6, {}),
    "gan.lr_decay_epoch": (1, {"gan.epochs": 2}),
    "gan.lr_decay": (0.5, {"gan.epochs": 2, "gan.lr_decay_epoch": 1}),
    "joint.augmentations": (["multi", "f_mixup"], {}),
    "joint.losses": (["l_vi", "l_mix"], {}),
    "joint.gan_lr": (0.01, GENERATED),
    "joint.gan_lr_decay": (0.5, {**GENERATED, **TWO_EPOCHS}),
    "joint.lr_decay": (0.5, TWO_EPOCHS),
    "joint.lr_decay_epoch": (1, {"joint.epochs": 2}),
    "joint.negatives": (3, {}),
    "joint.f_mixup_layer": ("identity", {"joint.augmentations": ["multi", "f_mixup"]}),
    "joint.pseudo_labels.eps": (0.2, {}),
    "joint.pseudo_labels.eps_rule": ("rho", {}),
    "joint.pseudo_labels.rho": (0.3, {"joint.pseudo_labels.eps_rule": "rho"}),
    "joint.pseudo_labels.k1": (10, {}),
    "joint.pseudo_labels.k2": (5, {}),
    "joint.pseudo_labels.min_samples": (5, {}),
    "joint.evaluate_every": (1, {}),
    "joint.sampler": ("identities", {}),
    "evaluate.camera_time": (False, {}),
    "evaluate.camera_time_model.rho": (0.3, {}),
    "evaluate.camera_time_model.smoothing_bins": (1.0, {}),
}
# Settings in the key that change nothing here, and why.
REASONS = {
    "pretrain.people": _DATA,
    "pretrain.images_per_person": _DATA,
    "evaluate.split": _DATA,
    "joint.pseudo_labels.method": "there is no second one yet",
    "evaluate.batch_size": "other sums of one value: the last bits may differ",
    **{
        f"joint with G/gan.{name}": _STAGE_2
        for name in (
            *("epochs", "batch_size", "lr", "lr_decay_epoch", "lr_decay", "view"),
            *("adversarial_mix", "mix_alpha"),
        )
    },
}
OUTSIDE = {
    "data.height_px": _DATA,
    "data.width_px": _DATA,
    "data.mesh": _DATA,
    "network": _NETWORKS,
}


def tried() -> Iterator[Any]:
    for name, case in CASES.items():
        for setting in in_key(case):
            if not {setting, f"{name}/{setting}"} & REASONS.keys():
                yield pytest.param(name, setting, id=f"{name}-{setting}")


@pytest.fixture(scope="module")
def runs(
    tmp_path_factory: pytest.TempPathFactory, dataset: Any, quarter: Any, tiny: Any, benches: Any
) -> Runs:
    """Queries are of cameras that training saw, at other times: fixtures' are not."""
    seen = quarter(dataset)
    rows = np.arange(len(seen.query.pids))
    seen.query = replace(seen.query, cams=rows % 3 + 1, frames=rows * 170 % 500)
    return Runs(benches(tmp_path_factory.mktemp("runs"), seen), None, tiny)


@pytest.mark.parametrize("case,setting", [*tried()])
def test_a_setting_in_the_key_changes_what_the_stage_leaves(
    runs: Runs, case: str, setting: str
) -> None:
    assert_counts(runs, CASES[case], setting, OTHER)


@pytest.mark.parametrize("case", CASES)
def test_a_setting_outside_of_the_key_changes_nothing(runs: Runs, case: str) -> None:
    base = {} if case == "evaluate" else CASES[case].base
    assert_outside_changes_nothing(runs, CASES[case], base)


def test_every_setting_of_a_key_is_tried_or_has_its_reason() -> None:
    for name, case in CASES.items():
        for setting in key_settings(case, {**case.base}):
            section = setting.split(".")[0]
            shared = setting.startswith(tuple(OUTSIDE))
            elsewhere = section in ("gan", "joint") and case.stage is Stage.JOINT
            assert section in case.sections or shared or elsewhere, f"{name}: {setting}"


NETWORK_SIZES = [
    name
    for name in setting_types()
    if name.startswith("network.") and not name.endswith(("component", "structure"))
]


@pytest.mark.parametrize("setting", NETWORK_SIZES)
def test_a_size_of_a_network_changes_its_weights_or_what_it_says(runs: Runs, setting: str) -> None:
    base = runs.flat({})
    values = {
        "network.id_encoder.depth": "resnet50",
        "network.id_encoder.parts": 2,
        "network.generator.structure_dilations": [1, 2, 4],
        "network.generator.padding": "reflect",
        "network.generator.decoder_width": 16,
        "network.generator.decoder_blocks": 4,
    }
    other = values.get(setting) or another(setting, base, base[setting])
    assert said_by_networks(base) != said_by_networks({**base, setting: other})


def said_by_networks(flat: Mapping[str, Any]) -> list[Any]:
    """What E_id, G and D say of one picture, each from a stream of its own."""
    from gclbench.networks.build import build_discriminator, build_generator, build_id_encoder

    settings = Settings.model_validate(nest({**flat, "data.height_px": 64}))
    streams = [torch.Generator().manual_seed(seed) for seed in range(4)]
    picture = torch.randn(1, 3, 64, 32, generator=streams[0])
    with torch.no_grad():
        encoder = build_id_encoder(settings.network.id_encoder, streams[1]).eval()
        found = encoder(picture)
        generator = build_generator(settings, encoder.channels, streams[2])
        drawn = generator(found.f_id, picture[:, :1])
        judged = build_discriminator(settings, streams[3])(picture)
    return [value.tolist() for value in (found.f_id, found.embedding, drawn, *judged)]
