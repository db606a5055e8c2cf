"""Every setting of a run, by the stage that reads it. Defaults are the paper's (section 4.2).

Ids D-01 ... D-32 name the places where the paper and the official code disagree;
docs/deviations.md lists them. A profile (`smoke`, `laptop`, `paper`) changes sizes, a recipe or a
study row the method. docs/settings.md lists all settings.
"""

from __future__ import annotations

from gclbench.schema.data import VIDEO_ROLES as VIDEO_ROLES
from gclbench.schema.data import DataSettings as DataSettings
from gclbench.schema.data import MeshSettings as MeshSettings
from gclbench.schema.data import VideoSettings as VideoSettings
from gclbench.schema.data import WorldSettings as WorldSettings
from gclbench.schema.evaluation import EvaluateSettings as EvaluateSettings
from gclbench.schema.gan import GanCheckpointSettings as GanCheckpointSettings
from gclbench.schema.gan import GanSettings as GanSettings
from gclbench.schema.joint import JointSettings as JointSettings
from gclbench.schema.joint import PseudoLabelSettings as PseudoLabelSettings
from gclbench.schema.model import Model
from gclbench.schema.networks import DiscriminatorSettings as DiscriminatorSettings
from gclbench.schema.networks import GeneratorSettings as GeneratorSettings
from gclbench.schema.networks import IdEncoderSettings as IdEncoderSettings
from gclbench.schema.networks import NetworkSettings as NetworkSettings
from gclbench.schema.supervised import PretrainSettings as PretrainSettings
from gclbench.schema.supervised import SourceSettings as SourceSettings
from gclbench.schema.warmups import WarmupSettings as WarmupSettings


class Settings(Model):
    """A fully resolved configuration: everything any stage may read, and nothing else."""

    data: DataSettings = DataSettings()
    network: NetworkSettings = NetworkSettings()
    pretrain: PretrainSettings = PretrainSettings()
    source: SourceSettings = SourceSettings()
    warmup: WarmupSettings = WarmupSettings()
    gan: GanSettings = GanSettings()
    joint: JointSettings = JointSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
