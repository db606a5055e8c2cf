"""What a file is that is no file of tensors, told by its first bytes and by its name; no torch."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import NamedTuple

_HEAD = 4096
_LEGACY = b"\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # what torch.save began with before 1.6
_LFS = b"version https://git-lfs.github.com/spec/"
_UNPACK = "Unpack it, and name the file of weights in it."
_FETCH = "Fetch it again, with a client that follows the page's question (gdown, a browser)."
_EXPORT = "Save the weights as tensors with PyTorch: torch.save(network.state_dict(), FILE)."
_AGAIN = "Fetch it again."


class Found(NamedTuple):
    """What a file is, as the end of a sentence, and what to do about it."""

    what: str
    remedy: str


# First bytes -> what they begin.
_MAGIC: tuple[tuple[bytes, Found], ...] = (
    (b"\x89HDF\r\n\x1a\n", Found("an HDF5 file (Keras or MATLAB)", _EXPORT)),
    (b"\x1f\x8b", Found("packed by gzip", _UNPACK)),
    (b"BZh", Found("packed by bzip2", _UNPACK)),
    (b"\xfd7zXZ\x00", Found("packed by xz", _UNPACK)),
    (b"\x28\xb5\x2f\xfd", Found("packed by zstd", _UNPACK)),
    (b"7z\xbc\xaf\x27\x1c", Found("a 7z archive", _UNPACK)),
    (b"Rar!\x1a\x07", Found("a RAR archive", _UNPACK)),
    (b"\x93NUMPY", Found("a NumPy array (.npy)", _EXPORT)),
    (b"MATLAB 5.0", Found("a MATLAB file", _EXPORT)),
    (b"\x89PNG\r\n", Found("a picture", "Name a file of weights.")),
    (b"\xff\xd8\xff", Found("a picture", "Name a file of weights.")),
    (b"%PDF", Found("a PDF", "Name a file of weights.")),
    (b"GGUF", Found("a GGUF file (llama.cpp)", _EXPORT)),
)
_SUFFIXES: dict[str, Found] = {
    ".onnx": Found("an ONNX program", _EXPORT),
    ".pb": Found("a TensorFlow graph", _EXPORT),
    ".index": Found("the index of a TensorFlow checkpoint", _EXPORT),
    ".pdparams": Found("a Paddle file", _EXPORT),
    ".params": Found("an MXNet file", _EXPORT),
    ".caffemodel": Found("a Caffe file", _EXPORT),
    ".engine": Found("a TensorRT program", _EXPORT),
    ".tflite": Found("a TensorFlow Lite program", _EXPORT),
    ".mlmodel": Found("a Core ML program", _EXPORT),
}


def foreign_kind(path: Path) -> Found | None:
    """Say what a file is that torch cannot read; None where nothing is known of it.

    Raises OSError.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if not head:
        return Found("empty", _AGAIN)
    return _by_text(head) or _by_magic(head) or _by_archive(path, head) or _by_name(path)


def is_plain_pickle(path: Path) -> bool:
    """Whether a file begins as what pickle.dump writes, and not as what torch.save does."""
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError:
        return False
    return (
        head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5") and _LEGACY not in head
    )


def _by_text(head: bytes) -> Found | None:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    lower = text[:512].lower()
    if text.startswith(_LFS):
        return Found("the pointer of a Git LFS file, not the file", "Run git lfs pull beside it.")
    if lower.startswith(b"/annex/objects/") or b".git/annex/objects/" in lower:
        return Found("the pointer of a git-annex file", "Run git annex get beside it.")
    if lower.startswith((b"<!doctype html", b"<html", b"<head", b"<script")):
        return Found("a web page (HTML): a sign-in, a quota or a virus warning", _FETCH)
    if lower.startswith((b"<?xml", b"<error>")):
        return Found("an answer of a server (XML), not the file", _FETCH)
    if not head.strip(b"\x00"):
        return Found("nothing but zeros: a download that stopped", _AGAIN)
    if _is_text(head):
        first = text.decode("utf-8", "replace").splitlines()[0][:60] if text else ""
        return Found(f"text, which begins with {first!r}", "Name a file of weights.")
    return None


def _is_text(head: bytes) -> bool:
    """Whether all of it is printable; a pickle of protocol 0 is text too and ends with a dot."""
    plain = bytes(range(32, 127)) + b"\t\r\n"
    return not head.translate(None, plain) and not head.rstrip(b"\n").endswith(b".")


def _by_magic(head: bytes) -> Found | None:
    if head[257:262] == b"ustar":
        return Found("a tar archive", _UNPACK)
    return next((found for magic, found in _MAGIC if head.startswith(magic)), None)


def _by_archive(path: Path, head: bytes) -> Found | None:
    if not head.startswith(b"PK"):
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError):
        size = path.stat().st_size
        return Found(f"a truncated or damaged archive ({size:,} bytes)", _AGAIN)
    ends = {name.rpartition("/")[2] for name in names}
    if "data.pkl" in ends:
        return None
    if "config.json" in ends and "model.weights.h5" in ends:
        return Found("a Keras model", _EXPORT)
    if names and all(name.endswith(".npy") for name in names):
        return Found("NumPy arrays (.npz)", _EXPORT)
    if "archive_format" in ends:
        return Found("a program of torch.export", _EXPORT)
    shown = ", ".join(repr(name) for name in names[:3]) or "nothing"
    return Found(f"a zip archive without weights at its top; it holds {shown}", _UNPACK)


def _by_name(path: Path) -> Found | None:
    if ".data-" in path.name and "-of-" in path.name:
        return Found("a part of a TensorFlow checkpoint", _EXPORT)
    return _SUFFIXES.get(path.suffix.lower())
