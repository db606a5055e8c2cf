"""The plan: cells become a graph of nodes, and equal keys are one node."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from gclbench.digest import canonical_json
from gclbench.errors import UnknownNameError, UsageError
from gclbench.plan.cells import Cell
from gclbench.plan.node import Node, node_key
from gclbench.plan.unsaid import said
from gclbench.plan.value_revisions import value_revisions
from gclbench.plan.weights import weight_digests
from gclbench.schema import Settings, Stage
from gclbench.schema.choice import AugmentationChoice
from gclbench.schema.settings import VIDEO_ROLES, JointSettings, MeshSettings
from gclbench.schema.warmups import WarmupSettings

Components = Callable[[str, str], int]
Fingerprint = Callable[[str, Settings], str]

# The meshes that stand in where a stage reads images only. The renderer is named, because "auto"
# would let the machine into the fingerprint.
_NO_MESHES = MeshSettings(renderer="raster")


def _none(node: Node) -> bool:
    return False


@dataclass(frozen=True)
class Plan:
    """Nodes in an order in which parents come first and rows finish early (see `build_plan`).

    `requested` counts the stage runs that the cells ask for, `unique` the nodes left after
    sharing; both by stage name, controls included.
    """

    cells: tuple[Cell, ...]
    nodes: tuple[Node, ...]
    chains: dict[str, tuple[str, ...]]

    @property
    def requested(self) -> dict[str, int]:
        by_key = {node.key: node for node in self.nodes}
        return _count(by_key[key] for chain in self.chains.values() for key in chain)

    @property
    def unique(self) -> dict[str, int]:
        return _count(self.nodes)

    def node(self, key: str) -> Node:
        """Return the node of a key. Raises UnknownNameError."""
        for node in self.nodes:
            if node.key == key:
                return node
        raise UnknownNameError("node", key, ())

    def evaluate_key(self, cell: Cell) -> str:
        """Return the key of the node whose artifact holds the cell's scores."""
        return self.chains[cell.name][-1]

    def chain(self, cell: Cell) -> tuple[str, ...]:
        """Return the keys of a cell's nodes, first stage first."""
        return self.chains[cell.name]

    def summary(
        self, has: Callable[[Node], bool], lost: Callable[[Node], bool] = _none
    ) -> dict[str, Any]:
        """Return the counts that `gclbench plan --json` begins with; `has` says what is cached."""
        controls = sum(cell.control for cell in self.cells)
        return {
            "cells": len(self.cells) - controls,
            "controls": controls,
            "requested": self.requested,
            "unique": self.unique,
            "cached": _count(node for node in self.nodes if has(node)),
            "to_run": _count(self.to_run(has, lost)),
        }

    def needed(
        self, has: Callable[[Node], bool], lost: Callable[[Node], bool] = _none
    ) -> tuple[Node, ...]:
        """Return the nodes that are there, and those to run for the scores that are missing.

        A warm-up that was cleaned up is left out when all that was built on it is there; one that
        was `lost`, because it was damaged, is run again.
        """
        wanted = {chain[-1] for chain in self.chains.values()}
        wanted |= {node.key for node in self.nodes if lost(node)}
        for node in reversed(self.nodes):
            if node.key in wanted and not has(node):
                wanted.update(node.parents.values())
        return tuple(node for node in self.nodes if node.key in wanted or has(node))

    def to_run(
        self, has: Callable[[Node], bool], lost: Callable[[Node], bool] = _none
    ) -> list[Node]:
        """Return those of `needed` that are not there."""
        return [node for node in self.needed(has, lost) if not has(node)]


def _count(nodes: Iterable[Node]) -> dict[str, int]:
    counts = {stage.value: 0 for stage in Stage}
    for node in nodes:
        counts[node.stage.value] += 1
    return counts


