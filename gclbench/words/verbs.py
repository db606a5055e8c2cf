"""Each verb's own words: the groups that it takes, and what it alone knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from gclbench.errors import OverrideError
from gclbench.words import values
from gclbench.words.groups import (
    DataWords,
    DeviceWords,
    HomeWords,
    PartWords,
    QuestionWords,
    ReportFileWords,
    ResultsWords,
    RunningWords,
    SizesWords,
    StudyWords,
    WorkersWords,
)
from gclbench.words.kinds import COUNT, FILE, FILE_NAME, FOLDER, SWITCH, TEXT
from gclbench.words.model import Words
from gclbench.words.word import again, word

_WHAT = "what to run; also ablation=NAME, or NAME alone"
_STUDY_SEEDS = "or 0-4, or 0,3-5 (default: as the study says)"


@dataclass(frozen=True, kw_only=True)
class OpenWords(ResultsWords, RunningWords, DataWords, QuestionWords):
    """What opens a study; from Python, the keyword arguments of `gclbench.open`."""

    verb: ClassVar[str] = "open"

    study: tuple[str, ...] = again(StudyWords, "study", help=_WHAT, shows="NAME[,NAME]")
    tasks: tuple[str, ...] | None = again(
        PartWords, "tasks", help="only these of the study; a recipe needs them"
    )
    seeds: tuple[int, ...] | None = again(PartWords, "seeds", help=_STUDY_SEEDS)


@dataclass(frozen=True, kw_only=True)
class PlanWords(OpenWords):
    verb: ClassVar[str] = "plan"


@dataclass(frozen=True, kw_only=True)
class RunWords(ReportFileWords, OpenWords):
    verb: ClassVar[str] = "run"

    out: Path | None = again(
        ReportFileWords, "out", help="where to (default: HOME/reports/TABLE/PROFILE-KEY)"
    )


@dataclass(frozen=True, kw_only=True)
class TuneWords(ResultsWords, WorkersWords, DataWords, StudyWords):
    verb: ClassVar[str] = "tune"
    one_study: ClassVar[bool] = True

    study: tuple[str, ...] = again(
        StudyWords,
        "study",
        help="what to search, or NAME alone (a study with `search:`)",
        values=values.searches,
    )
    workers: int | None = again(
        WorkersWords, "workers", help="processes that share the search (default: 1)"
    )
    trials: int | None = word("finished trials in all (default: as the study says)", COUNT, "N")
    out: Path | None = word("tables and plots (default: HOME/reports/tune/NAME)", FOLDER, "DIR")


@dataclass(frozen=True, kw_only=True)
class ReportWords(ReportFileWords, ResultsWords, DataWords, QuestionWords):
    verb: ClassVar[str] = "report"
    clash: ClassVar[bool] = False

    study: tuple[str, ...] = again(
        StudyWords, "study", help="a table or study, or NAME alone (default: everything)"
    )
    recipe: tuple[str, ...] = again(
        QuestionWords, "recipe", help="a recipe by itself: the table recipe_NAME"
    )


@dataclass(frozen=True, kw_only=True)
class ExportWords(OpenWords):
    verb: ClassVar[str] = "export"

    study: tuple[str, ...] = again(StudyWords, "study", shows="NAME[,NAME]")
    seeds: tuple[int, ...] | None = again(PartWords, "seeds")
    out: Path = word(
        "ends in .tar.gz, .tgz, .tar, or .tar.zst (Python 3.14)",
        FILE,
        "FILE",
        needed="table6 out=table6.tar.gz",
    )


@dataclass(frozen=True, kw_only=True)
class ImportWords(ResultsWords):
    verb: ClassVar[str] = "import"

    file: Path = word(
        "what `gclbench export` wrote, or FILE alone",
        FILE,
        "FILE",
        bare=True,
        needed="table6.tar.gz",
    )


@dataclass(frozen=True, kw_only=True)
class FigureWords(ResultsWords, RunningWords, DataWords, PartWords):
    """Left out, study, rows, tasks and seed are those that the figure shows by default."""

    verb: ClassVar[str] = "figure"
    one_study: ClassVar[bool] = True

    seeds: tuple[int, ...] | None = again(
        PartWords, "seeds", help="one seed (default: 0)", shows="N"
    )
    title: str | None = word("above the picture, instead of its own; empty: none", TEXT, "TEXT")
    out: Path | None = word(
        ".png, .pdf or .svg; a table: .md (default: NAME.png, NAME.md)", FILE, "FILE"
    )


@dataclass(frozen=True, kw_only=True)
class InvarianceWords(ReportFileWords, ResultsWords, DataWords, PartWords):
    verb: ClassVar[str] = "invariance"
    one_study: ClassVar[bool] = True


@dataclass(frozen=True, kw_only=True)
class EmbedImagesWords(Words):
    """What is turned into features, and by what."""

    checkpoint: str = word(
        "a file of weights, or the key of a finished node",
        FILE_NAME,
        "FILE|KEY",
        needed="checkpoint=e_id.pth images=shots/",
    )
    images: str = word(
        "a folder (with its folders), a glob, or one file",
        FILE_NAME,
        "PLACE",
        needed="checkpoint=e_id.pth images=shots/",
    )
    query: str | None = word("print the images nearest to this one", FILE_NAME, "IMAGE")
    top: int = word("how many of them (default: 10)", COUNT, "N", 10)
    batch_size: int = word("images at once (default: 64)", COUNT, "N", 64)


@dataclass(frozen=True, kw_only=True)
class EmbedWords(ResultsWords, DeviceWords, SizesWords, EmbedImagesWords):
    verb: ClassVar[str] = "embed"

    profile: str = again(
        SizesWords, "profile", help="sizes of a file without FILE.json (default: laptop)"
    )
    settings: Mapping[str, object] = again(
        SizesWords, "settings", help="other sizes, such as network.id_encoder.parts=6"
    )
    out: Path = word(
        "features and paths (default: features.npz)", FILE, "FILE", Path("features.npz")
    )

    def check(self, spelled: Mapping[str, str]) -> None:
        super().check(spelled)
        if "top" in self.given and self.query is None:
            raise OverrideError("top= counts the neighbours of an image.", "Name it: query=IMAGE.")


@dataclass(frozen=True, kw_only=True)
class ShowCheckpointWords(SizesWords):
    verb: ClassVar[str] = "checkpoint show"

    profile: str = again(
        SizesWords, "profile", help="sizes: smoke, laptop (default), paper; or by FILE.json"
    )
    settings: Mapping[str, object] = again(
        SizesWords, "settings", help="other sizes: network.id_encoder.embedding_dim=2048"
    )


@dataclass(frozen=True, kw_only=True)
class ExportCheckpointWords(ResultsWords):
    verb: ClassVar[str] = "checkpoint export"

    format: str = word(
        "what is written (default: state_dict)",
        TEXT,
        "state_dict|torchscript|onnx",
        "state_dict",
        values=values.weight_formats,
        closed=True,
    )
    out: Path = word("where to; what it is goes to FILE.json", FILE, "FILE",
                     needed="3fb0c1d2 out=e_id.pth")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DatasetWords(Words):
    """One dataset, by the role that it plays."""

    dataset: str = word(
        "market1501, mars, ...; or NAME alone",
        TEXT,
        "NAME",
        values=values.datasets,
        old=("role",),
        bare=True,
        needed="dataset=market1501",
    )


@dataclass(frozen=True, kw_only=True)
class CheckDataWords(HomeWords, DataWords, DatasetWords):
    verb: ClassVar[str] = "data check"

    dataset: str = again(DatasetWords, "dataset", needed="market1501 data.root=/data/reid")
    settings: Mapping[str, object] = again(
        SizesWords, "settings", help="data.root=DIR, or data.video.mars_gallery=..."
    )
    deep: bool = word("decode every image, as --deep", SWITCH, "true", False, values=values.truth)


@dataclass(frozen=True, kw_only=True)
class MakeDataWords(HomeWords, SizesWords, DatasetWords):
    verb: ClassVar[str] = "data make"

    dataset: str = again(DatasetWords, "dataset", needed="mars")
    settings: Mapping[str, object] = again(
        SizesWords, "settings", help="data.world.seed, .people_train, .images_per_person ..."
    )
    out: Path | None = word(
        "new or empty folder (default: HOME/data/synthetic_NAME)", FOLDER, "DIR"
    )


@dataclass(frozen=True, kw_only=True)
class MeshWords(HomeWords, DeviceWords, DataWords, DatasetWords):
    """What the verbs about meshes share."""

    settings: Mapping[str, object] = again(
        SizesWords, "settings", help="data.root=DIR, data.mesh.source=params, ..."
    )


@dataclass(frozen=True, kw_only=True)
class EstimateWords(MeshWords):
    verb: ClassVar[str] = "mesh estimate"

    weights: Path = word(
        "SPIN's model_checkpoint.pt, or a file in its layout",
        FILE,
        "FILE",
        needed="market1501 data.root=/data/reid weights=spin.pt",
    )
    out: Path | None = word("default: HOME/meshes/NAME.npz", FILE, "FILE")


@dataclass(frozen=True, kw_only=True)
class ImportMeshWords(MeshWords):
    verb: ClassVar[str] = "mesh import"

    archive: Path = word(
        "folder, .zip, .tar, .tar.gz, .tar.bz2 or .tar.xz",
        FILE,
        "PATH",
        needed="market1501 data.root=/data/reid archive=market.zip",
    )
    out: Path | None = word("where to unpack (default: HOME/meshes/NAME)", FOLDER, "DIR")


@dataclass(frozen=True, kw_only=True)
class RenderWords(MeshWords):
    verb: ClassVar[str] = "mesh render"

    out: Path = word("the archive's folder", FOLDER, "DIR", needed="market1501 out=renders")


@dataclass(frozen=True, kw_only=True)
class DoctorWords(HomeWords):
    verb: ClassVar[str] = "doctor"


@dataclass(frozen=True, kw_only=True)
class ShowWords(ResultsWords, DataWords):
    """What `gclbench show cell` and `show run` take behind the name; other kinds take no words."""

    verb: ClassVar[str] = "show"


MODELS: tuple[type[Words], ...] = (
    *(RunWords, PlanWords, TuneWords, ReportWords, ExportWords, ImportWords, FigureWords),
    *(InvarianceWords, ShowCheckpointWords, ExportCheckpointWords, EmbedWords, EstimateWords),
    *(ImportMeshWords, RenderWords, CheckDataWords, MakeDataWords, DoctorWords),
    ShowWords,
)
