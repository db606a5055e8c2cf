"""How public files name E_id's tensors: torchvision, JVTC, GCL, MMCL, ACT and BUC.

Source    the official codes, as docs/specs/gcl.md (section 9), docs/specs/jvtc.md (6) and
          docs/checkpoints.md tell them apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from gclbench.schema.settings import IdEncoderSettings

Refit = Literal["none", "head", "all"]
NATIVE = {"feat.": "feat.", "feat_bn.": "feat_bn."}


@dataclass(frozen=True)
class Layout:
    """Where a kind of file keeps the trunk and the head.

    `trunk` is the prefix of torchvision's names; `head` maps prefixes of the file to E_id's own.
    A `foreign` head has as many features as the trunk has channels and no place in a smaller
    E_id. Without `linear` its BatchNorm reads the pooled vector, and an identity stands where
    E_id has its linear layer. `fitting` says that the BatchNorm was trained on something else
    (ACT: on the output of a layer that GCL drops). `refit`: running statistics that the specs
    want taken anew, since the trunk was trained with another stride.
    """

    name: str
    title: str
    trunk: str = ""
    head: Mapping[str, str] = field(default_factory=dict)
    foreign: bool = False
    linear: bool = True
    fitting: bool = True
    refit: Refit = "none"

    def own_names(self, names: Iterable[str]) -> dict[str, str]:
        """E_id's name -> the file's, for every tensor of the file that the layout knows."""
        found = {}
        for name in names:
            prefix = next((each for each in self.head if name.startswith(each)), None)
            if prefix is not None:
                found[self.head[prefix] + name.removeprefix(prefix)] = name
            elif name.startswith(self.trunk):
                found[name.removeprefix(self.trunk)] = name
        return found


TORCHVISION = Layout("torchvision", "torchvision ResNet (a trunk without embedding head)")
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
BASE = Layout("base", "a ResNet under 'base.' with a head that is not known", trunk="base.")
GENERATOR = Layout("generator", "generator of GCL or of gclbench (gen_*.pt)")
DISCRIMINATOR = Layout("discriminator", "discriminator of GCL or of gclbench (dis_*.pt)")


def detect(names: Iterable[str]) -> Layout:
    """Return the layout of a file with these tensors; flat names of any kind are torchvision's."""
    tops = {name.split(".")[0] for name in names}
    if "enc_content" in tops:
        return GENERATOR
    if "cnns" in tops:
        return DISCRIMINATOR
    if "CNN" in tops:
        return BUC
    if "base" in tops:
        return MMCL if "bn" in tops else ACT if "feat_bn" in tops else BASE
    if tops & {"feat", "feat_bn"}:
        return JVTC if "classifier" in tops else GCL
    return TORCHVISION


def sizes_of(layout: Layout, tensors: Mapping[str, Tensor]) -> IdEncoderSettings | None:
    """Return the E_id that a file was made with; None where it holds no such trunk.

    Without a head `embedding_dim` keeps its default, and `parts`, which leaves no trace, always.
    """
    own = {name: tensors[theirs] for name, theirs in layout.own_names(tensors).items()}
    if "conv1.weight" not in own or "layer1.0.conv1.weight" not in own:
        return None
    found: dict[str, object] = {
        "depth": "resnet50" if "layer1.0.conv3.weight" in own else "resnet18",
        "width": own["conv1.weight"].shape[0],
    }
    if "feat_bn.weight" in own:
        found["embedding_dim"] = own["feat_bn.weight"].shape[0]
    return IdEncoderSettings.model_validate(found)