def build_plan(
    cells: Sequence[Cell],
    components: Components,
    fingerprint: Fingerprint,
    space: Callable[[str], str],
) -> Plan:
    """Resolve cells into nodes.

    `components(kind, name)` gives a component's revision (UnknownNameError for an unknown name);
    `fingerprint(role, settings)` says what a role's data is, for the roles of the tasks and, where
    E_id is pre-trained on rendered people, "pretrain" (for stages that read images only, its mesh
    settings are neutral); `space(augmentation)` names what it acts on: "structure" and "identity"
    need G. The three are passed in so that planning needs no torch.

    Order: the cells' chains one after the other, each node where it is first needed. A row thus
    finishes before the next one starts.
    """
    builder = _Builder(components, fingerprint, space)
    chains = {cell.name: builder.chain(cell) for cell in cells}
    return Plan(tuple(cells), tuple(builder.nodes.values()), chains)


@dataclass
class _Builder:
    components: Components
    fingerprint: Fingerprint
    space: Callable[[str], str]
    nodes: dict[str, Node] = field(default_factory=dict)
    known: dict[bytes, str] = field(default_factory=dict)

    def chain(self, cell: Cell) -> tuple[str, ...]:
        """Make the nodes of one cell and return their keys."""
        done: dict[Stage, str] = {}
        stages = [Stage.PRETRAIN, Stage.SOURCE, Stage.WARMUP, Stage.GAN, Stage.JOINT]
        first = Stage.WARMUP if _from_file(cell) else Stage.PRETRAIN
        for stage in stages[stages.index(first) : stages.index(cell.stop) + 1]:
            if stage is Stage.SOURCE and cell.source is None:
                continue
            if stage is Stage.GAN and not self.generative(cell):
                continue
            done[stage] = self.add(cell, stage, _parents(stage, done))
        done[Stage.EVALUATE] = self.add(cell, Stage.EVALUATE, {cell.stop.value: done[cell.stop]})
        return tuple(done.values())

    def generative(self, cell: Cell) -> bool:
        # Ask for every name, not up to the first hit: a wrong one is reported wherever it stands.
        spaces = {self.space(each.name) for each in cell.settings.joint.augmentations}
        return not spaces.isdisjoint({"structure", "identity"})

    def with_view(self, settings: Settings) -> Settings:
        """Settings in which `gan.view` names what gives s_new in stage 2: as in stage 3."""
        views, asked = settings.joint.augmentations, settings.gan.view
        if asked is not None and self.space(asked.name) != "structure":
            raise UsageError(
                f"gan.view={asked.name} gives no structure to generate from.",
                "Take rotation, mesh_switch or gray_switch.",
            )
        found = [view for view in views if self.space(view.name) == "structure"]
        view = asked or (found[0] if found else AugmentationChoice(name="rotation"))
        gan = settings.gan.model_copy(update={"view": view})
        return settings.model_copy(update={"gan": gan})

    def add(self, cell: Cell, stage: Stage, parents: dict[str, str]) -> str:
        meshes = stage is Stage.GAN or (stage is Stage.JOINT and self.generative(cell))
        resolved = self.with_view(cell.settings)
        settings = stage_settings(stage, resolved, cell.task.target, generative=meshes)
        roles, own = _roles(stage, cell), _own_data(stage, cell)
        # Identities are held out of the target alone, and never from the test set.
        validated = stage is not Stage.EVALUATE or cell.settings.evaluate.split == "validation"
        prints = {
            name: self.data(role, own, meshes, name == "target" and validated)
            for name, role in roles.items()
        }
        prints |= weight_digests(stage, cell.settings)
        used = self.revisions(stage, resolved, meshes) | value_revisions(stage, settings)
        key = node_key(stage, cell.seed, settings, parents, prints, used)
        if key not in self.nodes:
            label = _label(stage, cell)
            places = _places(stage, own)
            self.nodes[key] = Node(
                stage, key, cell.seed, label, settings, parents, roles, prints, used, places
            )
        return key

    def data(self, role: str, settings: Settings, meshes: bool, held_out: bool) -> str:
        neutral: dict[str, Any] = {} if meshes else {"mesh": _NO_MESHES}
        if not held_out:
            neutral["validation_share"] = 0.0
        data = settings.data.model_copy(update=neutral)
        settings = settings.model_copy(update={"data": data})
        sections = (settings.data, settings.pretrain)
        question = canonical_json([role, *(part.model_dump(mode="json") for part in sections)])
        if question not in self.known:
            self.known[question] = self.fingerprint(role, settings)
        return self.known[question]

    def revisions(self, stage: Stage, settings: Settings, meshes: bool) -> dict[str, int]:
        network = settings.network
        used = [("stages", stage.value), ("networks", network.id_encoder.component.name)]
        if stage in (Stage.PRETRAIN, Stage.SOURCE, Stage.WARMUP):
            used.append(("augmentations", "multi"))
        if stage is Stage.WARMUP:
            used.append(("warmups", settings.warmup.method.name))
        if stage is Stage.GAN:
            view = settings.gan.view
            used += [("augmentations", name) for name in (view.name if view else "", "d_mixup")]
        if stage is Stage.JOINT:
            named = (*settings.joint.augmentations, *settings.joint.losses)
            used += [(choice.kind, choice.name) for choice in named]
        if meshes:
            parts = (network.generator.component, network.generator.structure)
            used += [(part.kind, part.name) for part in (*parts, network.discriminator.component)]
        found = {f"{kind}/{name}": self.components(kind, name) for kind, name in used}
        return found | (self.later_revisions(settings) if stage is Stage.JOINT else {})

    def later_revisions(self, settings: Settings) -> dict[str, int]:
        """How stage 3 labels and makes batches; unsaid where it is as it always was."""
        now, before = settings.joint, JointSettings()
        found = {}
        for choice, was in (
            (now.pseudo_labels.method, before.pseudo_labels.method),
            (now.sampler, before.sampler),
        ):
            number = self.components(choice.kind, choice.name)
            if number > 1 or choice != was:
                found[f"{choice.kind}/{choice.name}"] = number
        return found


