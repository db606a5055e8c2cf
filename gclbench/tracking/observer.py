"""Our Sacred observer, which keeps metrics in a table; and other observers by URL."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gclbench.digest import file_digest
from gclbench.errors import DataMissingError, MissingExtraError, UnknownNameError, UsageError
from gclbench.redaction import redacted, redacted_url, remember_secrets
from gclbench.schema import Conditions, RunStatus
from gclbench.tracking.environment import git_state, package_versions
from gclbench.tracking.environment import host_info as this_host
from gclbench.tracking.machine import peak_memory_mb
from gclbench.tracking.place import check_writable
from gclbench.tracking.sacred_import import sacred
from gclbench.tracking.store import RunStore

_OUTPUT_CHARS = 20_000
_SCHEMES = ("file", "mongo")
_MONGO_PORT = 27017
_PATIENCE_S = 3.0
_COLUMNS = ("cpu_model", "instruction_set", "threads", "device", "engine")


class RunObserver(sacred.observers.RunObserver):  # type: ignore[misc]
    """Stores a run in a `RunStore`: config, metrics per step, host, versions, git, output, files.

    The run's id must be given (`options={"--id": ...}`); the config names `key`, `stage`, `label`
    and `seed` of the node. Metrics are appended, never rewritten. `conditions` say on what it
    runs; once it has started they name the attempt.
    """

    def __init__(self, store: RunStore, conditions: Conditions | None = None) -> None:
        self.store = store
        self.conditions = conditions or Conditions()
        self.run_id = ""
        self._began = 0.0

    def started_event(
        self,
        ex_info: Mapping[str, Any],
        command: str,
        host_info: Mapping[str, Any],
        start_time: datetime,
        config: Mapping[str, Any],
        meta_info: Mapping[str, Any],
        _id: str | None,
    ) -> str:
        """Insert the run. Raises UsageError for a run without an id."""
        if _id is None:
            raise UsageError("a tracked run needs an id of its own.")
        self.run_id, self._began = str(_id), time.monotonic()
        known = {name: getattr(self.conditions, name) or None for name in _COLUMNS}
        attempt = self.store.add_run(
            {
                **known,
                "id": self.run_id,
                "node_key": str(config["key"]),
                "stage": str(config["stage"]),
                "label": str(config["label"]),
                "seed": int(config["seed"]),
                "status": RunStatus.RUNNING,
                "started": _iso(start_time),
                "config_json": _json(config),
                "host_json": _json(this_host()),
                "versions_json": _json(package_versions()),
                "git_json": _json(git_state()),
                "packages_json": _json(self.conditions.packages),
            }
        )
        self.conditions = self.conditions.model_copy(update={"attempt": attempt})
        return self.run_id

    def heartbeat_event(
        self, info: Mapping[str, Any], captured_out: str, beat_time: datetime, result: object
    ) -> None:
        values = {"heartbeat": _iso(beat_time), "output": redacted(captured_out)[-_OUTPUT_CHARS:]}
        self.store.update_run(self.run_id, values)

    def log_metrics(
        self, metrics_by_name: Mapping[str, Mapping[str, Sequence[Any]]], info: object
    ) -> None:
        points = [
            {
                "name": name,
                "step": int(step),
                "value": None if math.isnan(value) else float(value),
                "time": _iso(at),
            }
            for name, series in metrics_by_name.items()
            for step, value, at in zip(
                series["steps"], series["values"], series["timestamps"], strict=True
            )
        ]
        self.store.add_metrics(self.run_id, points)

    def completed_event(self, stop_time: datetime, result: Mapping[str, Any] | None) -> None:
        files = {item["name"]: item["sha256"] for item in (result or {}).get("files", [])}
        self.store.set_artifacts(self.run_id, files)
        values = {"result_json": _json((result or {}).get("metrics", {}))}
        self._end(RunStatus.COMPLETED, stop_time, values)

    def interrupted_event(self, interrupt_time: datetime, status: str) -> None:
        self._end(RunStatus.INTERRUPTED, interrupt_time, {})

    def failed_event(self, fail_time: datetime, fail_trace: Sequence[str]) -> None:
        error = redacted("".join(fail_trace))[-_OUTPUT_CHARS:]
        self._end(RunStatus.FAILED, fail_time, {"error": error})

    def artifact_event(
        self, name: str, filename: str, metadata: object = None, content_type: object = None
    ) -> None:
        self.store.set_artifacts(self.run_id, {name: file_digest(Path(filename))})

    def _end(self, status: RunStatus, at: datetime, values: Mapping[str, Any]) -> None:
        took = {"seconds": time.monotonic() - self._began, "peak_memory_mb": peak_memory_mb()}
        known = {"status": status, "stopped": _iso(at), **took, **values}
        self.store.update_run(self.run_id, known)


def observer_from_url(url: str) -> Any:
    """Return one of Sacred's own observers: `mongo://HOST:PORT/NAME` or `file://FOLDER`.

    Raises UsageError for anything else and MissingExtraError when pymongo is not installed.
    """
    remember_secrets(url)
    scheme, place = _parts(url)
    if scheme == "file":
        return _discreet(sacred.observers.FileStorageObserver(place))
    server, name = _server(place)
    try:
        made = sacred.observers.MongoObserver(f"mongodb://{server}", db_name=name)
    except ImportError as error:
        raise MissingExtraError("pymongo") from error
    except Exception as error:  # pymongo's own, of many kinds: it quotes the URL in pieces
        raise _no_observer(url, type(error).__name__) from None
    return _discreet(made)


def _discreet(observer: Any) -> Any:
    """Let an observer of Sacred's hear of a failure without the secrets in its traceback."""
    hear = observer.failed_event

    def failed_event(fail_time: datetime, fail_trace: Sequence[str]) -> None:
        hear(fail_time, [redacted(line) for line in fail_trace])

    observer.failed_event = failed_event
    return observer


