"""`gclbench embed`: features of your own images, by a file of weights or a finished run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues
from gclbench.cli.checkpoint import sizes_from
from gclbench.cli.options import parse_words, split_words, whole
from gclbench.errors import OverrideError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from gclbench.runtime.checkpoints.embed import Features
    from gclbench.runtime.checkpoints.source import Source

OWN_WORDS = ("batch_size", "checkpoint", "images", "query", "top")
SHARED_WORDS = ("device", "home", "out", "profile", "store")
BATCH_SIZE, TOP = 64, 10


def embed(
    words: KeyValues = None,
    as_json: AsJson = False,
    content: ContentFolders = None,
) -> None:
    """Turn images into unit features: one npz with `features` float32 (N, E) and `paths`.

    \b
    Words:
      checkpoint=FILE        exported by gclbench (weights or TorchScript), or of JVTC, GCL, ...
      checkpoint=KEY         a finished node or run, as in `gclbench checkpoint export`
      images=PLACE           a folder (with its folders), a glob, or one file
      out=FILE               default: features.npz
      query=IMAGE  top=10    also print the images nearest to this one
      batch_size=64          device=auto|cpu|cuda
      profile=NAME           sizes of a file that comes without FILE.json (default: laptop)
      section.setting=VALUE  other sizes: network.id_encoder.embedding_dim, data.height_px, ...
      home=DIR  store=URL    results folder and database (default: $GCLBENCH_HOME or results/)

    A TorchScript file is a program: run only those that you trust.

    \b
    Examples:
      gclbench embed checkpoint=e_id.pth images=shots/ out=shots.npz
      gclbench embed checkpoint=3fb0c1d2 images="shots/*.jpg" query=shots/0001.jpg top=5
      gclbench embed checkpoint=resnet50_market075_epoch00045.pth profile=paper images=shots/
    """
    own, rest = split_words(words or (), OWN_WORDS, SHARED_WORDS)
    for name in ("checkpoint", "images"):
        if name not in own:
            raise OverrideError(f"no {name}= is given.", f"Add {name}=..., see: embed --help")
    if "top" in own and "query" not in own:
        raise OverrideError("top= counts the neighbours of an image.", "Name it: query=IMAGE.")
    from rich.console import Console

    console = Console(quiet=as_json)
    found = _embed(console, own, rest, content or ())
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    _show(console, found)


def _embed(
    console: Console, own: dict[str, str], rest: list[str], content: Sequence[Path]
) -> dict[str, Any]:
    """Write the features; return what `--json` prints."""
    from gclbench.running.worker import choose_device
    from gclbench.runtime.checkpoints.embed import embed_images, find_images, write_features
    from gclbench.runtime.checkpoints.source import open_source

    batch_size = whole("batch_size", own.get("batch_size", str(BATCH_SIZE)))
    top = whole("top", own.get("top", str(TOP)))
    parsed = parse_words(rest, SHARED_WORDS)
    sizes = sizes_from(rest, SHARED_WORDS, content)
    out = Path(parsed.out or "features.npz").expanduser()
    if out.is_dir():
        raise UsageError(f"out={out} is a folder.", "Name a file in it.")
    paths = find_images(own["images"])
    device = choose_device(parsed.device)
    source = open_source(own["checkpoint"], parsed.home, parsed.store, sizes, device)
    with _bar(console) as on_progress:
        features = embed_images(source, paths, batch_size, on_progress)
    found: dict[str, Any] = {
        "checkpoint": own["checkpoint"],
        "source": source.title,
        "images": len(paths),
        "features": features.shape[1],
        "height_px": source.height_px,
        "width_px": source.width_px,
        "out": str(out),
    }
    if "query" in own:
        found["query"] = own["query"]
        found["nearest"] = _nearest(source, own["query"], features, paths, top)
    write_features(out, features, paths)
    return found


def _nearest(
    source: Source, query: str, features: Features, paths: list[Path], top: int
) -> list[dict[str, Any]]:
    """The images nearest to a query, with squared distances; its own file is left out."""
    from gclbench.runtime.checkpoints.embed import nearest_paths

    found = nearest_paths(source, Path(query).expanduser(), features, paths, top)
    return [{"path": path.as_posix(), "distance": distance} for path, distance in found]


@contextmanager
def _bar(console: Console) -> Iterator[Callable[[int, int], None]]:
    from rich.progress import Progress

    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("images", total=None)
        yield lambda done, count: bar.update(task, completed=done, total=count)


def _show(console: Console, found: dict[str, Any]) -> None:
    lines = [
        f"{found['images']} images at {found['height_px']}x{found['width_px']}, "
        f"{found['features']} features each; {found['source']}"
    ]
    if "nearest" in found:
        lines.append(f"nearest to {found['query']} (squared distance of unit features, 0 to 4):")
        lines += [f"  {each['distance']:.4f}  {each['path']}" for each in found["nearest"]]
    for line in [*lines, f"wrote {found['out']}"]:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