def stage_settings(
    stage: Stage, settings: Settings, target: str, *, generative: bool
) -> dict[str, Any]:
    """Return the part of the settings that a stage reads, as plain data; it enters the key.

    Every stage reads the image size and E_id's size; stage 3 also the frames of a step, where the
    role `target` has tracklets, as stage 1 what its method reads of tracklets alone. `generative`
    stages also read L_gan, the sizes of E_str, G and D, and where meshes come from. Places
    (`data.root`, `mesh.root`, `renderer`, weight files and checkpoints) and the world's sizes are
    left out: fingerprints stand for them.
    """
    full = said(settings.model_dump(mode="json"))
    data, network = full["data"], full["network"]
    del full["gan"]["checkpoint"]
    read: dict[str, Any] = {
        "data": {"height_px": data["height_px"], "width_px": data["width_px"]},
        "network": {"id_encoder": network["id_encoder"]},
    }
    if stage is Stage.PRETRAIN:
        # Only a rendered set is trained on; otherwise nothing but the kind (and the file) matters.
        rendered = settings.pretrain.kind == "rendered"
        names = [n for n in full["pretrain"] if n != "weights"] if rendered else ["kind"]
        read["pretrain"] = {name: full["pretrain"][name] for name in names}
    elif stage is Stage.WARMUP:
        tracklets = target in VIDEO_ROLES
        read["warmup"] = _warmup_settings(settings.warmup, full["warmup"], tracklets=tracklets)
    elif stage is Stage.EVALUATE:
        read["evaluate"] = _evaluate_settings(full["evaluate"])
    elif stage is not Stage.GAN:
        read[stage.value] = full[stage.value]
    if stage is Stage.JOINT and target in VIDEO_ROLES:
        read["data"]["video"] = {f"{target}_frames": settings.data.video.step_frames(target)}
    if stage is Stage.JOINT:
        read["gan"] = {"angles": full["gan"]["angles"]}  # oracle_rotation draws them too
    if generative:
        read["gan"] = full["gan"]
        read["network"] |= {name: network[name] for name in ("generator", "discriminator")}
        mesh = data["mesh"]
        read["data"]["mesh"] = {"source": mesh["source"], "noise_deg": mesh["noise_deg"]}
    return read


