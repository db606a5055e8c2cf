"""Run a function as a Sacred run. Sacred records; it does not compute configuration."""

from __future__ import annotations

import json
import logging
import signal
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from types import FrameType
from typing import Any, NoReturn, Protocol

from gclbench.errors import UsageError
from gclbench.redaction import redacted
from gclbench.schema import NodeRecord
from gclbench.tracking.environment import git_state, host_info, package_versions
from gclbench.tracking.sacred_import import sacred

_LOG = logging.getLogger(__name__)
_OUTPUT_CHARS = 20_000
_BEAT_S = 5.0


class LogMetric(Protocol):
    """Stores one value of a metric; `step` counts what the caller counts, such as epochs."""

    def __call__(self, name: str, value: float, step: int) -> None: ...


def new_run_id(node_key: str) -> str:
    """Return a fresh id: a node that is run twice has two runs."""
    return f"{node_key[:12]}-{uuid.uuid4().hex[:12]}"


def tracked_run(
    config: Mapping[str, Any],
    run_id: str,
    observers: Sequence[Any],
    function: Callable[[LogMetric], NodeRecord],
) -> NodeRecord:
    """Call `function(log_metric)` as a Sacred run and return its record.

    `config` describes the node with plain data and names at least `key`, `stage`, `label` and
    `seed`. Errors of the function pass through and mark the run FAILED; KeyboardInterrupt, and
    SIGTERM in the main thread, mark it INTERRUPTED (SIGTERM then leaves as KeyboardInterrupt). Log
    records and warnings become the run's output; the terminal's streams are not captured.
    """
    plain = _plain_copy(config)
    records: list[NodeRecord] = []
    said = _RunLog()
    experiment = _experiment(str(plain["stage"]), plain, observers, said)

    @experiment.main  # type: ignore[untyped-decorator]
    def node(_run: Any) -> dict[str, Any]:
        with said.hearing(_run), _sigterm_interrupts():
            record = function(_run.log_scalar)
        records.append(record)
        files = [{"name": name, "sha256": sha} for name, sha in sorted(record.files.items())]
        return {"metrics": dict(record.metrics), "files": files}

    options = {"--id": run_id, "--capture": "no", "--beat-interval": _BEAT_S}
    run = experiment.run(options=options)
    for observer in run._failed_observers:
        _LOG.warning("run %s was not stored whole: %s failed.", run_id, type(observer).__name__)
    return records[0]


def _plain_copy(config: Mapping[str, Any]) -> dict[str, Any]:
    """Sacred wraps and mutates its config, and takes only JSON with keys without dots."""
    missing = sorted({"key", "label", "seed", "stage"} - set(config))
    if missing:
        raise UsageError(f"a tracked run's config lacks {', '.join(missing)}.")
    copy: dict[str, Any] = json.loads(json.dumps(config))
    return copy


def _experiment(name: str, config: dict[str, Any], observers: Sequence[Any], said: _RunLog) -> Any:
    with _sacred_settings():
        experiment = sacred.Experiment(
            name,
            save_git_info=False,
            additional_host_info=[
                sacred.host_info.HostInfoGetter(host_info, "machine"),
                sacred.host_info.HostInfoGetter(package_versions, "packages"),
                sacred.host_info.HostInfoGetter(git_state, "git"),
            ],
        )
    experiment.logger = _silent_logger()
    experiment.captured_out_filter = lambda text: said.text
    experiment.add_config(config)
    experiment.observers.extend(observers)
    return experiment


@contextmanager
def _sacred_settings() -> Iterator[None]:
    """Leave out what we gather ourselves once per process: Sacred would take seconds per run."""
    with ExitStack() as stack:
        for place, key, value in (
            (sacred.SETTINGS, "DISCOVER_SOURCES", "none"),
            (sacred.SETTINGS, "DISCOVER_DEPENDENCIES", "none"),
            (sacred.SETTINGS.HOST_INFO, "INCLUDE_GPU_INFO", False),
            (sacred.SETTINGS.HOST_INFO, "INCLUDE_CPU_INFO", False),
        ):
            stack.callback(place.__setitem__, key, place[key])
            place[key] = value
        yield


class _Silent(logging.Logger):
    """Sacred's own messages go nowhere: they would break a progress display."""

    def getChild(self, suffix: str) -> _Silent:
        """Itself: another would be a child of the root, which prints what nobody else takes."""
        return self


def _silent_logger() -> logging.Logger:
    logger = _Silent("gclbench.sacred", level=logging.WARNING)
    logger.addHandler(logging.NullHandler())
    return logger


class _RunLog(logging.Handler):
    """The log records and warnings of a run, of which the last characters are kept.

    Sacred's thread reads and writes `captured_out` at every beat; a line added to it at that
    moment would be lost. So the text is kept here, and Sacred is given all of it each time.
    """

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.text = ""
        self.run: Any = None
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.text = f"{self.text}{redacted(self.format(record))}\n"[-_OUTPUT_CHARS:]
        self.run.captured_out = self.text

    @contextmanager
    def hearing(self, run: Any) -> Iterator[None]:
        """Send log records and warnings of this process to the run's output."""
        self.run, package = run, logging.getLogger("gclbench")
        warning_log, level = logging.getLogger("py.warnings"), package.level
        for logger in (package, warning_log):
            logger.addHandler(self)
        package.setLevel(logging.INFO)
        logging.captureWarnings(True)
        try:
            yield
        finally:
            logging.captureWarnings(False)
            package.setLevel(level)
            for logger in (package, warning_log):
                logger.removeHandler(self)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """SIGTERM as KeyboardInterrupt: by default it would leave the run RUNNING for ever."""
    here = threading.current_thread() is threading.main_thread()
    if not here or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield  # whoever handles it already says more of it
        return

    def interrupt(number: int, frame: FrameType | None) -> NoReturn:
        raise KeyboardInterrupt("SIGTERM")

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
