"""The error tree: every failure the library reports names what is wrong and how to mend it.

Library code raises these and nothing else for foreseeable trouble; only `gclbench.cli` turns them
into exit codes (2 usage, 3 data or packages missing, 1 anything else).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


class GclbenchError(Exception):
    """Base of all foreseeable failures. `remedy` is one sentence telling the user what to do."""

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.message} {self.remedy}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders: rebuild without calling a subclass's own constructor.
        return (_rebuild, (type(self), dict(self.__dict__)))


def _rebuild(cls: type[GclbenchError], state: dict[str, object]) -> GclbenchError:
    error = cls.__new__(cls)
    Exception.__init__(error, state.get("message", ""))
    error.__dict__.update(state)
    return error


class UsageError(GclbenchError):
    """The request itself is wrong: an unknown name, key, type or value."""


class UnknownNameError(UsageError):
    """A name that is not registered; the message carries the nearest known one."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = sorted(known)
        super().__init__(f"unknown {what} '{name}'.", suggestion(name, self.known))


class UnknownComponentError(UnknownNameError):
    """A component that nobody registered; the remedy says how one of a user's package comes in."""

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        super().__init__(kind, name, known)
        self.remedy += (
            " One of your own package is known once its pyproject.toml names the module under "
            '[project.entry-points."gclbench.components"] and pip install has run again.'
        )

    def not_loaded(self, files: Sequence[str]) -> None:
        """Say that code lies in a content folder, where nobody runs it."""
        if files:
            self.remedy += f" {files[0]} is not loaded: content never runs code."


class ContentError(UsageError):
    """A YAML or CSV file does not say what its schema allows: `file:line: key: problem`."""

    def __init__(self, file: str, line: int | None, key: str, problem: str) -> None:
        self.file, self.line, self.key, self.problem = file, line, key, problem
        where = f"{file}:{line}" if line is not None else file
        super().__init__(f"{where}: {key}: {problem}")


class OverrideError(UsageError):
    """A `key=value` override names no setting or gives it a value of the wrong type or range."""


class ShapeError(UsageError):
    """A tensor or array has the wrong shape; the message names the axis."""


class DataMissingError(GclbenchError):
    """A file or folder that the user must supply is not there, or cannot be read."""


class DeviceMissingError(DataMissingError):
    """The machine has no such device."""


class DeviceError(GclbenchError):
    """A device that is there has no memory left, or failed: what it was given is not at fault."""


class CheckpointError(GclbenchError):
    """A checkpoint is truncated or does not fit the network that should load it."""


class StorageFullError(GclbenchError):
    """The disk is full; nothing that was finished is lost."""


class TrainingError(GclbenchError):
    """Training cannot go on, for example because a loss is not finite."""


class KernelError(GclbenchError):
    """A compiled kernel gave a wrong answer to a question whose answer is known."""


class ImpossibleResultError(GclbenchError):
    """A result that no right computation gives, for example a mean average precision above 1."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"a result that cannot be: {what}.",
            "Nothing was kept of it: run the same command again. If it comes again, report it "
            "with what `gclbench doctor` prints.",
        )


class DamagedResultError(GclbenchError):
    """A stored result that cannot be; the remedy names the folder to delete."""


class MissingExtraError(GclbenchError):
    """A package is not installed; `extra` is the extra of gclbench that brings it, if one does."""

    def __init__(self, package: str, extra: str = "") -> None:
        what = f'"gclbench[{extra}]"' if extra else package
        super().__init__(f"'{package}' is not installed.", f"Install it with: pip install {what}")


class ManyFaultsError(GclbenchError):
    """Several faults that were found together: `faults`, each with its own remedy."""

    def __init__(self, faults: Iterable[GclbenchError]) -> None:
        self.faults = tuple(faults)
        lines = (
            f"\n  {number}. {' '.join(str(fault).split())}"
            for number, fault in enumerate(self.faults, 1)
        )
        super().__init__(f"{len(self.faults)} faults, nothing was run:{''.join(lines)}")


def suggestion(name: str, known: Iterable[str]) -> str:
    """Return 'Did you mean ...?' with the nearest known word, and the list of allowed words."""
    words = sorted(known)
    near = difflib.get_close_matches(name, words, n=1, cutoff=0.5)
    hint = f"Did you mean '{near[0]}'? " if near else ""
    return f"{hint}Allowed: {', '.join(words)}." if words else hint.strip()