def _warmup_settings(
    warmup: WarmupSettings, full: dict[str, Any], *, tracklets: bool
) -> dict[str, Any]:
    """What a method reads: the section of its name, or the plain fields where it has none.

    `full` is `warmup` as plain data. A section may name fields that only tracklets are read with
    (`tracklets_only`), and such as the data's fingerprint stands for (`told_by_data`).
    """
    del full["checkpoint"]["path"]
    method = warmup.method.name
    sections = {name for name, value in full.items() if isinstance(value, dict)} - {"method"}
    if method not in sections:
        return {name: value for name, value in full.items() if name not in sections}
    section = getattr(warmup, method)
    idle = set(getattr(section, "told_by_data", ()))
    if not tracklets:
        idle |= set(getattr(section, "tracklets_only", ()))
    read = {name: value for name, value in full[method].items() if name not in idle}
    return {"method": full["method"], method: read}


def _evaluate_settings(evaluate: dict[str, Any]) -> dict[str, Any]:
    """What is read of evaluation: nothing of cameras and times unless they are asked for."""
    asked = evaluate["camera_time"]
    return {name: v for name, v in evaluate.items() if asked or not name.startswith("camera_time")}


def _from_file(cell: Cell) -> bool:
    """Whether stage 1 is a file of the user's: what would lead up to it is then not trained."""
    early = cell.stop in (Stage.PRETRAIN, Stage.SOURCE)
    return cell.settings.warmup.method.name == "checkpoint" and not early


def _parents(stage: Stage, done: dict[Stage, str]) -> dict[str, str]:
    if not done:
        return {}
    if stage is Stage.JOINT:
        return {s.value: done[s] for s in (Stage.WARMUP, Stage.GAN) if s in done}
    last = list(done)[-1]
    return {last.value: done[last]}


def _roles(stage: Stage, cell: Cell) -> dict[str, str]:
    if stage is Stage.PRETRAIN:
        return {"pretrain": "pretrain"} if cell.settings.pretrain.kind == "rendered" else {}
    source = {"source": cell.source} if cell.source is not None else {}
    if stage is Stage.SOURCE:
        return source
    # A warm-up may go on reading the labelled source beside the target (JVTC does).
    beside = stage is Stage.WARMUP and not _from_file(cell)
    return {"target": cell.task.target, **(source if beside else {})}


def _own_data(stage: Stage, cell: Cell) -> Settings:
    """Settings whose data is what the stage sees: a warm-up may keep other frames of tracklets.

    They cost no projections there, and stages 2 and 3 keep theirs.
    """
    settings = cell.settings
    section = getattr(settings.warmup, settings.warmup.method.name, None)
    kept = getattr(section, "frames_kept", None)
    if stage is not Stage.WARMUP or kept is None or cell.task.target not in VIDEO_ROLES:
        return settings
    video = settings.data.video.model_copy(update={"train_frames_kept": kept})
    data = settings.data.model_copy(update={"video": video})
    return settings.model_copy(update={"data": data})


def _places(stage: Stage, settings: Settings) -> dict[str, Any]:
    places: dict[str, Any] = {
        "data": settings.data.model_dump(mode="json"),
        "pretrain": {"weights": settings.pretrain.weights},
    }
    if stage is Stage.WARMUP:
        places["warmup"] = {"checkpoint": {"path": settings.warmup.checkpoint.path}}
    if stage is Stage.GAN:
        places["gan"] = {"checkpoint": settings.gan.checkpoint.model_dump(mode="json")}
    return places


def _label(stage: Stage, cell: Cell) -> str:
    what = {
        Stage.PRETRAIN: cell.settings.pretrain.kind,
        Stage.SOURCE: str(cell.source),
        Stage.WARMUP: f"{cell.settings.warmup.method.name} {cell.task.name}",
        Stage.GAN: cell.task.name,
    }.get(stage, f"{cell.row.key} {cell.task.name}")
    return f"{stage.value} {what} seed {cell.seed}"
