"""One node, from its parents' artifacts to its own: the function that every executor runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gclbench.devices import choose_device, device_name
from gclbench.errors import DamagedResultError, GclbenchError
from gclbench.executors.events import EventSink, Found, NodeMetric, NodeNotice, NodeProgress
from gclbench.executors.failure import note_run
from gclbench.plan import ArtifactStore, Node, Workspace
from gclbench.plan.idle import idle_before, idle_in
from gclbench.plan.verify import problem_of
from gclbench.running.traces import keep_trace
from gclbench.schema import NodeRecord, Stage
from gclbench.study.amounts import known_images
from gclbench.tracking.environment import conditions, package_versions
from gclbench.tracking.machine import peak_memory_mb, start_peak

if TYPE_CHECKING:
    from gclbench.datasets.base import Dataset


@dataclass(frozen=True)
class RunConfig:
    """Where and how nodes run: nothing here may change a result, so nothing is in a key.

    `engine` is what the record calls the executor.
    """

    home: Path
    store: str = field(repr=False)  # its password has no place in an error
    threads: int = 1
    device: str = "auto"
    observers: tuple[str, ...] = field(default=(), repr=False)
    engine: str = "inline"


def run_node(config: RunConfig, node: Node, sink: EventSink) -> NodeRecord | Found:
    """Run a node, tracked by Sacred; picks up where a killed run stopped.

    Found is returned where another process finished it while this one waited for the lock.
    """
    store = ArtifactStore(config.home)
    with store.workspace(node) as workspace:
        if workspace.finished:
            return Found(store.read(node))
        return _tracked(config, node, sink, workspace)


def _tracked(config: RunConfig, node: Node, sink: EventSink, workspace: Workspace) -> NodeRecord:
    from gclbench.study.catalog import ENTRY_POINTS
    from gclbench.tracking.experiment import new_run_id, tracked_run
    from gclbench.tracking.observer import RunObserver, observer_from_url
    from gclbench.tracking.store import RunStore

    store, device = RunStore(config.store), device_name(config.device)
    artifacts = ArtifactStore(config.home)
    here = conditions(
        threads=config.threads, device=device, engine=config.engine, group=ENTRY_POINTS
    )
    ours = RunObserver(store, here)

    def body(log: Any) -> NodeRecord:
        start_peak()
        started, cpu = time.monotonic(), time.process_time()
        metrics = _run_stage(config, node, sink, workspace, log)
        record = node.record(
            metrics=metrics,
            seconds=time.monotonic() - started,
            cpu_seconds=time.process_time() - cpu,
            images=known_images(node),
            idle=(*idle_before(artifacts, node.parents), *idle_in(workspace.folder)),
            versions=package_versions(),
            conditions=ours.conditions,
            peak_memory_mb=peak_memory_mb(),
        )
        # Committed inside the run, so that a commit that fails is a run that failed.
        return workspace.commit(record)

    observers = [ours, *map(observer_from_url, config.observers)]
    run_id = new_run_id(node.key)
    try:
        return tracked_run(_described(node), run_id, observers, body)
    except Exception as error:
        if not isinstance(error, GclbenchError):  # whose message says all
            note_run(error, run_id, keep_trace(config.home, run_id, error))
        raise
    finally:
        store.close()  # a worker that waits for its next node holds no connection


def _described(node: Node) -> dict[str, Any]:
    return {
        "key": node.key,
        "stage": node.stage.value,
        "label": node.label,
        "seed": node.seed,
        "settings": node.settings,
        "parents": node.parents,
        "components": node.components,
    }


def _run_stage(
    config: RunConfig, node: Node, sink: EventSink, workspace: Workspace, log: Any
) -> dict[str, float]:
    import torch

    from gclbench.stages.context import StageContext
    from gclbench.study.catalog import load_catalog

    torch.set_num_threads(config.threads)
    registry = load_catalog()

    def progress(
        epoch: int, epochs: int, step: int, steps: int, metrics: dict[str, float]
    ) -> None:
        sink(NodeProgress(node.key, epoch + 1, epochs, step, steps, metrics))

    def store_metric(name: str, value: float, step: int) -> None:
        log(name, value, step)
        sink(NodeMetric(node.key, name, value, step))

    def notice(text: str) -> None:
        sink(NodeNotice(node.key, text))

    workspace.on_warning = notice
    _refuse_damaged_parents(ArtifactStore(config.home), node)
    if text := _kernel_notice():
        notice(text)
    context = StageContext(
        stage=node.stage.value,
        settings=node.resolved(),
        seed=node.seed,
        parents=parent_folders(config.home, node),
        datasets=load_datasets(config, node),
        folder=workspace.folder,
        checkpoints=workspace.checkpoints,
        device=choose_device(config.device),
        log=store_metric,
        progress=progress,
        notice=notice,
    )
    stage = registry.lookup("stages", node.stage.value).component
    metrics: dict[str, float] = stage(context)
    return metrics


_KERNEL_NOTICES: list[str] = []  # what this process has said


def _kernel_notice() -> str:
    """Why compiled kernels are not kept, once a process; '' where they are."""
    from gclbench.kernels.jit import cache_notice

    text = cache_notice()
    if text in _KERNEL_NOTICES:
        return ""
    _KERNEL_NOTICES.append(text)
    return text


def parent_folders(home: Path, node: Node) -> dict[str, Path]:
    """The artifacts of a node's parents by stage name."""
    return {stage: home / "artifacts" / stage / key for stage, key in node.parents.items()}


def _refuse_damaged_parents(store: ArtifactStore, node: Node) -> None:
    """Set a parent that is not what was committed aside, and raise: the next run makes it anew.

    Runs look before they start (`running.sound`), so this is one that was damaged since.
    """
    for stage, key in node.parents.items():
        problem = problem_of(store.folder(stage, key))
        if problem:
            moved = store.set_aside(stage, key)
            where = f" It is set aside as {moved.place}." if moved is not None else ""
            raise DamagedResultError(
                f"the {stage} that it goes on from is damaged: {problem}.{where}",
                "Run the same command again: it is made anew.",
            )


def load_datasets(config: RunConfig, node: Node) -> dict[str, Dataset]:
    """The datasets a node names, made on first use and cached under the results folder."""
    from gclbench.datasets.load import load_dataset, load_pretrain_set

    settings, cache = node.resolved(), config.home / "cache"
    if node.stage is Stage.PRETRAIN:
        if settings.pretrain.kind != "rendered":
            return {}
        people, each = settings.pretrain.people, settings.pretrain.images_per_person
        return {"pretrain": load_pretrain_set(settings.data, people, each, cache)}
    return {name: load_dataset(role, data, cache) for name, (role, data) in node.data().items()}
