"""Open image files from strangers: few formats, no other program, no bombs."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from gclbench.errors import DataMissingError

# Formats that Pillow reads by itself; it would hand a file in PostScript to another program,
# whatever the file is called.
FORMATS = ("BMP", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
UNREADABLE = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)


def open_rgb(path: Path) -> Image.Image:
    """Read an image file as RGB. Raises DataMissingError naming the file."""
    try:
        with Image.open(path, formats=FORMATS) as handle:
            return handle.convert("RGB")
    except UNREADABLE as error:
        raise DataMissingError(
            f"the image {path} cannot be read ({error}).", "Restore the file from the dataset."
        ) from error
