"""What single stages need: weight files, datasets, meshes, settings that fit together.

Every function takes the stage runs and gives checks, each of which raises; a question that many
runs share is asked once. To add one, name it in `_NEEDS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from gclbench.plan import Node
from gclbench.plan.weights import weight_files
from gclbench.schema import Settings, Stage, fit
from gclbench.schema.settings import VIDEO_ROLES, DataSettings
from gclbench.study.batch_needs import batch_checks
from gclbench.user_paths import user_path

Check = Callable[[], object]


@dataclass(frozen=True)
class Augmentations:
    """What is known of augmentations by name: what they act on, and what guides G in them.

    See `augmentations.base`: `space` and `guide`.
    """

    space: Callable[[str], str]
    guide: Callable[[str], str]


@dataclass(frozen=True)
class _Asked:
    """Stage runs with their settings, and the folder of cached data."""

    runs: Sequence[tuple[Node, Settings]]
    cache: Path
    augmentations: Augmentations

    def of(self, stage: Stage) -> Iterator[tuple[Node, Settings]]:
        return (run for run in self.runs if run[0].stage is stage)

    def data(self) -> list[tuple[str, DataSettings]]:
        """Every role with its settings, once."""
        pairs = [pair for node, _ in self.runs for pair in node.data().values()]
        return list(dict.fromkeys(pairs))


def stage_checks(
    nodes: Sequence[Node], cache: Path, augmentations: Augmentations
) -> Iterator[Check]:
    """Give the checks of stage runs; see `needs.check_needs`."""
    asked = _Asked([(node, node.resolved()) for node in nodes], cache, augmentations)
    for need in _NEEDS:
        yield from need(asked)


def _weights(asked: _Asked) -> Iterator[Check]:
    """Weight files: there, readable and of the networks that read them."""
    seen = set()
    for node, settings in asked.runs:
        files = {name: place for name, (_, place) in weight_files(node.stage, settings).items()}
        if node.stage is Stage.PRETRAIN and settings.pretrain.kind == "imagenet":
            files = {"weights": settings.pretrain.weights or ""}
        for name, place in files.items():
            question = (name, place, settings.network)
            if question not in seen:
                seen.add(question)
                yield partial(_fits, name, place, settings)


def _fits(name: str, place: str, settings: Settings) -> None:
    from gclbench.networks import fit

    if name == "weights":
        fit.check_trunk(settings, fit.imagenet_file(settings.pretrain.weights))
        return
    path = user_path(place)
    if name == "checkpoint":
        fit.check_encoder(settings, path)
    elif name == "generator":
        fit.check_generator(settings, path)
    else:
        fit.check_discriminator(settings, path)


def _datasets(asked: _Asked) -> Iterator[Check]:
    """Real datasets: all that `load_dataset` asks of them. Worlds: enough people on both sides."""
    for role, data in asked.data():
        if data.root is not None:
            yield partial(_loaded, role, data, asked.cache)
        elif data.validation_share > 0:
            yield partial(_held_out, role, data)


def _loaded(role: str, data: DataSettings, cache: Path) -> None:
    from gclbench.datasets.load import load_dataset

    load_dataset(role, data, cache)


def _held_out(role: str, data: DataSettings) -> None:
    from gclbench.datasets.amounts import world_identities
    from gclbench.datasets.held_out import held_count

    people = world_identities(role, data.world)
    held_count(data.validation_share, people, f"synthetic_{role}")


def _matches(asked: _Asked) -> Iterator[Check]:
    """Somebody to find, wherever a ranking is measured; people of the world see many cameras."""
    ranked = dict.fromkeys(
        pair
        for node, _ in asked.runs
        for name, pair in node.data().items()
        if name == "target"
        and (node.stage is Stage.EVALUATE or pair[1].validation_share > 0)  # curves, trials
    )
    for role, data in ranked:
        if data.root is not None:
            yield partial(_matched, role, data, asked.cache)


def _matched(role: str, data: DataSettings, cache: Path) -> None:
    from gclbench.datasets.load import load_dataset
    from gclbench.datasets.matchable import require_matches

    found = load_dataset(role, data, cache)
    part = "the held-out people of " if data.validation_share > 0 else ""
    require_matches(f"{part}{found.label}", found.query, found.gallery)


def _times(asked: _Asked) -> Iterator[Check]:
    """Frame numbers, where they are ranked by; the rendered world has them."""
    for node, settings in asked.of(Stage.EVALUATE):
        for role, data in node.data().values():
            if settings.evaluate.camera_time and data.root is not None:
                yield partial(_timed, role, data, asked.cache)


def _timed(role: str, data: DataSettings, cache: Path) -> None:
    import numpy as np

    from gclbench.datasets.load import load_dataset
    from gclbench.datasets.times import require_times

    found = load_dataset(role, data, cache)
    tables = (found.train, found.query, found.gallery)
    require_times(np.concatenate([table.frames for table in tables]))


def _bodies(asked: _Asked) -> Iterator[Check]:
    """The package that poses the people of the rendered world."""
    from gclbench.meshes.poser import require_poser

    rendered = any(data.root is None for _, data in asked.data())
    if rendered or any("pretrain" in node.roles for node, _ in asked.runs):
        yield require_poser


def _meshes(asked: _Asked) -> Iterator[Check]:
    """Meshes, where a stage generates by them and not by gray images."""
    guided = [
        node
        for node, settings in asked.runs
        if "mesh" in node.settings["data"]
        and asked.augmentations.guide(settings.gan.view.name if settings.gan.view else "rotation")
        == "mesh"
    ]
    for role, data in dict.fromkeys(node.data()["target"] for node in guided):
        yield partial(_drawn, role, data)


def _drawn(role: str, data: DataSettings) -> None:
    if data.root is None and data.mesh.source == "oracle":
        return  # the world's own bodies: see `_bodies`
    from gclbench.datasets.mesh_sources import check_meshes, check_source

    check_source(data)
    if data.root is None:
        check_meshes(role, data, _planned(role, data))


def _planned(role: str, data: DataSettings) -> list[str]:
    """The training images of a twin. Of tracklets none: which frames are kept shows its files."""
    from gclbench.datasets.synthetic.naming import named_shots, path_of
    from gclbench.datasets.synthetic.shots import plan_world
    from gclbench.datasets.synthetic.spec import world_spec

    if role in VIDEO_ROLES:
        return []
    world = plan_world(world_spec(role), data.world)
    return [path_of(world, "train", name) for name, _ in named_shots(world, "train")]


def _true_views(asked: _Asked) -> Iterator[Check]:
    """True renders from other sides, which real people do not have."""
    for node, settings in asked.of(Stage.JOINT):
        spaces = {asked.augmentations.space(each.name) for each in settings.joint.augmentations}
        root = settings.data.root
        if "oracle" in spaces and root is not None:
            yield partial(_unknown_sides, node.roles["target"])


def _unknown_sides(role: str) -> None:
    from gclbench.datasets.base import no_oracle_views

    raise no_oracle_views(role)


def _settings(asked: _Asked) -> Iterator[Check]:
    """Settings of several sections that must fit together."""
    for _, settings in asked.of(Stage.WARMUP):
        if settings.warmup.method.name == "ssg":
            yield partial(fit.check_halves, settings.network.id_encoder.parts)
        if settings.warmup.method.name == "buc":
            yield partial(fit.check_buc_result, settings.warmup.buc)
    for _, settings in asked.of(Stage.GAN):
        yield partial(_sizes, settings)


def _sizes(settings: Settings) -> None:
    """Networks of one's own have limits of their own."""
    network = settings.network
    generator, encoder = network.generator, network.id_encoder
    if generator.structure.name == "str_encoder":
        fit.check_structure_width(generator)
    if (generator.component.name, encoder.component.name) == ("generator", "id_encoder"):
        channels, slicing = fit.trunk_channels(encoder), settings.gan.mlp_slicing
        fit.check_slices(channels, encoder.parts, generator.decoder_blocks, slicing)


def _batches(asked: _Asked) -> Iterator[Check]:
    """Batches that the training sets are large enough for."""
    return batch_checks(asked.runs)


_NEEDS: tuple[Callable[[_Asked], Iterator[Check]], ...] = (
    _weights,
    _datasets,
    _matches,
    _times,
    _bodies,
    _meshes,
    _true_views,
    _settings,
    _batches,
)
