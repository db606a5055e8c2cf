"""No weight may depend on a label of the target: whole chains, label-blind, bit by bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from gclbench.registry import REGISTRY
from gclbench.seeding import numpy_generator

LOSSES = ["l_vi", "l_vi_prime", "l_vi_dprime", "l_proto", "l_mix"]


def with_other_labels(dataset: Any) -> Any:
    """The same pictures, cameras and times; training identities are drawn anew, also their count.

    Query and gallery keep theirs.
    """
    pids = numpy_generator(11, "auditor").integers(0, 1000, len(dataset.train))
    other = replace(dataset)
    object.__setattr__(other, "train", replace(dataset.train, pids=pids))
    return other


def run_chain(
    bench: Any, tiny: Any, target: Any, method: str, source: Any, folder: str
) -> dict[str, Path]:
    """Stages 1 to 3 through the registered stage functions; each one's artifact folder."""
    settings = tiny(
        warmup={"method": method},
        joint={
            "augmentations": ["rotation", "d_mixup"],
            "losses": LOSSES,
            "epochs": 1,
            "evaluate_every": 1,
        },
    )
    begin = "pretrain" if source is None else "source"
    done: dict[str, Path] = {begin: bench.parent(begin)}
    needs = {"warmup": (begin,), "gan": ("warmup",), "joint": ("warmup", "gan")}
    for stage, parents in needs.items():
        datasets = {"target": target}
        if stage == "warmup" and source is not None:
            datasets["source"] = source
        context = bench.context(
            stage,
            settings,
            parents={name: done[name] for name in parents},
            datasets=datasets,
            folder=folder,
        )
        REGISTRY.lookup("stages", stage).component(context)
        done[stage] = context.folder
    return {stage: done[stage] for stage in needs}


def differences(one: dict[str, Path], other: dict[str, Path]) -> list[str]:
    """Names of the tensors, of all artifacts, that differ in any bit."""
    found = []
    for stage, folder in one.items():
        files = sorted(folder.glob("*.pt"))
        assert files
        for file in files:
            ours = torch.load(file, weights_only=True)
            theirs = torch.load(other[stage] / file.name, weights_only=True)
            found += [
                f"{stage}/{file.name}/{name}"
                for name in ours
                if not torch.equal(ours[name], theirs[name])
            ]
    return found


@pytest.mark.parametrize("kind", ["images", "tracklets"])
@pytest.mark.parametrize("uda", [False, True], ids=["usl", "uda"])
@pytest.mark.parametrize("method", ["jvtc", "buc"])
def test_labels_of_the_target_reach_no_weight(
    method: str, uda: bool, kind: str, bench: Any, dataset: Any, tracklets: Any, tiny: Any
) -> None:
    target = dataset if kind == "images" else tracklets
    source = replace(dataset, seed=3) if uda else None
    honest = run_chain(bench, tiny, target, method, source, "honest")
    blind = run_chain(bench, tiny, with_other_labels(target), method, source, "blind")
    assert differences(honest, blind) == []


def test_labels_of_the_source_are_used_and_the_audit_sees_what_differs(
    bench: Any, dataset: Any, tiny: Any
) -> None:
    source = replace(dataset, seed=3)
    honest = run_chain(bench, tiny, dataset, "jvtc", source, "honest")
    pids = numpy_generator(11, "source").permutation(source.train.pids)
    shuffled = replace(source)
    object.__setattr__(shuffled, "train", replace(source.train, pids=pids))
    other = run_chain(bench, tiny, dataset, "jvtc", shuffled, "other")
    found = differences(honest, other)
    assert {name.split("/")[0] for name in found} == {"warmup", "gan", "joint"}
