"""`gclbench mesh`: make the meshes of images of one's own, or import those of others."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from gclbench.cli.arguments import ContentFolders, NamedKeyValues, read_words, worded
from gclbench.cli.output import note, say, screen
from gclbench.running.progress import LINE_SECONDS
from gclbench.words.verbs import EstimateWords, ImportMeshWords, MeshWords, RenderWords

if TYPE_CHECKING:
    from gclbench.runtime.meshes import MeshRequest, Missing

SHOWN = 10

mesh = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@mesh.callback()
def about() -> None:
    """Make the meshes that guide generation on images of your own, or import those of others.

    docs/meshes.md says what the sources are and what each file holds.

    \b
    Examples:
      gclbench mesh estimate market1501 data.root=/data/reid weights=spin.pt
      gclbench mesh import market1501 data.root=/data/reid archive=market.zip
      gclbench mesh render market1501 out=renders
    """


@worded(mesh, EstimateWords)
def estimate(words: NamedKeyValues = None, content: ContentFolders = None) -> None:
    """Estimate the body on every training image with HMR, as a file that source=params reads.

    A killed call continues where it stopped. Translations belong to the body model that is set.

    \b
    Examples:
      gclbench mesh estimate market1501 data.root=/data/reid weights=spin.pt
      gclbench mesh estimate msmt17 data.root=/data/reid weights=spin.pt out=params.npz \\
          data.mesh.body_model=SMPL_NEUTRAL.npz
    """
    from gclbench.runtime.meshes import estimate_parameters

    parsed = read_words(EstimateWords, words, content)
    request = _request(parsed)
    with _shown() as progress:
        file, count = estimate_parameters(request, parsed.weights, parsed.out, progress)
    say(f"wrote {file}: the bodies of {count} images")
    body = request.settings().data.mesh.body_model
    if body is None:
        say("They pose the stand-in body, whose shapes are not SMPL's (docs/meshes.md).")
    model = "" if body is None else f" data.mesh.body_model={body}"
    say(f"Use it: data.mesh.source=params data.mesh.root={file}{model}")


@worded(mesh, ImportMeshWords)
def import_(words: NamedKeyValues = None, content: ContentFolders = None) -> None:
    """Check rendered bodies in GCL's layout, and unpack them for source=archive.

    Takes a folder, a zip or a tar. Nothing is unpacked before everything was checked, and only
    files that the dataset names are.

    \b
    Examples:
      gclbench mesh import market1501 data.root=/data/reid archive=market.zip
      gclbench mesh import msmt17 data.root=/data/reid archive=/data/meshes
    """
    from gclbench.runtime.meshes import import_archive

    parsed = read_words(ImportMeshWords, words, content)
    with _shown() as progress:
        found = import_archive(_request(parsed), parsed.archive, parsed.out, progress)
    for line in missing_lines(found.missing):
        say(line)
    if found.unpacked:
        rest = f"; {found.left} others were left" if found.left else ""
        say(f"unpacked {found.unpacked} files to {found.root}{rest}")
    say(f"Use it: data.mesh.source=archive data.mesh.root={found.root}")


@worded(mesh, RenderWords)
def render(words: NamedKeyValues = None, content: ContentFolders = None) -> None:
    """Draw the projections of a mesh source, and write them as an archive in GCL's layout.

    The cached array that runs read is made on the way. Files hold PNG, whatever they are called.

    \b
    Examples:
      gclbench mesh render market1501 data.root=/data/reid profile=paper out=renders \\
          data.mesh.source=params data.mesh.root=params.npz
      gclbench mesh render market1501 out=renders
    """
    from gclbench.runtime.meshes import render_archive

    parsed = read_words(RenderWords, words, content)
    with _shown() as progress:
        dataset, count = render_archive(_request(parsed), parsed.out, progress)
    size = f"{dataset.height_px}x{dataset.width_px}"
    say(f"wrote {count} renders of {size} to {parsed.out}")
    say(f"cached {dataset.arrays / dataset.projections_file}")


def _request(parsed: MeshWords) -> MeshRequest:
    from gclbench.runtime.meshes import MeshRequest

    return MeshRequest(
        role=parsed.dataset,
        home=parsed.home,
        profile=parsed.profile,
        overrides=parsed.settings,
        device=parsed.device,
        content_dirs=parsed.content,
    )


def missing_lines(missing: tuple[Missing, ...]) -> list[str]:
    """What is complete and what is missing, by split; first the views with names."""
    lines = []
    for split in dict.fromkeys(each.split for each in missing):
        views = [each for each in missing if each.split == split]
        total = sum(len(each.names) for each in views)
        if total == 0:
            lines.append(f"{split}: all {views[0].asked} images have their {len(views)} renders")
            continue
        if all(len(each.names) == each.asked for each in views):
            lines.append(f"{split}: no renders; training needs none")
            continue
        lines.append(f"{split}: {total} renders are missing; training needs none of them")
        for each in views:
            if each.names:
                names = ", ".join(each.names[:SHOWN])
                more = ", ..." if len(each.names) > SHOWN else ""
                lines.append(f"  {each.view}: {len(each.names)} of {each.asked}: {names}{more}")
    return lines


@contextmanager
def _shown() -> Iterator[Callable[[str, int, int], None]]:
    """Give what shows progress: a bar in a terminal, a line now and then elsewhere."""
    console = screen(stderr=True)
    if not console.is_interactive:
        yield _lines(note)
        return
    from rich.progress import MofNCompleteColumn, Progress, TaskID, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        known: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in known:
                known[what] = bars.add_task(what, total=total)
            bars.update(known[what], completed=done)

        yield show


def _lines(tell: Callable[[str], object]) -> Callable[[str, int, int], None]:
    said = time.monotonic()

    def show(what: str, done: int, total: int) -> None:
        nonlocal said
        if time.monotonic() - said >= LINE_SECONDS:
            said = time.monotonic()
            tell(f"{what}: {done} of {total}")

    return show
