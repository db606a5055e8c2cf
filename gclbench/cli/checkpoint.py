"""`gclbench checkpoint show|export`: look at a file of weights; take E_id out of a run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gclbench.cli.arguments import AsJson, ContentFolders, KeyValues, read_words, worded
from gclbench.cli.output import say, say_json
from gclbench.cli.output import show as draw
from gclbench.shown_text import one_line
from gclbench.words.groups import SizesWords
from gclbench.words.verbs import ExportCheckpointWords, ShowCheckpointWords

if TYPE_CHECKING:
    from gclbench.runtime.checkpoints.describe import Description
    from gclbench.runtime.checkpoints.sizes import Sizes

checkpoint = typer.Typer(
    help="Look at a file of weights, or export E_id of a finished run.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@worded(checkpoint, ShowCheckpointWords)
def show(
    file: Annotated[Path, typer.Argument(metavar="FILE")],
    words: KeyValues = None,
    as_json: AsJson = False,
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor.")] = False,
    content: ContentFolders = None,
) -> None:
    """Show what a file of weights holds, and whether E_id (G, D) of these sizes takes it.

    Known: torchvision, torchreid, fast-reid, JVTC, GCL (id, gen, dis, model_best), MMCL, ACT,
    UDA-TP, BUC, SCL, SpCL, Cluster Contrast, ICE, PPLR, MMT, and the files of gclbench. Nothing in
    a file is run.

    \b
    Examples:
      gclbench checkpoint show resnet50_market075_epoch00045.pth profile=paper
      gclbench checkpoint show mmcl.pth profile=paper network.id_encoder.embedding_dim=2048
      gclbench checkpoint show gen_00030000.pt profile=paper --tensors
    """
    from gclbench.runtime.checkpoints.describe import describe

    found = describe(
        file.expanduser(), sizes_from(read_words(ShowCheckpointWords, words, content))
    )
    if as_json:
        say_json(found.as_object())
        return
    _print(found, tensors)


@worded(checkpoint, ExportCheckpointWords)
def export(
    node: Annotated[str, typer.Argument(metavar="RUN_OR_KEY")],
    words: Annotated[list[str] | None, typer.Argument(metavar="out=FILE [KEY=VALUE...]")] = None,
    as_json: AsJson = False,
) -> None:
    """Write E_id of a finished node to a file, and what it is to FILE.json.

    RUN_OR_KEY is the id of a tracked run, or the key of a node (6 characters or more of its
    folder's name in HOME/artifacts/STAGE); an evaluation stands for what it evaluated.

    \b
    Formats:
      state_dict   torchvision's names plus feat and feat_bn
      torchscript  a program: uint8 pictures (N, H, W, 3) to unit features (N, E)
      onnx         the same for ONNX; needs gclbench[onnx]

    \b
    Examples:
      gclbench checkpoint export 3fb0c1d2 out=e_id.pth
      gclbench checkpoint export 3fb0c1d2 out=e_id.ts format=torchscript home=/scratch/results
    """
    parsed = read_words(ExportCheckpointWords, words)
    from gclbench.runtime.checkpoints.export import export as write
    from gclbench.runtime.checkpoints.find import find_node

    found = find_node(parsed.home, parsed.store, node)
    written = write(found, parsed.out, parsed.format)
    if as_json:
        say_json({"node": found.record.key, "files": list(map(str, written))})
        return
    say(f"{found.record.label} ({found.record.key[:12]})")
    for path in written:
        say(f"wrote {path}")


def sizes_from(words: SizesWords) -> Sizes:
    """The settings of `profile=` and dotted words, and those of every profile there is."""
    from gclbench.content import Content as Folders
    from gclbench.runtime.checkpoints.sizes import sizes_for

    profile = words.profile if "profile" in words.given else None
    return sizes_for(Folders(words.content), profile, words.settings)


def _print(found: Description, every_tensor: bool) -> None:
    lines = [f"{found.file}: {found.title}"]
    if found.wrappers:
        lines.append(f"inside: {' > '.join(found.wrappers)}")
    if found.prefix:
        lines.append(f"taken off the names: {found.prefix}")
    if found.beside:
        lines.append(f"beside the weights, not read: {', '.join(found.beside)}")
    if found.sizes:
        sizes = ", ".join(f"{name} {value}" for name, value in found.sizes.items())
        lines.append(f"made with: {sizes} ({found.words or 'the default sizes'})")
    if found.exported:
        lines.append(f"exported from: {found.exported['label']}, node {found.exported['node']}")
    for line in lines:
        say(line)
    if found.tensors:
        draw(_tensors(found) if every_tensor else _parts(found))
    if found.not_finite:
        text = (
            f"not finite (NaN, infinity, or a variance below 0): {len(found.not_finite)} of "
            f"{len(found.tensors)} tensors, first {found.not_finite[0]}"
        )
        say(text)
    if found.missing:
        text = f"not in the file: {len(found.missing)}, first {found.missing[0]}"
        say(text)
    verdict = "loads" if found.loads else "does not load"
    say(f"{verdict}: {found.outcome}")


def _parts(found: Description) -> object:
    from rich.table import Table

    from gclbench.runtime.checkpoints.describe import parts

    table = Table("part", *("tensors", "numbers", "fit", "differ", "not used"), box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for part in parts(found.tensors):
        counts = (part.tensors, part.numbers, part.fits, part.differs, part.unused)
        table.add_row(one_line(part.name), *(f"{count:,}" if count else "" for count in counts))
    return table


def _tensors(found: Description) -> object:
    from rich.table import Table

    table = Table("in the file", "shape", "type", "in the network", "", box=None)
    for line in found.tensors:
        said = {"fits": "fits", "differs": f"differs: {line.expected}", "unused": "not used"}
        row = (line.name, str(line.shape), line.dtype, line.own, said[line.verdict])
        table.add_row(*map(one_line, row))
    return table
