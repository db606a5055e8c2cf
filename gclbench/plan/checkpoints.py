"""Epoch checkpoints of a node that is still training: atomic, checked, the last few kept."""

from __future__ import annotations

import hashlib
import io
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gclbench.atomic import storage_errors, write_atomically
from gclbench.errors import GclbenchError

_LOG = logging.getLogger(__name__)
_NAME = re.compile(r"epoch-(\d+)\.([0-9a-f]{16})\.pt")
_PLAIN = (bool, int, float, str, type(None))


class Checkpoints:
    """The checkpoints in one folder; the last `keep` epochs stay.

    A file's name carries the start of its SHA-256, so a truncated or changed file is noticed and
    the one before it is used. Each such file is reported: in `warnings`, in the log, and to
    `on_warning`.
    """

    def __init__(
        self, folder: Path, keep: int = 2, on_warning: Callable[[str], None] | None = None
    ) -> None:
        self.folder = folder
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
        torch.save(dict(state), buffer)
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
        import torch

        for epoch, path in self._files():
            data = path.read_bytes()
            match = _NAME.fullmatch(path.name)
            if match is None or hashlib.sha256(data).hexdigest()[:16] != match[2]:
                self._warn(f"checkpoint {path} is damaged; falling back to the one before it.")
                continue
            state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
            return epoch, state
        return None

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
