"""Epoch checkpoints of a node that is still training: atomic, checked, the last few kept."""

from __future__ import annotations

import hashlib
import io
import logging
import os
import pickle
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from gclbench.atomic import storage_errors, write_atomically
from gclbench.errors import GclbenchError

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"epoch-(\d+)\.([0-9a-f]{16})\.pt")
_KEY, _STATE = "gclbench_key", "state"
_REFUSED = ".refused"
# What torch raises for bytes that are no checkpoint of ours, though their hash is right.
_UNREADABLE = (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, KeyError)
_PLAIN = (bool, int, float, str, type(None))


class Checkpoints:
    """The checkpoints in one folder; the last `keep` epochs stay.

    A file's name carries the start of its SHA-256, and its content the key of its node: one that
    is truncated or changed, or another node's, is put aside (`.refused` behind its name) and the
    one before it is used. So is one without a key, from before checkpoints had one: nothing says
    whose it is. Each such file is reported: in `warnings`, in the log, and to `on_warning`.
    """

    def __init__(
        self,
        folder: Path,
        keep: int = 2,
        on_warning: Callable[[str], None] | None = None,
        *,
        key: str = "",
    ) -> None:
        self.folder, self.key = folder, key
        self.keep = max(keep, 1)
        self.warnings: list[str] = []
        self._on_warning = on_warning

    def save(self, epoch: int, state: Mapping[str, Any]) -> Path:
        """Write the state after `epoch` finished epochs and return the file.

        `state` holds tensors, numbers, text, None, and lists, tuples and dictionaries of them:
        what can be read back without running pickled code. Raises GclbenchError for anything else
        and StorageFullError for a full disk; the checkpoints before stay untouched.
        """
        import torch

        _check_plain(state, "state")
        # Through memory: on a full disk torch's own writer raises an error that does not say so.
        buffer = io.BytesIO()
        torch.save({_KEY: self.key, _STATE: dict(state)}, buffer)
        data = buffer.getbuffer()
        with storage_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"epoch-{epoch:05d}.{hashlib.sha256(data).hexdigest()[:16]}.pt"
        write_atomically(path, data)
        for old in self._files()[self.keep :]:
            old[1].unlink(missing_ok=True)
        return path

    def latest(self) -> tuple[int, dict[str, Any]] | None:
        """Return (finished epochs, state) of the newest sound checkpoint, or None."""
        for epoch, path in self._files():
            state, problem = self._read(path)
            if state is not None:
                return epoch, state
            self._warn(f"checkpoint {path} {problem}; falling back to the one before it.")
            with suppress(OSError):  # it must not take the place of one that is kept
                os.replace(path, path.with_name(f"{path.name}{_REFUSED}"))
        return None

    def _read(self, path: Path) -> tuple[dict[str, Any] | None, str]:
        """Return the state in a file, or why it is not gone on from."""
        import torch

        try:
            data = path.read_bytes()
            match = _NAME.fullmatch(path.name)
            if match is None or hashlib.sha256(data).hexdigest()[:16] != match[2]:
                return None, "is damaged"
            found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        except (OSError, *_UNREADABLE):
            return None, "cannot be read"
        if not isinstance(found, dict) or set(found) != {_KEY, _STATE}:
            return None, "does not say which stage run it belongs to"
        if found[_KEY] != self.key:
            return None, f"belongs to another stage run ({str(found[_KEY])[:12]})"
        return dict(found[_STATE]), ""

    def _files(self) -> list[tuple[int, Path]]:
        """Newest epoch first; of two files of one epoch, the one written last."""
        found = []
        for path in sorted(self.folder.glob("epoch-*.pt")):
            match = _NAME.fullmatch(path.name)
            if match:
                found.append((int(match[1]), path.stat().st_mtime_ns, path))
        return [(epoch, path) for epoch, _, path in sorted(found, reverse=True)]

    def _warn(self, text: str) -> None:
        self.warnings.append(text)
        _LOG.warning(text)
        if self._on_warning is not None:
            self._on_warning(text)


def _check_plain(value: Any, place: str) -> None:
    import torch

    if isinstance(value, Mapping):
        for key, item in value.items():
            if type(key) not in _PLAIN:
                raise GclbenchError(f"{place} has a key of type {type(key).__name__}.")
            _check_plain(item, f"{place}.{key}")
    elif type(value) in (list, tuple):
        for index, item in enumerate(value):
            _check_plain(item, f"{place}[{index}]")
    elif type(value) not in _PLAIN and not isinstance(value, torch.Tensor):
        raise GclbenchError(
            f"{place} is a {type(value).__name__}, which a checkpoint cannot hold.",
            "Store tensors, numbers, text, lists and dictionaries.",
        )
