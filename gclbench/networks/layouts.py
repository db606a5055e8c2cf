"""How public files name E_id's tensors, told by structure: see `detect` and docs/checkpoints.md.

Source    the official codes, as docs/specs/gcl.md (section 9), docs/specs/jvtc.md (6) and
          docs/checkpoints.md tell them apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from pydantic import ValidationError
from torch import Tensor

from gclbench.schema.settings import IdEncoderSettings

Refit = Literal["none", "head", "all"]
NATIVE = {"feat.": "feat.", "feat_bn.": "feat_bn."}
# A block of a ResNet under torchvision's name, or under the number of a Sequential.
_BLOCK = re.compile(r"(?P<root>|.*\.)(?:layer[1-4]|(?P<number>\d))\.\d+\.conv1\.weight")
_STAGES = ("layer1", "layer2", "layer3", "layer4")
_NO_RELU = "its trunk has no ReLU behind conv1, E_id's has: features are not those of its code"
_GEM = "its pooling is GeM, E_id's an average: features are not those of its code"


@dataclass(frozen=True)
class Layout:
    """Where a kind of file keeps the trunk and the head.

    `trunk` is the prefix of torchvision's names, of which `numbered` maps what a Sequential calls
    by number; `head` maps prefixes of the file to E_id's own. A `foreign` head has as many
    features as the trunk has channels and no place in a smaller E_id. Without `linear` its
    BatchNorm reads the pooled vector, and an identity stands where E_id has its linear layer.
    `fitting` says that the BatchNorm was trained on something else (ACT: on the output of a layer
    that GCL drops). `refit`: running statistics that the specs want taken anew, since the trunk
    was trained with another stride. `differs`: what its network does and E_id does not. `fault`:
    why the file cannot be E_id at all.
    """

    name: str
    title: str
    trunk: str = ""
    head: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False
    linear: bool = True
    fitting: bool = True
    refit: Refit = "none"
    numbered: Mapping[str, str] = field(default_factory=dict)
    differs: str = ""
    fault: str = ""

    def own_names(self, names: Iterable[str]) -> dict[str, str]:
        """E_id's name -> the file's, for every tensor of the file that the layout knows."""
        found = {}
        for name in names:
            prefix = next((each for each in self.head if name.startswith(each)), None)
            if prefix is not None:
                found[self.head[prefix] + name.removeprefix(prefix)] = name
            elif name.startswith(self.trunk):
                found[self._of_trunk(name.removeprefix(self.trunk))] = name
        return found

    def _of_trunk(self, name: str) -> str:
        if not self.numbered:
            return name
        number, dot, rest = name.partition(".")
        return self.numbered.get(number, number) + dot + rest


TORCHVISION = Layout("torchvision", "torchvision ResNet (a trunk without embedding head)")
TORCHREID = Layout("torchreid", "a ResNet with a classifier, as torchreid's (no embedding head)")
TORCHREID_FC = Layout(
    "torchreid",
    "torchreid's ResNet with a reduced head (fc, BatchNorm, ReLU), which E_id cannot be: a trunk",
)
JVTC = Layout("jvtc", "JVTC (E_id with a classifier)", head=NATIVE)
GCL = Layout("gcl", "E_id of GCL or of gclbench", head=NATIVE)
MMCL = Layout("mmcl", "MMCL", trunk="base.", head={"bn.": "feat_bn."}, foreign=True, linear=False)
ACT = Layout(
    "act",
    "ACT or UDA-TP",
    trunk="base.",
    head={"feat_bn.": "feat_bn."},
    foreign=True,
    linear=False,
    fitting=False,
)
BUC = Layout(
    "buc",
    "BUC",
    trunk="CNN.base.",
    head={"avg_pooling.embeding.": "feat.", "avg_pooling.embeding_bn.": "feat_bn."},
    foreign=True,
    refit="all",
)
SCL = replace(BUC, name="scl", title="SCL", trunk="CNN.", refit="none")
SPCL = Layout(
    "spcl",
    "SpCL, Cluster Contrast, ICE or PPLR (a Sequential trunk)",
    trunk="base.",
    head={"feat_bn.": "feat_bn."},
    foreign=True,
    linear=False,
    numbered={"0": "conv1", "1": "bn1", **dict(zip("4567", _STAGES, strict=True))},
)
MMT = replace(
    SPCL,
    name="mmt",
    title="MMT (a Sequential trunk without ReLU behind conv1)",
    numbered={"0": "conv1", "1": "bn1", **dict(zip("3456", _STAGES, strict=True))},
    differs=_NO_RELU,
    refit="all",
)
STRONG = Layout(
    "strong_baseline",
    "the strong baseline (BNNeck)",
    trunk="base.",
    head={"bottleneck.": "feat_bn."},
    foreign=True,
    linear=False,
    differs=_NO_RELU,
    refit="all",
)
FASTREID = Layout(
    "fastreid",
    "fast-reid",
    trunk="backbone.",
    head={"heads.bottleneck.0.": "feat_bn."},
    foreign=True,
    linear=False,
    differs="newer versions pool with another border than E_id: features may differ a little",
)
BASE = Layout("base", "a ResNet under 'base.' with a head that is not known", trunk="base.")
GENERATOR = Layout("generator", "generator of GCL or of gclbench (gen_*.pt)")
DISCRIMINATOR = Layout("discriminator", "discriminator of GCL or of gclbench (dis_*.pt)")
_KNOWN_ELSEWHERE = (
    ("patch_embed.", "a vision transformer"),
    ("cls_token", "a vision transformer"),
    ("conv1.conv.weight", "an OSNet of torchreid"),
    ("features.denseblock1.", "a DenseNet"),
    ("features.", "a network of convolutions in a row (VGG, MobileNet, ...)"),
)


def detect(tensors: Mapping[str, Tensor]) -> Layout:
    """Return the layout of a file with these tensors; `fault` says why one is no E_id."""
    tops = {name.split(".")[0] for name in tensors}
    if "enc_content" in tops:
        return GENERATOR
    if "cnns" in tops:
        return DISCRIMINATOR
    roots = _roots(tensors)
    if not roots:
        return _unknown(tensors)
    if len(roots) > 1:
        named = sorted(f"'{root}'" if root else "the top" for root in roots)
        under = " and ".join(named)
        title = f"{len(roots)} ResNets, under {under}"
        return Layout("several", title, fault="keep the tensors of one alone")
    ((root, numbers),) = roots.items()
    layout = _numbered(root, numbers, tops, tensors) if numbers else _named(root, tops, tensors)
    return _checked(layout, tensors)


def _roots(names: Iterable[str]) -> dict[str, set[str]]:
    """Prefix of each ResNet -> the numbers that its stages have instead of names."""
    found: dict[str, set[str]] = {}
    for name in names:
        match = _BLOCK.fullmatch(name)
        if match is not None:
            numbers = found.setdefault(match["root"], set())
            numbers |= {match["number"]} - {None}
    return found


def _named(root: str, tops: set[str], tensors: Mapping[str, Tensor]) -> Layout:
    """The layout of a trunk with torchvision's names under `root`."""
    if root == "":
        if tops & {"feat", "feat_bn"}:
            return JVTC if "classifier" in tops else GCL
        if "classifier" not in tops:
            return TORCHVISION
        return TORCHREID_FC if "fc.0.weight" in tensors else TORCHREID
    if root == "CNN.base.":
        return BUC
    if root == "CNN.":
        return SCL
    if root == "base.":
        known = {"bn": MMCL, "feat_bn": ACT, "bottleneck": STRONG}
        return next((known[top] for top in known if top in tops), BASE)
    if "heads" in tops and "heads.bottleneck.0.running_mean" in tensors:
        layout = replace(FASTREID, trunk=root)
        gem = "heads.pool_layer.p" in tensors
        return replace(layout, differs=f"{_GEM}, {layout.differs}") if gem else layout
    return replace(
        BASE, title=f"a ResNet under '{root}' with a head that is not known", trunk=root
    )


