"""A bench for stages: a fake dataset in memory, tiny networks, parents made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gclbench.datasets.base import ImageTable
from gclbench.networks.id_encoder import IdEncoder
from gclbench.plan import Checkpoints
from gclbench.registry import REGISTRY
from gclbench.schema import Settings
from gclbench.schema.overrides import nest
from gclbench.seeding import numpy_generator, torch_generator
from gclbench.stages.context import StageContext
from gclbench.stages.generative import GenerativeModule
from gclbench.stages.loop import scalars, train
from gclbench.stages.pretrain import load_encoder
from gclbench.stages.supervised import new_classifier
from gclbench.stages.warmup import warmup
from gclbench.study.catalog import load_catalog

HEIGHT_PX, WIDTH_PX = 64, 32
TINY: dict[str, Any] = {
    "data.height_px": HEIGHT_PX,
    "data.width_px": WIDTH_PX,
    "network.id_encoder.depth": "resnet18",
    "network.id_encoder.width": 4,
    "network.id_encoder.embedding_dim": 16,
    "network.generator.structure_width": 4,
    "network.generator.structure_blocks": 1,
    "network.generator.structure_dilations": [1, 2, 3],
    "network.generator.decoder_width": 8,
    "network.generator.decoder_blocks": 2,
    "network.generator.mlp_width": 8,
    "network.generator.padding": "zeros",
    "network.discriminator.scales": 2,
    "network.discriminator.width": 4,
    "network.discriminator.blocks": 1,
    "pretrain.epochs": 2,
    "pretrain.batch_size": 8,
    "source.epochs": 2,
    "source.batch_size": 8,
    "warmup.epochs": 2,
    "warmup.batch_images": 4,
    "warmup.copies": 2,
    "warmup.global_from_epoch": 1,
    "warmup.joint_from_epoch": 2,
    "warmup.refresh_every_epochs": 1,
    "warmup.memory_momentum_step": 0.1,
    "warmup.k1": 4,
    "warmup.rho": 0.05,
    "warmup.k2": 2,
    "warmup.buc.merge_fraction": 0.2,
    "warmup.buc.first_epochs": 2,
    "warmup.buc.later_epochs_tracklets": 1,
    "warmup.buc.later_epochs_images": 1,
    "warmup.buc.batch_size": 4,
    "warmup.buc.frames": 3,
    "gan.epochs": 1,
    "gan.batch_size": 8,
    "gan.lr": 0.001,
    "joint.epochs": 2,
    "joint.batch_size": 4,
    "joint.evaluate_every": 0,
    "joint.pseudo_labels.k1": 4,
    "joint.pseudo_labels.k2": 2,
    "joint.pseudo_labels.eps": 0.6,
    "joint.pseudo_labels.min_samples": 2,
}


def tiny_settings(**sections: Mapping[str, Any]) -> Settings:
    """Return settings of tiny size; `joint={"epochs": 1}` sets joint.epochs."""
    flat = dict(TINY)
    for section, values in sections.items():
        flat |= {f"{section}.{key}": value for key, value in values.items()}
    return Settings.model_validate(nest(flat))


@dataclass(frozen=True)
class FakeDataset:
    """What stages ask of a dataset; `people` identities of 4 images and `strays` noise images.

    People have a colour of their own, so that even random networks tell them apart; strays are
    noise, so that clustering leaves them out.
    """

    people: int = 6
    strays: int = 2
    seed: int = 0
    label: str = "fake"
    role: str = "market1501"
    fingerprint: str = "0" * 64
    train: ImageTable = field(init=False)
    query: ImageTable = field(init=False)
    gallery: ImageTable = field(init=False)
    pixels: dict[str, np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        each = np.repeat(np.arange(self.people), 4)
        strays = self.people + np.arange(self.strays)
        pids = {
            "train": np.concatenate([each, strays]),
            "query": np.arange(self.people) + 100,
            "gallery": np.repeat(np.arange(self.people - 1), 2) + 100,
        }
        pixels = {}
        for split, values in pids.items():
            lengths = self.lengths(len(values))
            table = _table(split, values, lengths, query=split == "query")
            object.__setattr__(self, split, table)
            shown = values if lengths is None else np.repeat(values, lengths)
            pixels[split] = self._paint(split, shown)
        object.__setattr__(self, "pixels", pixels)

    def lengths(self, samples: int) -> np.ndarray | None:
        """How many images each sample has; None: they are images."""
        return None

    def factors(self, split: str) -> None:
        """Nothing is known of its images, as of real ones."""

    def _paint(self, split: str, pids: np.ndarray) -> np.ndarray:
        rng = numpy_generator(self.seed, "fake", split)
        colours = numpy_generator(self.seed, "colours").uniform(20, 235, (self.people, 2, 3))
        images = rng.normal(0, 12, (len(pids), HEIGHT_PX, WIDTH_PX, 3))
        for image, pid in zip(images, pids % 100, strict=True):
            if pid < self.people:
                image[: HEIGHT_PX // 2] += colours[pid, 0]
                image[HEIGHT_PX // 2 :] += colours[pid, 1]
            else:
                image[:] = rng.uniform(0, 255, image.shape)
        return images.clip(0, 255).astype(np.uint8)

    def images(self, split: str) -> np.ndarray:
        return self.pixels[split]

    def projections(self) -> np.ndarray:
        """A gray box on white, which moves with the angle and darkens with the row."""
        boxes = np.full((len(self.train.paths), 8, HEIGHT_PX, WIDTH_PX), 255, np.uint8)
        for angle in range(8):
            boxes[:, angle, 8:56, 2 * angle : 2 * angle + 14] = 60 + 10 * angle
        return boxes - np.arange(len(boxes), dtype=np.uint8)[:, None, None, None]

    def oracle_views(self) -> np.ndarray:
        return np.stack([np.roll(self.pixels["train"], a, axis=2) for a in range(8)], axis=1)

    def relabelled(self) -> FakeDataset:
        """The same images with the identities of every split shuffled."""
        rng, other = numpy_generator(9, "relabel"), replace(self)
        for split in ("train", "query", "gallery"):
            table = getattr(self, split)
            object.__setattr__(other, split, replace(table, pids=rng.permutation(table.pids)))
        return other


class FakeTracklets(FakeDataset):
    """The same people in tracklets of 1, 2, 3, 4, 1, ... frames."""

    def lengths(self, samples: int) -> np.ndarray | None:
        return np.arange(samples) % 4 + 1


class Quarter:
    """A dataset at half the height and width: a step costs a quarter."""

    def __init__(self, whole: Any) -> None:
        self.whole = whole

    def __getattr__(self, name: str) -> Any:
        return getattr(self.whole, name)

    def images(self, split: str) -> np.ndarray:
        return self.whole.images(split)[:, ::2, ::2]

    def projections(self) -> np.ndarray:
        return self.whole.projections()[..., ::2, ::2]

    def oracle_views(self) -> np.ndarray:
        return self.whole.oracle_views()[..., ::2, ::2, :]


def _table(split: str, pids: np.ndarray, lengths: np.ndarray | None, *, query: bool) -> ImageTable:
    count = len(pids)
    images = count if lengths is None else int(lengths.sum())
    return ImageTable(
        paths=tuple(f"{split}/{index:03d}.jpg" for index in range(images)),
        pids=pids.astype(np.int64),
        cams=np.zeros(count, np.int64) if query else np.arange(count) % 3 + 1,
        frames=np.arange(count) * 40,
        starts=None if lengths is None else np.concatenate([[0], np.cumsum(lengths)]),
    )


class Killed(Exception):
    """Stands for a signal that ends the process."""


@dataclass
class Bench:
    """Makes contexts and warm-ups; notes what stages log and how often they report progress."""

    home: Path
    dataset: FakeDataset
    logged: list[tuple[str, float, int]] = field(default_factory=list)
    steps: int = 0

    def context(
        self,
        stage: str,
        settings: Settings | None = None,
        *,
        parents: Mapping[str, Path] | None = None,
        datasets: Mapping[str, Any] | None = None,
        seed: int = 0,
        folder: str = "own",
    ) -> StageContext:
        """A context of `stage`; without `parents` and `datasets`, a target and no parents."""
        place = self.home / folder / stage
        place.mkdir(parents=True, exist_ok=True)
        return StageContext(
            stage=stage,
            settings=settings or tiny_settings(),
            seed=seed,
            parents=dict(parents or {}),
            datasets=dict(datasets or {"target": self.dataset}),  # type: ignore[arg-type]
            folder=place,
            checkpoints=Checkpoints(place / "checkpoints"),
            device=torch.device("cpu"),
            log=lambda name, value, step: self.logged.append((name, value, step)),
            progress=self._count,
        )

    def _count(self, *args: Any) -> None:
        self.steps += 1

    def values(self, name: str) -> list[float]:
        """All values logged under a name, in order."""
        return [value for known, value, _ in self.logged if known == name]

    def parent(self, stage: str, seed: int = 5) -> Path:
        """The artifact that `stage` would leave, with fresh weights."""
        folder = self.home / "parents" / stage
        if folder.is_dir():
            return folder
        folder.mkdir(parents=True)
        settings = tiny_settings()
        generator = torch_generator(seed, "encoder")
        encoder = IdEncoder(settings.network.id_encoder, generator=generator)
        torch.save(encoder.state_dict(), folder / "encoder.pt")
        if stage == "source":
            classes = len(np.unique(self.dataset.train.pids))
            classifier = new_classifier(encoder.embedding_dim, classes, generator)
            torch.save(classifier.state_dict(), folder / "classifier.pt")
        if stage == "gan":
            module = GenerativeModule(self.context("gan", settings), encoder.channels)
            torch.save(module.generator.state_dict(), folder / "generator.pt")
            torch.save(module.discriminator.state_dict(), folder / "discriminator.pt")
        return folder

    def parents(self, *stages: str) -> dict[str, Path]:
        return {stage: self.parent(stage) for stage in stages}

    def warmup(
        self, settings: Settings | None = None, *, source: bool = False, **context: Any
    ) -> Any:
        """The training of `warmup.method` from its start; `source`: after a source, beside it."""
        parent = "source" if source else "pretrain"
        datasets = {"target": self.dataset} | ({"source": self.dataset} if source else {})
        context = {"datasets": datasets, "parents": self.parents(parent)} | context
        made = self.context("warmup", settings, **context)
        method = REGISTRY.bound(made.settings.warmup.method)
        return method(made, load_encoder(made, parent))

    def warmed(self, settings: Settings | None = None, **context: Any) -> Any:
        """The same, trained to its end."""
        training = self.warmup(settings, **context)
        train(training, training.context)
        return training

    def run_epoch(self, training: Any, epoch: int = 0) -> list[dict[str, float]]:
        """Train one epoch; return the losses of its steps."""
        return [scalars(training.step(batch)) for batch in training.begin_epoch(epoch)]

    def of_seeds(self, settings: Settings | None, *seeds: int, **context: Any) -> list[Any]:
        """One trained warm-up per seed, each in a folder of its own."""
        return [
            self.warmed(settings, seed=seed, folder=f"number{i}", **context)
            for i, seed in enumerate(seeds)
        ]

    def honest_and_blind(self, settings: Settings | None = None, **context: Any) -> Any:
        """Two trained warm-ups, the second one with everybody's identity shuffled."""
        honest = self.warmed(settings, folder="honest", **context)
        self.dataset = self.dataset.relabelled()
        return honest, self.warmed(settings, folder="blind", **context)

    def alone_and_beside(self, settings: Settings, source: Any) -> Any:
        """Two warm-ups trained after a source; the second one could read `source` as well."""
        target = {"target": self.dataset}
        return [
            self.warmed(settings, source=True, folder=folder, datasets=datasets)
            for folder, datasets in (("alone", target), ("beside", target | {"source": source}))
        ]

    def whole_and_resumed(self, settings: Settings, after: int, **context: Any) -> Any:
        """Two trained warm-ups, the second killed in its step after `after` epochs and one batch.

        An epoch of a single batch is killed before it.
        """
        whole = self.warmed(settings, folder="whole", **context)
        killed = self.warmup(settings, folder="killed", **context)
        _kill(killed, after)
        with pytest.raises(Killed):
            train(killed, killed.context)
        return whole, self.warmed(settings, folder="killed", **context)

    def second_epochs(self, settings: Settings | None, **context: Any) -> Any:
        """Two trainings and the losses of their second epoch: (one, its, other, its).

        The other one did not train the first epoch: it loads what the one left after it.
        """
        one = self.warmup(settings, folder="one", **context)
        self.run_epoch(one)
        Checkpoints(self.home / "kept").save(1, one.state_dict())
        losses = self.run_epoch(one, 1)
        other = self.warmup(settings, folder="other", **context)
        found = Checkpoints(self.home / "kept").latest()
        assert found is not None
        other.load_state_dict(found[1])
        return one, losses, other, self.run_epoch(other, 1)

    def stage_result(self, settings: Settings | None = None, parent: str = "pretrain") -> Any:
        """Run stage 1 as a node does; return E_id's tensors before it and those it leaves."""
        context = self.context("warmup", settings, parents=self.parents(parent))
        assert warmup(context) == {}
        start = load_encoder(context, parent).state_dict()
        state = torch.load(context.folder / "encoder.pt", weights_only=True)
        assert state.keys() == start.keys()
        assert all(value.isfinite().all() for value in state.values())
        return start, state


