"""What E_id knows before stage 1: a disjoint rendered set, an ImageNet file, or nothing."""

from __future__ import annotations

import torch

from gclbench.networks.build import build_id_encoder
from gclbench.networks.checkpoints import load_id_checkpoint
from gclbench.networks.fit import imagenet_file
from gclbench.networks.id_encoder import IdEncoder
from gclbench.registry import register
from gclbench.stages.context import StageContext
from gclbench.stages.loop import train
from gclbench.stages.supervised import SupervisedTraining


def new_encoder(context: StageContext) -> IdEncoder:
    """An E_id with weights drawn from the stage's own stream, on the stage's device."""
    generator = context.torch_generator("id_encoder")
    encoder = build_id_encoder(context.settings.network.id_encoder, generator)
    return encoder.to(context.device)


def load_encoder(context: StageContext, parent: str) -> IdEncoder:
    """E_id as a parent stage left it."""
    encoder = build_id_encoder(context.settings.network.id_encoder)
    encoder.load_state_dict(context.load(parent, "encoder.pt"))
    return encoder.to(context.device)


@register("stages", "pretrain", revision=2)
def pretrain(context: StageContext) -> dict[str, float]:
    """Pre-train E_id (rendered identities, an ImageNet file, or random weights)."""
    settings = context.settings.pretrain
    encoder = new_encoder(context)
    metrics: dict[str, float] = {}
    if settings.kind == "imagenet":
        metrics = _load_imagenet(encoder, settings.weights)
    elif settings.kind == "rendered":
        training = SupervisedTraining(
            context,
            encoder,
            context.datasets["pretrain"],
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            lr=settings.lr,
            factor=1.0,
            weight_decay=settings.weight_decay,
        )
        train(training, context)
    torch.save(encoder.state_dict(), context.folder / "encoder.pt")
    return metrics


def _load_imagenet(encoder: IdEncoder, weights: str | None) -> dict[str, float]:
    report = load_id_checkpoint(encoder, imagenet_file(weights))
    return {"tensors_loaded": float(len(report.matched))}


@register("stages", "source", revision=2)
def source(context: StageContext) -> dict[str, float]:
    """Supervised training on the labelled source (UDA), or on the own set (upper bound)."""
    settings = context.settings.source
    encoder = load_encoder(context, "pretrain")
    training = SupervisedTraining(
        context,
        encoder,
        context.datasets["source"],
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        lr=settings.lr,
        factor=settings.new_layer_lr_factor,
        weight_decay=settings.weight_decay,
    )
    train(training, context)
    torch.save(encoder.state_dict(), context.folder / "encoder.pt")
    torch.save(training.classifier.state_dict(), context.folder / "classifier.pt")
    return {}
