"""E_id, E_str, G and D, at the paper's size and at any narrower one."""

from gclbench.networks.checkpoints import (
    LoadReport,
    load_generator_checkpoint,
    load_id_checkpoint,
)
from gclbench.networks.discriminator import Discriminator
from gclbench.networks.generator import Generator
from gclbench.networks.id_encoder import IdEncoder, IdOutput
from gclbench.networks.initialise import initialise
from gclbench.networks.str_encoder import StructureEncoder

__all__ = [
    "Discriminator",
    "Generator",
    "IdEncoder",
    "IdOutput",
    "LoadReport",
    "StructureEncoder",
    "initialise",
    "load_generator_checkpoint",
    "load_id_checkpoint",
]
