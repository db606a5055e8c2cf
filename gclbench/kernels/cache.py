"""Where compiled kernels lie between processes: files of our own, one for each kernel and types.

Numba's own cache keeps an index and numbered files beside the sources. Two processes that write it
at once may leave an index that names another's file; it does not notice that a kernel of another
module, compiled into the cached one, has changed; and what old versions of this package left there
may be wrong (docs/kernels.md). So here: a folder named by the digest of all that compiled code
depends on, a file named by the digest of the kernel and its types, and a checksum in front.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import platform
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import numba

from gclbench.cache_folder import VARIABLE, cache_folder

try:
    from numba.core import serialize
    from numba.core.compiler import CompileResult
    from numba.core.registry import cpu_target
except ImportError:  # a later numba has moved them
    USABLE = False
else:
    USABLE = True

_SUFFIX = ".kernel"
_FOLDER_NAME = re.compile("[0-9a-f]{24}")
_CHECKSUM_BYTES = 32


def base_folder() -> Path:
    """The folder of all kernel folders: in $GCLBENCH_CACHE, else in the user's cache folder."""
    return cache_folder() / "kernels"


def kernel_folder() -> Path:
    """The folder that this process reads and writes, whether or not it exists."""
    return base_folder() / _environment_digest()


def trouble() -> str:
    """Why kernels are compiled anew by each process; '' where they are kept."""
    return _refused(kernel_folder())


@dataclass(frozen=True)
class KernelFolder:
    """A folder of compiled kernels; `current` is the one that this installation uses."""

    path: Path
    megabytes: float
    current: bool


def folders() -> list[KernelFolder]:
    """All folders of compiled kernels, and `__pycache__` of ours where numba left such files."""
    found = [path for path in _listed(base_folder()) if _is_ours(path)]
    found += [folder for folder in _source_caches() if any(_numba_files(folder))]
    return [KernelFolder(path, _megabytes(path), path == kernel_folder()) for path in found]


def sweep(*, everything: bool = False) -> list[KernelFolder]:
    """Remove the folders that are not current, or all; return what is gone.

    A process that uses one of them goes on: it compiles again what it can no longer read. What may
    not be removed stays.
    """
    chosen = [folder for folder in folders() if everything or not folder.current]
    for folder in chosen:
        if folder.path.name == "__pycache__":
            for path in _numba_files(folder.path):
                with suppress(OSError):
                    path.unlink()
        else:
            shutil.rmtree(folder.path, ignore_errors=True)
    left = {folder.path for folder in folders()}
    return [folder for folder in chosen if folder.path not in left]


class KernelCache:
    """What numba asks of a function's cache: load and save its compiled code by argument types.

    A file that is missing, cut short or of other types counts as absent. Nothing here fails a run:
    where the folder cannot be used, kernels are compiled by each process (see `trouble`). So is a
    function that closes over variables: their values are part of the code, not of its name.
    """

    def __init__(self, function: Any) -> None:
        self._function = function
        # Now, not at the first use: a file that changes meanwhile is not what was imported.
        self._source = _file_digest(function.__code__.co_filename)
        _sources_digest()

    @property
    def cache_path(self) -> str:
        return str(kernel_folder())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        folder = kernel_folder()
        if self._function.__closure__ or _refused(folder):
            return None
        try:
            whole = (folder / self._name(sig)).read_bytes()
        except OSError:
            return None
        checksum, content = whole[:_CHECKSUM_BYTES], whole[_CHECKSUM_BYTES:]
        if hashlib.sha256(content).digest() != checksum:
            return None
        try:  # only code that this user has written is read: see `_refused`
            result = CompileResult._rebuild(target_context, *pickle.loads(content))
        except Exception:  # of another make, whatever its name says
            return None
        return result if tuple(result.signature.args) == tuple(sig) else None

    def save_overload(self, sig: Any, result: Any) -> None:
        folder = kernel_folder()
        if self._function.__closure__ or _refused(folder):
            return
        if result.lifted or result.library.has_dynamic_globals:
            return
        content = serialize.dumps(result._reduce())
        with suppress(OSError):  # a full disk, say: the kernel is there for this process
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _write(folder / self._name(sig), hashlib.sha256(content).digest() + content)

    def enable(self) -> None:
        """Part of what numba asks; the cache is always on."""

    def disable(self) -> None:
        """Part of what numba asks; the cache is always on."""

    def flush(self) -> None:
        """Forget all types of this function."""
        for path in kernel_folder().glob(f"{self._prefix()}-*{_SUFFIX}"):
            path.unlink(missing_ok=True)

    def _prefix(self) -> str:
        return "".join(c if c.isalnum() or c in "._" else "_" for c in self._function.__qualname__)

    def _name(self, sig: Any) -> str:
        code = self._function.__code__
        identity = repr(
            (
                self._function.__module__,
                self._function.__qualname__,
                code.co_firstlineno,
                code.co_code,
                self._source,
                [str(kind) for kind in sig],
            )
        )
        return f"{self._prefix()}-{hashlib.sha256(identity.encode()).hexdigest()[:32]}{_SUFFIX}"


def _refused(folder: Path) -> str:
    """Why a folder cannot be used: nobody else may have been able to write what is loaded."""
    # Path.exists would raise where a folder above may not be entered.
    place = next((p for p in (folder, *folder.parents) if os.path.exists(p)), folder)
    if not os.access(place, os.W_OK | os.X_OK):
        return f"{place} cannot be written; {VARIABLE}=DIR names another place."
    if place == folder and hasattr(os, "geteuid"):
        status = place.stat()
        if status.st_uid != os.geteuid():
            return f"{folder} belongs to another user; {VARIABLE}=DIR names another place."
        if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            return f"{folder} can be written by other users: remove it."
    return ""


def _write(path: Path, content: bytes) -> None:
    """Beside, then renamed: no reader sees half a file, whoever is killed meanwhile."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@cache
def _sources_digest() -> str:
    """What all kernels are made from; as it is when the first of them is imported."""
    parts = [_file_digest(path) for path in sorted(Path(__file__).parent.glob("*.py"))]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


@cache
def _environment_digest() -> str:
    """All that decides on compiled code beside a kernel's own module: sources, compiler, CPU."""
    python = sys.implementation.cache_tag, getattr(sys, "abiflags", ""), platform.python_version()
    versions = numba.__version__, llvmlite.__version__, *python
    cpu = cpu_target.target_context.codegen().magic_tuple() if USABLE else ()
    return hashlib.sha256(repr((_sources_digest(), versions, cpu)).encode()).hexdigest()[:24]


@cache
def _file_digest(path: Path | str) -> str:
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:  # a function that was typed in
        return ""


def _listed(folder: Path) -> list[Path]:
    """What is in a folder; nothing where that cannot be told."""
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_ours(path: Path) -> bool:
    inside = _listed(path)
    named = _FOLDER_NAME.fullmatch(path.name) and not path.is_symlink()
    return bool(named) and all(_SUFFIX in each.name for each in inside)


def _source_caches() -> list[Path]:
    return sorted(Path(__file__).parents[1].glob("**/__pycache__"))


def _numba_files(folder: Path) -> Iterator[Path]:
    return (path for path in _listed(folder) if path.suffix in (".nbi", ".nbc"))


def _megabytes(folder: Path) -> float:
    inside = _numba_files(folder) if folder.name == "__pycache__" else _listed(folder)
    size = 0
    for path in inside:
        with suppress(OSError):  # another process may have just moved it
            size += path.stat().st_size
    return size / 1e6
