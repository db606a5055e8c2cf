"""A labelled source beside the target: its images and its classifier, and batches of both."""

from __future__ import annotations

import torch
from torch import Tensor

from gclbench.evaluation.preprocess import to_network
from gclbench.stages.context import StageContext
from gclbench.stages.frames import rows_of
from gclbench.stages.loop import endless_batches
from gclbench.stages.supervised import class_indices, new_classifier

Batch = tuple[Tensor, Tensor | None]


class SourceBranch:
    """UDA's labelled half: source images and the classifier that the source stage has left."""

    def __init__(self, context: StageContext, embedding_dim: int, batch_size: int) -> None:
        self.context, self.batch_size = context, batch_size
        self.dataset = context.datasets["source"]
        self.images = self.dataset.images("train")
        self.labels = class_indices(self.dataset).to(context.device)
        classes = int(self.labels.max()) + 1
        self.classifier = new_classifier(
            embedding_dim, classes, context.torch_generator("classifier")
        ).to(context.device)
        self.classifier.load_state_dict(context.load("source", "classifier.pt"))

    def views(self, indices: Tensor, frames: torch.Generator) -> Tensor:
        """One image of each sample, as the network reads it: (B,) -> (B, 3, H, W)."""
        rows = rows_of(self.dataset, indices, 1, frames)
        return to_network(self.images[rows.numpy()]).to(self.context.device)


def batches_beside(
    context: StageContext, epoch: int, count: int, batch_size: int, source: SourceBranch | None
) -> list[Batch]:
    """Draw the batches of one epoch: rows of the target, and of the source where there is one.

    An epoch is a pass over the source, or else over the `count` samples of the target. Either
    goes on in the next epoch where it has stopped in this one.
    """
    if source is None:
        steps = max(count // batch_size, 1)
        alone = endless_batches(count, batch_size, epoch * steps, steps, context, "target")
        return [(batch, None) for batch in alone]
    rows = len(source.labels)
    steps = max(rows // source.batch_size, 1)
    first = epoch * steps
    target = endless_batches(count, batch_size, first, steps, context, "target")
    labelled = endless_batches(rows, source.batch_size, first, steps, context, "source")
    return list(zip(target, labelled, strict=True))