def _kill(training: Any, after: int) -> None:
    """Let a training die on its way through the epoch that follows the first `after` ones."""
    begin, step, place = training.begin_epoch, training.step, {"epoch": 0, "left": 0}

    def noted(epoch: int) -> Any:
        batches = begin(epoch)
        place.update(epoch=epoch, left=min(len(batches) - 1, 1))
        return batches

    def deadly(batch: Any) -> Any:
        if place["epoch"] == after:
            if not place["left"]:
                raise Killed
            place["left"] -= 1
        return step(batch)

    training.begin_epoch, training.step = noted, deadly


@pytest.fixture(scope="session", autouse=True)
def catalog() -> None:
    load_catalog()


@pytest.fixture(scope="session")
def dataset() -> FakeDataset:
    return FakeDataset()


@pytest.fixture(scope="session")
def tracklets() -> FakeTracklets:
    return FakeTracklets(role="mars")


@pytest.fixture
def video(tmp_path: Path, tracklets: FakeTracklets) -> Bench:
    """As `bench`, over tracklets."""
    return Bench(tmp_path / "video", tracklets)


@pytest.fixture
def bench(tmp_path: Path, dataset: FakeDataset) -> Bench:
    return Bench(tmp_path, dataset)


@pytest.fixture(scope="session")
def quarter() -> Callable[[Any], Quarter]:
    """A function that gives a dataset at half the height and width."""
    return lambda dataset: dataset if isinstance(dataset, Quarter) else Quarter(dataset)


@pytest.fixture(scope="session")
def benches() -> type[Bench]:
    """`Bench`, for tests that share one."""
    return Bench


@pytest.fixture(scope="session")
def tiny() -> Callable[..., Settings]:
    """`tiny_settings`, for files that cannot import this one."""
    return tiny_settings


@pytest.fixture(scope="session")
def weights() -> Callable[[Any], dict[str, torch.Tensor]]:
    """A function that copies all parameters and buffers of a module."""

    def copy(module: torch.nn.Module) -> dict[str, torch.Tensor]:
        return {name: value.clone() for name, value in module.state_dict().items()}

    return copy


@pytest.fixture(scope="session")
def moved() -> Callable[[Mapping[str, torch.Tensor], torch.nn.Module], list[str]]:
    """A function that names the tensors of a module that differ, in any bit, from a copy."""

    def names(before: Mapping[str, torch.Tensor], module: torch.nn.Module) -> list[str]:
        after = module.state_dict()
        return [name for name in after if not torch.equal(before[name], after[name])]

    return names
