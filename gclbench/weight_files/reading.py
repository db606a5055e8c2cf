"""Read a file of tensors that anybody may have written: nothing in it is run."""

from __future__ import annotations

import errno
import json
import os
import pickle
import re
import shlex
import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch

from gclbench.errors import CheckpointError, DataMissingError, GclbenchError
from gclbench.file_errors import reason
from gclbench.weight_files.kinds import foreign_kind, is_plain_pickle
from gclbench.weight_files.numpy_numbers import numpy_numbers
from gclbench.weight_files.safetensors import is_safetensors, read_safetensors

# What torch's restricted reader raises for a damaged pickle, besides its own error; none has run.
UNREADABLE = (
    *(RuntimeError, EOFError, OSError, ValueError, pickle.UnpicklingError, AssertionError),
    *(AttributeError, LookupError, MemoryError, ArithmeticError, TypeError),
    *(struct.error, zipfile.BadZipFile),
)
# What the system says of a file that may be sound; torch raises others (EINVAL) for a cut one.
REFUSALS = {
    *(errno.EACCES, errno.EPERM, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOMEM),
    *(errno.EISDIR, errno.ESTALE, errno.ELOOP, errno.ENOTCONN, errno.ETIMEDOUT),
}
_CLASS = re.compile(r"GLOBAL ([\w.]+)|class ([\w.]+)|got <class '([\w.]+)'|function ([\w.]+)")
# Modules that no weights have a use for, but every attack has.
_DANGEROUS = {
    *("os", "posix", "nt", "sys", "subprocess", "builtins", "__builtin__", "commands", "pty"),
    *("shutil", "socket", "runpy", "importlib", "ctypes", "webbrowser", "code", "pickle"),
}
# Builtins that only hold things: no weights need them, and no attack does.
_HARMLESS = {"bytearray", "complex", "frozenset", "list", "object", "range", "set", "slice"}
# What torch's reader says of pickles of protocol 3 and later, which torch.save writes if asked to.
_PROTOCOL = "Unsupported operand"
# Names of the pickle that say less than what they build.
_KNOWN = {
    "numpy.core.multiarray._reconstruct": "numpy.ndarray",
    "numpy._core.multiarray._reconstruct": "numpy.ndarray",
}


def read_weight_file(path: Path, what: str = "a checkpoint", key: str = "state_dict") -> Any:
    """Return what a file of tensors holds: a pickle of torch's in either form, or safetensors.

    Files that Python 2 wrote are read too, NumPy numbers come as plain ones. Raises
    DataMissingError without the file, CheckpointError that says what else the file is, or the
    class of an object beside the tensors that reading would have to run code for.
    """
    check_is_file(path)
    try:
        if is_safetensors(path):
            return read_safetensors(path)
        with numpy_numbers(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what torch will do with such files one day
            return torch.load(path, map_location="cpu", weights_only=True, encoding="latin1")
    except UNREADABLE as error:
        raise unreadable(path, error, what, key) from error


def check_is_file(path: Path) -> None:
    """Raise DataMissingError unless there is a file, which may be anything."""
    if os.path.isdir(path):
        raise DataMissingError(f"{path} is a folder.", "Name the file of weights in it.")
    if not os.path.isfile(path):
        there = os.path.lexists(path)
        what = f"{path} is no file" if there else f"no checkpoint at {path}"
        raise DataMissingError(f"{what}.", "Check the path.")


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive; nothing in it is run."""
    try:
        if not zipfile.is_zipfile(path):
            return False
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return False


def unreadable(path: Path, error: BaseException, what: str, key: str) -> GclbenchError:
    """The error for a file that could not be read: what it is, or what in it was refused.

    `key` is where such files keep their tensors.
    """
    cannot = f"{path} cannot be read as {what}"
    if isinstance(error, OSError) and error.errno in REFUSALS:
        return DataMissingError(f"{cannot}: {reason(error)}.", "Give yourself the right to it.")
    try:
        found = foreign_kind(path)
    except OSError:
        found = None
    if found is not None:
        return CheckpointError(f"{cannot}: it is {found.what}.", found.remedy)
    refused = _refused(error)
    if _is_dangerous(refused):
        return CheckpointError(
            f"{cannot}: it holds more than tensors, and would run {refused} where it is trusted.",
            "Nothing was run. Delete it, and tell who gave it to you.",
        )
    why = _why(path, error, refused)
    if why:
        plain = is_plain_pickle(path)
        return CheckpointError(
            f"{cannot}: {why}.",
            f"If you trust the file, save its tensors anew: {anew(path, key, plain=plain)}",
        )
    return CheckpointError(
        f"{cannot} ({type(error).__name__}).",
        "It is truncated or damaged, or no file of tensors: fetch it again.",
    )


def anew(path: Path, key: str = "state_dict", *, trusted: bool = True, plain: bool = False) -> str:
    """A command that saves the tensors and arrays of a file alone, those under `key` if any are.

    `trusted` files may run code then; `plain` ones were written by pickle, without torch.
    """
    name, inside = json.dumps(str(path)), json.dumps(key)
    load = f'torch.load({name}, "cpu", weights_only={not trusted})'
    if plain:
        load = f'pickle.load(open({name}, "rb"), encoding="latin1")'
    code = (
        f"import pickle, torch; f = {load}; "
        f'f = f.state_dict() if hasattr(f, "state_dict") else f.get({inside}, f); '
        "torch.save({k: torch.as_tensor(v) for k, v in f.items() "
        'if type(v).__name__ == "ndarray" or torch.is_tensor(v)}, "tensors.pth")'
    )
    return f"python -c {shlex.quote(code)}"


def _why(path: Path, error: BaseException, refused: str) -> str:
    """Why a sound file is not read; "" for one that is damaged."""
    if refused:
        what = refused if refused.startswith("NumPy number") else f"object of {refused}"
        article = "a" if what is refused else "an"
        return (
            f"it holds more than tensors, {article} {what}. Nothing but tensors and plain numbers "
            "is read, since building it would run code"
        )
    if is_plain_pickle(path):
        return "it was written by pickle, not by torch.save, and reading it would run code"
    if _PROTOCOL in str(error):
        return "torch reads no pickle of protocol 3 or later without running code in it"
    return ""


def _is_dangerous(refused: str) -> bool:
    """Whether a refused name has no place in a file of weights: a builtin has no module."""
    module, dot, _ = refused.partition(".")
    if refused.removeprefix("builtins.").removeprefix("__builtin__.") in _HARMLESS:
        return False
    return module in _DANGEROUS or (refused != "" and not dot and not refused.startswith("NumPy"))


def _refused(error: BaseException) -> str:
    """The class that torch's reader refused, as far as its message names it; '' for another."""
    text = str(error)
    if isinstance(error, ValueError) and text.startswith("a NumPy number"):
        return text.removeprefix("a ")
    if not isinstance(error, pickle.UnpicklingError):
        return ""
    found = _CLASS.search(text)
    if found is None:
        return ""
    name = next(each for each in found.groups() if each)
    return _KNOWN.get(name, name)
