"""Sizes of the networks. `component`, throughout: the network that is built of these sizes."""

from __future__ import annotations

from typing import Literal

from pydantic import PositiveInt

from gclbench.schema.choice import NetworkChoice
from gclbench.schema.model import Model, setting

_Dilations = tuple[PositiveInt, PositiveInt, PositiveInt]


class IdEncoderSettings(Model):
    """E_id: a ResNet with last stride 1, a part head and an embedding head."""

    component: NetworkChoice = setting(
        NetworkChoice(name="id_encoder"), "what is built as E_id", symbol="E_id"
    )
    depth: Literal["resnet18", "resnet50"] = setting(
        "resnet50", "the trunk; resnet18 has a stem for small images, without max pool"
    )
    width: PositiveInt = setting(64, "channels of the trunk's first stage; 64 is ResNet's own")
    embedding_dim: PositiveInt = setting(
        512, "numbers in the embedding f, and so in a row of the memory"
    )
    parts: PositiveInt = setting(4, "horizontal stripes whose averages are f_id")


class GeneratorSettings(Model):
    """E_str, the AdaIN MLPs and the decoder G (widths of the paper's size; D-07 [code])."""

    component: NetworkChoice = setting(
        NetworkChoice(name="generator"), "what is built as G, with E_str and the MLPs", symbol="G"
    )
    structure: NetworkChoice = setting(
        NetworkChoice(name="str_encoder"), "what is built as E_str inside of G", symbol="E_str"
    )
    structure_width: PositiveInt = setting(16, "channels of E_str's first layer")
    structure_blocks: PositiveInt = setting(4, "residual blocks of E_str")
    structure_dilations: _Dilations = setting((3, 6, 9), "dilations of the ASPP that ends E_str")
    decoder_width: PositiveInt = setting(
        128, "channels of f_str and of G's residual blocks; a multiple of 4"
    )
    decoder_blocks: PositiveInt = setting(4, "AdaIN residual blocks of G, each with two MLPs")
    mlp_width: PositiveInt = setting(512, "hidden width of the MLPs that make AdaIN's parameters")
    padding: Literal["reflect", "zeros"] = setting(
        "reflect", "how E_str, G and D pad; reflection needs maps larger than the dilations"
    )


class DiscriminatorSettings(Model):
    """D: one PatchGAN per scale, each at half the size of the one before."""

    component: NetworkChoice = setting(
        NetworkChoice(name="discriminator"), "what is built as D", symbol="D"
    )
    scales: PositiveInt = setting(3, "image sizes that are judged, each half of the one before")
    width: PositiveInt = setting(32, "channels of a scale's first layer")
    blocks: PositiveInt = setting(4, "residual blocks of a scale")


class NetworkSettings(Model):
    """The networks."""

    id_encoder: IdEncoderSettings = IdEncoderSettings()
    generator: GeneratorSettings = GeneratorSettings()
    discriminator: DiscriminatorSettings = DiscriminatorSettings()
