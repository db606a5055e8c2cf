"""Pictures as a person sees them: every mode, depth, tag and format, or refused by name."""

from __future__ import annotations

import io
import os
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from gclbench import pictures
from gclbench.errors import DataMissingError
from gclbench.pictures import open_gray, open_rgb, reading
from tests.mutations import mutations

# A body of gray 90 on white; its right arm tells left from right and up from down.
BODY = np.full((12, 8), 255, dtype=np.uint8)
BODY[3:10, 2:5] = 90
BODY[4, 5:7] = 90
INK = BODY == 90
Make = Callable[[Path], object]


def saved(image: Image.Image, form: str, **options: object) -> Make:
    return lambda path: image.save(path, form, **options)


def clear(background: int) -> Image.Image:
    """The body with nothing behind it; what is hidden there has some colour."""
    gray = np.where(INK, 90, background).astype(np.uint8)
    return Image.fromarray(np.dstack([gray] * 3 + [np.where(INK, 255, 0).astype(np.uint8)]))


def palette(**options: object) -> Make:
    image = Image.fromarray(INK.astype(np.uint8), "P")
    image.putpalette([255, 255, 255, 90, 90, 90])
    return saved(image, "PNG", **options)


def hidden_palette(path: Path) -> None:
    image = Image.fromarray(INK.astype(np.uint8), "P")
    image.putpalette([7, 7, 7, 90, 90, 90])
    image.save(path, "PNG", transparency=0)


def lab(path: Path) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    rgb = Image.fromarray(BODY).convert("RGB")
    turned = ImageCms.profileToProfile(rgb, *profiles, outputMode="LAB")
    assert turned is not None
    turned.save(path, "TIFF")


def raw_tiff(values: np.ndarray, photometric: int, bits: int) -> Make:
    """A TIFF that Pillow does not write: white as 0, 12 bits, 32 bits without a sign."""

    def write(path: Path) -> None:
        height, width = values.shape
        data = values.astype("<u4" if bits == 32 else "<u2").tobytes()
        if bits == 12:  # two values in three bytes
            pairs = values.reshape(-1, 2)
            data = b"".join(
                bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs.tolist()
            )
        entries = [
            (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, bits), (259, 3, 1, 1),
            (262, 3, 1, photometric), (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height),
            (279, 4, 1, len(data)),
        ]  # fmt: skip
        head = struct.pack("<2sHI", b"II", 42, 8 + len(data))
        table = b"".join(struct.pack("<HHII", *entry) for entry in entries)
        path.write_bytes(head + data + struct.pack("<H", len(entries)) + table + bytes(4))

    return write


DEEP = BODY.astype(np.uint16) * 257
SEEN: dict[str, Make] = {
    "gray": saved(Image.fromarray(BODY), "PNG"),
    "rgb": saved(Image.fromarray(BODY).convert("RGB"), "PNG"),
    "bmp": saved(Image.fromarray(BODY), "BMP"),
    "webp": saved(Image.fromarray(BODY).convert("RGB"), "WEBP", lossless=True),
    "16-bit png": saved(Image.fromarray(DEEP), "PNG"),
    "16-bit tiff": saved(Image.fromarray(DEEP), "TIFF"),
    "16-bit big-endian tiff": saved(
        Image.frombytes("I;16B", (8, 12), DEEP.astype(">u2").tobytes()), "TIFF"
    ),
    "16-bit pgm": lambda path: path.write_bytes(
        b"P5 8 12 65535\n" + DEEP.astype(">u2").tobytes()
    ),
    "10-bit pgm": lambda path: path.write_bytes(
        b"P5 8 12 1023\n" + np.rint(BODY * (1023 / 255)).astype(">u2").tobytes()
    ),
    "16 bits, white is 0": raw_tiff(65_535 - DEEP, 0, 16),
    "32-bit tiff without a sign": raw_tiff(BODY.astype(np.uint32) * 0x01010101, 1, 32),
    "12-bit tiff": raw_tiff(np.rint(BODY * (4095 / 255)).astype(np.uint16), 1, 12),
    "32-bit tiff of bytes": saved(Image.fromarray(BODY.astype(np.int32)), "TIFF"),
    "32-bit tiff of 16 bits": saved(Image.fromarray(DEEP.astype(np.int32)), "TIFF"),
    "float tiff of shares": saved(Image.fromarray((BODY / 255).astype(np.float32)), "TIFF"),
    "float tiff of bytes": saved(Image.fromarray(BODY.astype(np.float32)), "TIFF"),
    "float tiff of 16 bits": saved(Image.fromarray(DEEP.astype(np.float32)), "TIFF"),
    "rgba, black behind": saved(clear(0), "PNG"),
    "rgba, colour behind": saved(clear(31), "WEBP", lossless=True),
    "la": saved(clear(0).convert("LA"), "PNG"),
    "palette": palette(),
    "palette, one entry clear": hidden_palette,
    "gray with a clear value": saved(
        Image.fromarray(np.where(INK, 90, 7).astype(np.uint8)), "PNG", transparency=7
    ),
    "rgb with a clear colour": saved(
        Image.fromarray(np.where(INK, 90, 7).astype(np.uint8)).convert("RGB"),
        "PNG", transparency=(7, 7, 7),
    ),
    "16 bits with a clear value": saved(
        Image.fromarray(np.where(INK, 90 * 257, 7).astype(np.uint16)), "PNG", transparency=7
    ),
    "cmyk": saved(Image.fromarray(BODY).convert("RGB").convert("CMYK"), "TIFF"),
    "lab": lab,
    "two frames": saved(
        Image.fromarray(BODY), "TIFF", save_all=True, append_images=[Image.new("L", (8, 12), 3)]
    ),
    "moving": saved(
        Image.fromarray(BODY).convert("RGB"), "WEBP", lossless=True, save_all=True,
        append_images=[Image.new("RGB", (8, 12), (1, 2, 3))], duration=100,
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", SEEN)
def test_a_picture_is_read_as_a_person_sees_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "picture.jpg"  # whatever the name says
    SEEN[kind](path)
    slack = 2 if kind == "lab" else 0
    for image in (open_gray(path), open_rgb(path)):
        assert image.mode in ("L", "RGB")
        pixels = np.asarray(image.convert("L")).astype(int)
        assert np.abs(pixels - BODY).max() <= slack


def test_two_colours_are_black_and_white(tmp_path: Path) -> None:
    Image.fromarray(~INK).save(tmp_path / "one.png")
    np.testing.assert_array_equal(np.asarray(open_gray(tmp_path / "one.png")), ~INK * 255)


def test_half_transparent_is_half_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 100, 200, 128)).save(tmp_path / "a.png")
    red, green, blue = open_rgb(tmp_path / "a.png").getpixel((0, 0))  # type: ignore[misc]
    assert (red, green, blue) == (127, 177, 227)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("tag", range(1, 9))