def _numbered(
    root: str, numbers: set[str], tops: set[str], tensors: Mapping[str, Tensor]
) -> Layout:
    """The layout of a trunk that is a Sequential under `root`."""
    layout = replace(MMT if "3" in numbers else SPCL, trunk=root)
    if "feat.weight" in tensors:  # trained with --features
        layout = replace(layout, head=NATIVE, foreign=False, linear=True)
    elif "bnneck" in tops:  # PPLR
        layout = replace(layout, head={"bnneck.": "feat_bn."})
    if any(name.startswith("gap.") for name in tensors):
        layout = replace(layout, differs=_GEM, refit="head")
    return layout


def _checked(layout: Layout, tensors: Mapping[str, Tensor]) -> Layout:
    """The layout, with what makes the trunk another network than E_id's."""
    own = layout.own_names(tensors)
    if any(name.endswith((".IN.weight", ".BN.weight")) for name in own):
        return replace(layout, fault="its blocks mix instance and batch norms (IBN-Net)")
    if any(".se." in name or name.startswith("NL_") for name in own):
        return replace(layout, fault="its blocks have attention that E_id's have not")
    return layout


def _unknown(tensors: Mapping[str, Tensor]) -> Layout:
    first = (f"'{name}' {tuple(value.shape)}" for name, value in list(tensors.items())[:3])
    kinds = (
        title for start, title in _KNOWN_ELSEWHERE if any(n.startswith(start) for n in tensors)
    )
    known = next(kinds, "a network that is not known here")
    title = f"{known}: {len(tensors)} tensors, first {', '.join(first)}"
    return Layout("unknown", title, fault="it holds no ResNet")


def sizes_of(layout: Layout, tensors: Mapping[str, Tensor]) -> IdEncoderSettings | None:
    """Return the E_id that a file was made with; None where it holds no such trunk.

    Without a head `embedding_dim` keeps its default, and `parts`, which leaves no trace, always.
    """
    own = {name: tensors[theirs] for name, theirs in layout.own_names(tensors).items()}
    stem, norm = own.get("conv1.weight"), own.get("feat_bn.weight")
    if layout.fault or stem is None or stem.dim() != 4 or "layer1.0.conv1.weight" not in own:
        return None
    found: dict[str, object] = {
        "depth": "resnet50" if "layer1.0.conv3.weight" in own else "resnet18",
        "width": stem.shape[0],
    }
    if norm is not None and norm.dim() == 1:
        found["embedding_dim"] = norm.shape[0]
    try:
        return IdEncoderSettings.model_validate(found)
    except ValidationError:
        return None
