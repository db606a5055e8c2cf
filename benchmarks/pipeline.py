"""Stage 3's input: memory-mapped pixels against decoding every sample with PIL on the fly.

A sample is an image, its own mesh and its mesh turned by a random angle, at the paper's 256 x 128.
The plain way is a torch DataLoader with 2 workers, as public re-ID code has it: open, resize
(bicubic), normalise. Ours decodes every file once and then reads two arrays; both see the same
files, batches and angles.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.harness import Arrays, Side, markdown, measure

HEIGHT, WIDTH = 256, 128
CASES = {"small": (48,), "full": (2_048,)}
BATCH, WORKERS = 16, 2
_MEAN = torch.tensor((0.485, 0.456, 0.406))[:, None, None]
_STD = torch.tensor((0.229, 0.224, 0.225))[:, None, None]


def ours(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.augmentations.rotation import Rotation
    from gclbench.evaluation.preprocess import to_network
    from gclbench.stages.generative import Guides

    folder = tempfile.TemporaryDirectory()
    dataset = _dataset(Path(folder.name), case["n"])
    start = time.perf_counter()
    pixels, _ = dataset.images("train"), dataset.projections()
    once = time.perf_counter() - start
    guides = Guides(Rotation(), dataset)

    def work() -> Arrays:
        draws = torch.Generator().manual_seed(0)
        sums = []
        for batch in _batches(case["n"]):
            images = to_network(pixels[batch.numpy()])
            sums.append(_sums(images, *guides.structures(images, batch, draws)))
        return {"sums": np.array(sums), "decoding": np.array([once])}

    work.folder = folder  # type: ignore[attr-defined]  # lives as long as the work does
    return work


def on_the_fly(case: Mapping[str, Any]) -> Callable[[], Arrays]:
    from gclbench.augmentations.rotation import Rotation

    folder = tempfile.TemporaryDirectory()
    root = Path(folder.name)
    _dataset(root, case["n"])
    files = sorted((root / "market1501" / "bounding_box_train").iterdir())

    def work() -> Arrays:
        draws, rotation = torch.Generator().manual_seed(0), Rotation()
        batches = list(_batches(case["n"]))
        angles = [rotation.sample(len(batch), draws).index for batch in batches]
        loader = torch.utils.data.DataLoader(
            _Files(root / "meshes", files, torch.cat(batches), torch.cat(angles)),
            batch_size=BATCH,
            num_workers=WORKERS,
        )
        return {"sums": np.array([_sums(*parts) for parts in loader])}

    work.folder = folder  # type: ignore[attr-defined]
    return work


class _Files(torch.utils.data.Dataset[tuple[Tensor, Tensor, Tensor]]):
    """The plain way: three files a sample, opened when they are asked for."""

    def __init__(self, meshes: Path, files: list[Path], order: Tensor, angles: Tensor) -> None:
        self.meshes, self.files, self.order, self.angles = meshes, files, order, angles

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, place: int) -> tuple[Tensor, Tensor, Tensor]:
        file = self.files[int(self.order[place])]
        pixels = torch.from_numpy(_open(file, "RGB")).permute(2, 0, 1)
        image = (pixels.float() / 255 - _MEAN) / _STD
        turned = f"render_{45 * int(self.angles[place])}"
        own, new = (
            torch.from_numpy(_open(self.meshes / "train" / name / file.name, "L"))[None]
            for name in ("render", turned)
        )
        return image, (own.float() / 255 - 0.5) / 0.5, (new.float() / 255 - 0.5) / 0.5


def report(sizes: str) -> str:
    columns = [
        "images", "ours (samples per second)", "PIL, 2 workers (samples per second)", "ratio",
        "largest difference of a batch's mean", "decoding once (s)", "peak GB",
    ]  # fmt: skip
    return (
        "## Input of stage 3\n\n"
        f"Batches of {BATCH} images with their own and a turned mesh, 256 x 128; files are "
        "128 x 64 JPEGs, as Market-1501's, and 256 x 128 renders. Decoding once is what the "
        "first run pays; the files are in the page cache on both sides.\n\n"
        + markdown(columns, [_row(n) for n in CASES[sizes]])
    )


def _row(n: int) -> list[str]:
    case = {"n": n}
    own, arrays = measure(Side("benchmarks.pipeline:ours", 5), case)
    plain, expected = measure(Side("benchmarks.pipeline:on_the_fly", 3), case)
    worst = np.abs(arrays["sums"] - expected["sums"]).max()
    samples = n // BATCH * BATCH
    return [
        f"{n:,}",
        f"{samples / own.seconds:,.0f}",
        f"{samples / plain.seconds:,.0f}",
        f"{plain.seconds / own.seconds:.1f}",
        f"{worst:.1e}",
        f"{arrays['decoding'][0]:.1f}",
        f"{own.peak_gb:.2f}",
    ]


def _batches(n: int) -> Iterator[Tensor]:
    order = torch.randperm(n, generator=torch.Generator().manual_seed(1))
    yield from order[: n // BATCH * BATCH].split(BATCH)


def _sums(*parts: Tensor) -> list[float]:
    return [float(part[:, :, ::16, ::16].double().mean()) for part in parts]


def _open(file: Path, mode: str) -> np.ndarray:
    with Image.open(file) as handle:
        image = handle.convert(mode)
    if image.size != (WIDTH, HEIGHT):
        image = image.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    return np.array(image)


def _dataset(root: Path, n: int) -> Any:
    """Write a Market-1501 of n training images with its mesh archive, and read it."""
    from gclbench.datasets.load import load_dataset
    from gclbench.schema.settings import DataSettings, MeshSettings

    rng = np.random.default_rng(0)
    market = root / "market1501"
    for folder, count in (("bounding_box_train", n), ("query", 1), ("bounding_box_test", 1)):
        (market / folder).mkdir(parents=True)
        for number in range(count):
            name = f"{number // 17 + 1:04d}_c{number % 6 + 1}s1_{number:06d}_01.jpg"
            coarse = Image.fromarray(rng.integers(0, 256, (16, 8, 3), dtype=np.uint8))
            fine = np.asarray(coarse.resize((64, 128), Image.Resampling.BICUBIC), np.int16)
            noisy = np.clip(fine + rng.normal(0, 6, fine.shape), 0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(market / folder / name, "JPEG", quality=90)
    names = sorted(path.name for path in (market / "bounding_box_train").iterdir())
    for angle in range(8):
        folder_ = root / "meshes" / "train" / ("render" if angle == 0 else f"render_{45 * angle}")
        folder_.mkdir(parents=True)
        for name in names:
            body = np.full((HEIGHT, WIDTH), 255, np.uint8)
            width = int(rng.integers(20, 50))
            body[20:240, 64 - width : 64 + width] = rng.integers(90, 220, 2 * width)
            Image.fromarray(body).save(folder_ / name, "JPEG", quality=90)
    mesh = MeshSettings(source="archive", root=str(root / "meshes"))
    data = DataSettings(root=str(root), mesh=mesh, height_px=HEIGHT, width_px=WIDTH)
    return load_dataset("market1501", data, root / "cache")