def test_a_photograph_that_was_turned_stands_upright(tmp_path: Path, form: str, tag: int) -> None:
    rgb = Image.fromarray(BODY).resize((32, 48), Image.Resampling.NEAREST).convert("RGB")
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }  # fmt: skip
    held = rgb if tag == 1 else rgb.transpose(back[tag])
    exif = Image.Exif()
    exif[0x0112] = tag
    path = tmp_path / "photo"
    held.save(path, form, exif=exif, **({"quality": 95} if form == "JPEG" else {}))
    seen = open_rgb(path)
    assert seen.size == (32, 48)
    assert np.abs(np.asarray(seen).astype(int) - np.asarray(rgb)).mean() < 4
    turned = tag > 1 and form != "TIFF"  # TIFFs were turned by Pillow all along
    assert reading(path) == (f"as seen {pictures.REVISION}" if turned else "")


def test_only_pictures_that_were_read_otherwise_change_fingerprints(tmp_path: Path) -> None:
    path = tmp_path / "x"
    changed = set()
    for kind, make in SEEN.items():
        make(path)
        if reading(path):
            changed.add(kind)
    deep = {kind for kind in SEEN if "bit" in kind or "float" in kind}
    alpha = {kind for kind in SEEN if "behind" in kind or "clear" in kind}
    assert changed == deep | alpha | {"la"}
    path.write_bytes(b"no picture")
    assert reading(path) == "" == reading(tmp_path / "gone")


