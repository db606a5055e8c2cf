"""Read image files as a person sees them: bit depths, transparency, turned photographs.

The table of formats and rules is in docs/datasets.md. Files come from strangers: few formats, no
other program, no bombs, and whatever a damaged file makes Pillow raise names the file.
"""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from gclbench.errors import DataMissingError

# Formats that Pillow reads by itself; it would hand a file in PostScript to another program,
# whatever the file is called.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
SUFFIXES = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp")
# Pictures of other kinds, by their names: nobody should think that they were read.
UNREAD_SUFFIXES = (
    *(".arw", ".avif", ".cr2", ".dng", ".gif", ".heic", ".heif", ".ico", ".jp2", ".jxl", ".nef"),
    *(".psd", ".raw", ".svg", ".tga"),
)
# Rises when pictures that `reading` names would give other pixels.
REVISION = 1
_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
# Where a PNG may say how it was held; looking there spares decoding it.
_PNG_MARKS = (b"eXIf", b"Raw profile type", b"tiff:Orientation", b"XML:com.adobe.xmp")
_ZEROS = 64  # bytes at the end of a file that was not written whole
_BITS_PER_SAMPLE, _PHOTOMETRIC, _SAMPLE_FORMAT = 258, 262, 339
_WHITE_IS_ZERO, _UNSIGNED = 0, 1
# First bytes (from a place in the file) -> what it is.
_KINDS = (
    (0, b"GIF8", "a GIF"),
    (0, b"%PDF", "a PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"8BPS", "a Photoshop file"),
    (0, b"\x00\x00\x00\x0cjP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\x00\x00\x00\x0cJXL ", "JPEG XL"),
    (0, b"\x00\x00\x01\x00", "an icon"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"version https://git-lfs", "a pointer of git-lfs, not the file itself"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"<!DOCTYPE", "a web page"),
    (0, b"<html", "a web page"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphe", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"ftyp", "a film"),
)
# First bytes of the formats that are read: Pillow knows not all of their kinds.
_OURS = (
    *((b"II*\0", "TIFF"), (b"MM\0*", "TIFF"), (b"II+\0", "TIFF"), (b"MM\0+", "TIFF")),
    *(
        (b"\x89PNG", "PNG"),
        (b"RIFF", "WEBP"),
        (b"BM", "BMP"),
        (b"P7", "PAM"),
    ),
)
_AGAIN = "Copy it again from where it came."
_CLOSED = ("permission denied", "Give yourself the right to read it.")
_CONVERT = "Save it as PNG or JPEG."
_EIGHT = "Save it as PNG or JPEG of 8 bits."
_OTHERWISE = "Save it as PNG or JPEG of 8 bits; if it opens nowhere, copy it again."


class _NotSeenError(ValueError):
    """A whole file whose numbers are no picture as they stand: no other copy would help."""


def open_rgb(path: Path) -> Image.Image:
    """Read an image file as RGB. Raises DataMissingError naming the file."""
    return _read(path).convert("RGB")


def open_gray(path: Path) -> Image.Image:
    """Read an image file as 8-bit gray. Raises DataMissingError naming the file."""
    return _read(path).convert("L")


def reading(path: Path) -> str:
    """Return "" for a file that the first releases read as it is read now, else the rule's name.

    It enters fingerprints: pixels that were read otherwise (16 bits, transparency, turned
    photographs) must not be taken for these. Files that cannot be opened give "".
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(path, formats=FORMATS) as image:
                return "" if _plain(image, path) else f"as seen {REVISION}"
    except Exception:  # whoever decodes it says what is wrong with it
        return ""


def _plain(image: Image.Image, path: Path) -> bool:
    if _deep(image) or image.mode in _ALPHA or "transparency" in image.info:
        return False
    if image.format == "PNG" and not any(mark in path.read_bytes() for mark in _PNG_MARKS):
        return True
    return _turn(image) is None


def _read(path: Path) -> Image.Image:
    """The picture as 8-bit gray or RGB."""
    _require_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, of broken tags
            with Image.open(path, formats=FORMATS) as image:
                seen = _as_seen(image)
        _require_end(path)
        return seen
    except Image.UnidentifiedImageError as error:
        raise _unread(path, *_unknown(path)) from error
    except PermissionError as error:
        raise _unread(path, *_CLOSED) from error
    except Image.DecompressionBombError as error:
        raise _unread(path, "it has too many pixels", "Save it smaller.") from error
    except _NotSeenError as error:
        raise _unread(path, str(error), _EIGHT) from error
    except Exception as error:  # a damaged file raises whatever its decoder stumbled over
        raise _unread(path, str(error) or type(error).__name__, _AGAIN) from error


def _require_file(path: Path) -> None:
    """Raise DataMissingError for what is not there, no file, closed to us or empty."""
    try:
        if not path.is_file():
            there = path.exists()
            why = "it is no file" if there else "it is not there"
            why = "the link leads nowhere" if path.is_symlink() and not there else why
            raise _unread(path, why, "Check the path, or restore the file.")
        if path.stat().st_size == 0:
            raise _unread(path, "it is empty", _AGAIN)
    except PermissionError as error:
        raise _unread(path, *_CLOSED) from error
    except (OSError, ValueError) as error:  # loops of links, names too long, zero bytes in names
        raise _unread(path, str(error), "Check the path.") from error


def _unread(path: Path, why: str, remedy: str) -> DataMissingError:
    why = why.replace(f" {str(path)!r}", "")
    return DataMissingError(f"the image {path} cannot be read ({why}).", remedy)


def _unknown(path: Path) -> tuple[str, str]:
    """What a file is that is no picture of ours, and what to do about it."""
    with path.open("rb") as handle:
        start = handle.read(64)
    for place, mark, what in _KINDS:
        if start[place : place + len(mark)].lower() == mark.lower():
            known = ", ".join(FORMATS)
            return f"it is {what}; {known} are read", _AGAIN if "git-lfs" in what else _CONVERT
    if start.startswith(b"\xff\xd8"):
        return "it is a damaged JPEG", _AGAIN
    for mark, what in _OURS:
        if start.startswith(mark):
            return f"it is a {what} of a kind that is not read, or damaged", _OTHERWISE
    return "it is no picture", _AGAIN


def _require_end(path: Path) -> None:
    """Raise ValueError for a JPEG whose rest was never written: zeros decode as grey without end.

    Without the zeros Pillow notices by itself.
    """
    with path.open("rb") as handle:
        jpeg = handle.read(2) == b"\xff\xd8"
        handle.seek(-min(_ZEROS, os.fstat(handle.fileno()).st_size), os.SEEK_END)
        if not jpeg or handle.read().strip(b"\0"):
            return
    data = path.read_bytes()
    if b"\xff\xd9" not in data[data.rfind(b"\xff\xda") :]:
        raise ValueError("it ends in zeros, in the middle of the picture")


def _as_seen(image: Image.Image) -> Image.Image:
    _spread_clear_gray(image)
    image.load()
    if 0 in image.size:
        raise ValueError("it has no pixels")
    turn = _turn(image)
    seen = _eight_bits(image)
    return seen if turn is None else seen.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    """How to turn the pixels so that up is up; a tag that cannot be read turns nothing."""
    if image.format == "TIFF":
        return None  # Pillow turns these as it loads them
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except Exception:  # tags are as damaged as files are
        return None


def _deep(image: Image.Image) -> bool:
    return image.mode in ("I", "F") or image.mode.startswith("I;16")


def _eight_bits(image: Image.Image) -> Image.Image:
    if _deep(image):
        return _scaled(image)
    if image.mode in _ALPHA or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, clear).convert("RGB")
    if image.mode == "LAB":
        return _from_lab(image)
    return image.convert("L") if image.mode in ("1", "L") else image.convert("RGB")


def _spread_clear_gray(image: Image.Image) -> None:
    """Give the clear gray of a PNG of 2 or 4 bits the scale of its pixels; Pillow forgets it."""
    clear, tiles = image.info.get("transparency"), getattr(image, "tile", None)
    scale = {"L;2": 85, "L;4": 17}.get(str(tiles[0][3]), 1) if tiles else 1
    if image.format == "PNG" and isinstance(clear, int):
        image.info["transparency"] = clear * scale


def _scaled(image: Image.Image) -> Image.Image:
    """Gray of more than 8 bits, scaled to 8; what is transparent becomes white."""
    values = _numbers(image).astype(np.float64)
    if not np.isfinite(values).all():
        raise _NotSeenError("it holds numbers that are not finite")
    low, high = float(values.min()), float(values.max())
    top = _top(image, high)
    if low < 0 or high > top:
        raise _NotSeenError(f"its values go from {low:g} to {high:g}, which is no known range")
    gray = np.rint(values * (255 / top))
    tags: Any = getattr(image, "tag_v2", {})
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:
        gray = 255 - gray
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray[values == clear] = 255
    return Image.fromarray(gray.astype(np.uint8))


def _numbers(image: Image.Image) -> NDArray[Any]:
    """The numbers of a deep picture; Pillow gives 32 bits without a sign as if they had one."""
    tags: Any = getattr(image, "tag_v2", {})
    values = np.asarray(image)
    # 1, unsigned, is the tag's default.
    if image.mode == "I" and image.format == "TIFF" and _bits(image) == 32:
        signless = int(np.ravel(tags.get(_SAMPLE_FORMAT, _UNSIGNED))[0]) == _UNSIGNED
        return values.view(np.uint32) if signless else values
    return values


def _bits(image: Image.Image) -> int:
    tags: Any = getattr(image, "tag_v2", {})
    return int(np.ravel(tags.get(_BITS_PER_SAMPLE, 16))[0])


def _top(image: Image.Image, high: float) -> int:
    """The value that is white: of the file's bits where it says them, else by the largest."""
    if image.mode.startswith("I;16"):
        return int(2 ** _bits(image)) - 1
    if image.mode == "I" and image.format != "TIFF":
        return 65_535  # 16 bits of a PNG or PGM
    ranges = (1, 255, 65_535) if image.mode == "F" else (255, 65_535, 2**31 - 1, 2**32 - 1)
    return next((top for top in ranges if high <= top), ranges[-1])


def _from_lab(image: Image.Image) -> Image.Image:
    from PIL import ImageCms

    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    turned = ImageCms.profileToProfile(image, lab, srgb, outputMode="RGB")
    if turned is None:
        raise ValueError("its colours cannot be turned into RGB")
    return turned