def check_observer(url: str) -> None:
    """Raise what `observer_from_url` raises, without making one.

    Also DataMissingError for a folder that cannot be written to, or a server that does not answer.
    """
    remember_secrets(url)
    scheme, place = _parts(url)
    if scheme == "file":
        check_writable(Path(place), f"the folder of the observer {url}", "Name another folder.")
        return
    if find_spec("pymongo") is None:
        raise MissingExtraError("pymongo")
    try:
        host, port = _address(place)
    except ValueError:  # it quotes what is no port
        raise _no_observer(url, "what follows the host's : is no port") from None
    try:
        socket.create_connection((host, port), _PATIENCE_S).close()
    except OSError as error:
        raise DataMissingError(
            f"no MongoDB answers at {host}:{port} ({error}).",
            "Start it, or leave it out of observers=.",
        ) from error


def _parts(url: str) -> tuple[str, str]:
    """Return scheme and place. Raises UsageError, UnknownNameError."""
    scheme, separator, place = url.partition("://")
    if not separator or not place:
        raise _no_observer(url)
    if scheme not in _SCHEMES:
        raise UnknownNameError("kind of observer", scheme, _SCHEMES)
    return scheme, place


def _no_observer(url: str, why: str = "") -> UsageError:
    return UsageError(
        f"'{redacted_url(url)}' is not an observer{f' ({why})' if why else ''}.",
        "Use mongo://HOST/NAME or file://FOLDER; in a password write @ as %40, : as %3A.",
    )


def _server(place: str) -> tuple[str, str]:
    """Split `USER:PASSWORD@HOST:PORT,.../NAME`; a password may hold a slash."""
    user, at, rest = place.rpartition("@")
    server, _, name = rest.partition("/")
    return f"{user}{at}{server}", name or "gclbench"


def _address(place: str) -> tuple[str, int]:
    """Return host and port of the first server. Raises ValueError for what is no port."""
    server = _server(place)[0].rpartition("@")[2]
    parsed = urlsplit(f"//{server.split(',')[0]}")
    return parsed.hostname or "localhost", parsed.port or _MONGO_PORT


def _iso(at: datetime) -> str:
    """Sacred's times are UTC without saying so."""
    aware = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    return aware.isoformat(timespec="microseconds")


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, default=str)