def test_a_plain_picture_gives_the_bytes_that_pillow_gives(tmp_path: Path) -> None:
    noise = np.random.default_rng(3).integers(0, 256, (40, 20, 3), dtype=np.uint8)
    for name in ("a.jpg", "a.png"):
        for image in (Image.fromarray(noise), Image.fromarray(noise[..., 0])):
            image.save(tmp_path / name)
            with Image.open(tmp_path / name) as plain:
                np.testing.assert_array_equal(open_rgb(tmp_path / name), plain.convert("RGB"))
                np.testing.assert_array_equal(open_gray(tmp_path / name), plain.convert("L"))
            assert reading(tmp_path / name) == ""


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "it is empty"),
    "gif": (b"GIF89a" + bytes(20), "it is a GIF; BMP, JPEG, PNG, PPM, TIFF, WEBP are read"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "PostScript"),
    "heic": (b"\x00\x00\x00\x18ftypheic" + bytes(20), "HEIC"),
    "avif": (b"\x00\x00\x00\x18ftypavif" + bytes(20), "AVIF"),
    "page": (b"<!doctype html><html>", "a web page"),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\n", "git-lfs"),
    "text": (b"hello", "it is no picture"),
    "cut": (b"\xff\xd8 no image", "damaged JPEG"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_picture_is_named(tmp_path: Path, kind: str) -> None:
    content, why = REFUSED[kind]
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(DataMissingError, match=r"x\.jpg cannot be read") as caught:
        open_rgb(tmp_path / "x.jpg")
    assert why in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("form", ["JPEG", "PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_half_a_picture_is_refused(tmp_path: Path, form: str) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (64, 32, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, form)
    (tmp_path / "half").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    with pytest.raises(DataMissingError, match="half cannot be read"):
        open_rgb(tmp_path / "half")


def test_a_photograph_whose_rest_was_never_written_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 256, (16, 8, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((64, 128)).save(buffer, "JPEG", quality=95)
    whole = buffer.getvalue()
    (tmp_path / "x.jpg").write_bytes(whole + bytes(512))  # a block that was filled up
    assert open_rgb(tmp_path / "x.jpg").size == (64, 128)
    (tmp_path / "x.jpg").write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))
    with pytest.raises(DataMissingError, match="in the middle of the picture"):
        open_rgb(tmp_path / "x.jpg")


def test_what_is_no_file_is_told_from_what_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("gone")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "pipe")
    reasons = {"gone": "not there", "link": "leads nowhere", "loop": "", "pipe": "no file"}
    reasons |= {"": "no file", "n" * 300: "", "zero\0": ""}
    for name, why in reasons.items():
        with pytest.raises(DataMissingError, match=f"cannot be read.*{why}"):
            open_rgb(tmp_path / name)


def test_a_bomb_is_refused_and_a_large_picture_is_no_news(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("L", (30, 5)).save(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert open_gray(tmp_path / "x.png").size == (30, 5)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 70)
    with pytest.raises(DataMissingError, match="too many pixels"):
        open_gray(tmp_path / "x.png")


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 1e9])
def test_numbers_of_no_known_range_are_refused(tmp_path: Path, value: float) -> None:
    Image.fromarray(np.array([[0.5, value]], dtype=np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(DataMissingError, match=r"not finite|no known range"):
        open_gray(tmp_path / "x.tif")


@pytest.mark.parametrize("bits", [2, 4])
def test_a_clear_gray_of_few_bits_is_laid_on_white(tmp_path: Path, bits: int) -> None:
    """One row of four pixels with the grays 0, 1, 0, 1, of which 1 is clear."""
    packed = {2: b"\0\x11", 4: b"\0\x01\x01"}[bits]
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 1, bits, 0, 0, 0, 0)),
        (b"tRNS", struct.pack(">H", 1)),
        (b"IDAT", zlib.compress(packed)),
        (b"IEND", b""),
    ]
    chunks = (
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    assert np.asarray(open_gray(tmp_path / "a.png")).tolist() == [[0, 255, 0, 255]]


@pytest.mark.parametrize("bits", [32, 64])
def test_a_sound_file_of_another_kind_wants_another_format_not_another_copy(
    tmp_path: Path, bits: int
) -> None:
    file = tmp_path / "a.tif"
    if bits == 64:
        raw_tiff(DEEP, 1, 64)(file)
    else:
        Image.fromarray(np.full((2, 2), np.nan, dtype=np.float32)).save(file)
    with pytest.raises(DataMissingError, match=r"a TIFF of a kind|not finite") as found:
        open_rgb(file)
    assert "8 bits" in found.value.remedy


def test_text_that_unpacks_beyond_measure_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("L", (2, 2)).save(buffer, "PNG")
    data = b"a\0\0" + zlib.compress(bytes(3 << 20), 9)
    chunk = struct.pack(">I", len(data)) + b"zTXt" + data
    chunk += struct.pack(">I", zlib.crc32(b"zTXt" + data))
    whole = buffer.getvalue()
    (tmp_path / "x.png").write_bytes(whole[:33] + chunk + whole[33:])
    with pytest.raises(DataMissingError, match="cannot be read"):
        open_gray(tmp_path / "x.png")


def survives(tmp_path: Path, count: int, seed: int) -> dict[str, int]:
    """Read damaged pictures of every format; count those that were read, and those refused."""
    noise = np.random.default_rng(seed).integers(0, 256, (24, 12, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    ends = {"read": 0, "refused": 0}
    for form in ("BMP", "JPEG", "PNG", "PPM", "WEBP"):
        buffer = io.BytesIO()
        Image.fromarray(noise).save(buffer, form, **({"exif": exif} if form != "BMP" else {}))
        for damaged in mutations(buffer.getvalue(), count, seed):
            (tmp_path / "x").write_bytes(damaged)
            reading(tmp_path / "x")
            try:
                open_rgb(tmp_path / "x")
            except DataMissingError:
                ends["refused"] += 1
            else:
                ends["read"] += 1
    return ends


def test_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 30, seed=1).values()) > 0


@pytest.mark.slow
def test_many_damaged_pictures_are_read_or_refused(tmp_path: Path) -> None:
    assert min(survives(tmp_path, 300, seed=2).values()) > 0
