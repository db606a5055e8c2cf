"""Stage 2 once more, plainly: written from the paper and the specs, not from the stage.

Nothing is batched, shared or cached here, and optimisers are three lines each. Networks and draws
are the real ones, handed over, all in float64; so what is compared is what a step does with them,
and in which order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gclbench.augmentations.d_mixup import DMixup
from gclbench.augmentations.gray_switch import GraySwitch
from gclbench.augmentations.mesh_switch import MeshSwitch
from gclbench.augmentations.rotation import Rotation
from gclbench.datasets.tracklets import draw_frames
from gclbench.evaluation.preprocess import structure_to_network, to_network
from gclbench.networks.build import build_discriminator, build_generator, build_id_encoder
from gclbench.schema import Settings
from gclbench.seeding import torch_generator


def pixels(images: np.ndarray) -> Tensor:
    return to_network(images).double()


def gray(projections: np.ndarray) -> Tensor:
    """(B, H, W) bytes -> (B, 1, H, W) in -1 ... 1."""
    return structure_to_network(projections).double()


class _Optimizer:
    """What both have: weight decay is a part of the gradient, what the loss misses stays.

    `steepest` is the largest gradient that each parameter ever had.
    """

    def __init__(self, network: Any, lr: float, decay: float) -> None:
        self.parameters = list(network.parameters())
        self.lr, self.decay = lr, decay
        self.steepest = [-1.0] * len(self.parameters)

    def step(self, gradients: Sequence[Tensor | None]) -> None:
        for place, (parameter, gradient) in enumerate(
            zip(self.parameters, gradients, strict=True)
        ):
            if gradient is None:
                continue
            self.steepest[place] = max(self.steepest[place], float(gradient.abs().max()))
            slope = gradient + self.decay * parameter.data
            parameter.data = parameter.data - self.lr * self.direction(place, slope)

    def direction(self, place: int, slope: Tensor) -> Tensor:
        raise NotImplementedError


class Sgd(_Optimizer):
    """Nesterov's momentum as the public code has it; plain descent without momentum."""

    def __init__(self, network: Any, lr: float, momentum: float, decay: float) -> None:
        super().__init__(network, lr, decay)
        self.momentum = momentum
        self.speeds: list[Tensor | None] = [None] * len(self.parameters)

    def direction(self, place: int, slope: Tensor) -> Tensor:
        old = self.speeds[place]
        speed = slope if old is None else self.momentum * old + slope
        self.speeds[place] = speed
        return slope + self.momentum * speed


class Adam(_Optimizer):
    """Kingma and Ba, with eps = 1e-8."""

    def __init__(self, network: Any, lr: float, betas: tuple[float, float], decay: float) -> None:
        super().__init__(network, lr, decay)
        self.betas = betas
        self.moments = [(0 * p.data, 0 * p.data, 0) for p in self.parameters]

    def direction(self, place: int, slope: Tensor) -> Tensor:
        (first, second, t), (b1, b2) = self.moments[place], self.betas
        first, second, t = b1 * first + (1 - b1) * slope, b2 * second + (1 - b2) * slope**2, t + 1
        self.moments[place] = (first, second, t)
        return (first / (1 - b1**t)) / ((second / (1 - b2**t)).sqrt() + 1e-8)


def slopes(loss: Tensor, *networks: Any) -> list[list[Tensor | None]]:
    """The gradient of every parameter, a list per network; None where the loss does not reach."""
    parameters = [list(network.parameters()) for network in networks]
    together = [parameter for each in parameters for parameter in each]
    found = iter(torch.autograd.grad(loss, together, allow_unused=True))
    return [[next(found) for _ in each] for each in parameters]


def l1(value: Tensor, target: Tensor) -> Tensor:
    return (value - target.detach()).abs().mean()


def unit(row: Tensor) -> Tensor:
    return row / row.norm()


def numbers(losses: dict[str, Any]) -> dict[str, float]:
    return {
        name: float(value.detach() if isinstance(value, Tensor) else value)
        for name, value in losses.items()
    }


def awake(*discriminators: Any) -> None:
    """Make D's maps as large as after training: those of a new D are 1e-8 and show nothing."""
    for network in discriminators:
        for parameter in network.parameters():
            parameter.data = 10 * parameter.data


def assert_same_weights(ours: Any, plain: Any, optimizer: Sgd | Adam) -> None:
    """Parameters and running statistics.

    Where a gradient is zero, as for a bias before a norm, Adam makes steps out of rounding errors:
    such parameters are left out.
    """
    names = [name for name, _ in plain.named_parameters()]
    flat = {n for n, s in zip(names, optimizer.steepest, strict=True) if 0 <= s < 1e-7}
    expected = plain.state_dict()
    assert len(flat) < len(names)
    for name, value in ours.state_dict().items():
        if name not in flat:
            difference = (value - expected[name]).abs().double().max()
            assert difference <= 1e-6 * expected[name].abs().max() + 1e-9, name


@dataclass
class PlainGan:
    """G and D with an optimiser each, and L_gan of one batch."""

    settings: Settings
    generator: Any
    discriminator: Any
    lr: float
    optimizers: dict[str, Adam] = field(init=False)

    def __post_init__(self) -> None:
        gan = self.settings.gan
        self.optimizers = {
            name: Adam(net, self.lr, (gan.beta1, gan.beta2), gan.weight_decay)
            for name, net in (("g", self.generator), ("d", self.discriminator))
        }

    def set_lr(self, lr: float) -> None:
        for optimizer in self.optimizers.values():
            optimizer.lr = lr

    def draw(self, f_id: Tensor, structure: Tensor) -> Tensor:
        image: Tensor = self.generator(f_id, structure)
        return image

    def judge(self, fake: Tensor, real: float) -> Tensor:
        """How far D's maps of some images are from `real` (1) or fake (0)."""
        total = torch.zeros((), dtype=torch.float64)
        for logits in self.discriminator(fake):
            if self.settings.gan.adversarial == "lsgan":
                total = total + ((logits - real) ** 2).mean()
            else:
                probability = torch.sigmoid(logits)
                right = probability if real == 1 else 1 - probability
                total = total - torch.log(right).mean()
        return total

    def r1(self, images: Tensor) -> Tensor:
        real = images.detach().clone().requires_grad_(True)
        total = torch.zeros((), dtype=torch.float64)
        for logits in self.discriminator(real):
            judged = logits if self.settings.gan.adversarial == "lsgan" else torch.sigmoid(logits)
            (slope,) = torch.autograd.grad(judged.sum(), real, create_graph=True)
            for each in slope:
                total = total + (each**2).sum() / len(slope)
        return total

    def step_d(self, images: Tensor, fakes: list[Tensor]) -> float:
        """The real term and R1 count once for every kind of fake."""
        real = self.judge(images.detach(), 1) + self.settings.gan.r1_weight * self.r1(images)
        loss = torch.zeros((), dtype=torch.float64)
        for fake in fakes:
            loss = loss + self.judge(fake.detach(), 0) + real
        self.optimizers["d"].step(*slopes(loss, self.discriminator))
        return float(loss.detach())

    def adversarial(self, fakes: list[Tensor]) -> Tensor:
        factor = 2.0 if self.settings.gan.adversarial == "lsgan" else 1.0
        return factor * sum((self.judge(fake, 1) for fake in fakes), torch.tensor(0.0).double())

    def total(self, losses: dict[str, Tensor]) -> Tensor:
        gan = self.settings.gan
        recon = losses["recon_x"] + losses["recon_x_cyc"]
        recon = recon + losses["recon_f"] + losses["recon_f_cyc"]
        return gan.lambda_recon * recon + gan.lambda_adv * losses["adv"]


@dataclass
class Batch:
    """A batch's real images with their structures, and what was drawn of chance."""

    rows: Tensor
    images: Tensor
    own: Tensor | None
    new: Tensor
    partner: Tensor | None
    lam: float


class Plain:
    """What stages 2 and 3 share: parents' files, the streams' names, one batch."""

    stage: str

    def __init__(self, context: Any, dataset: Any) -> None:
        self.context, self.settings, self.dataset = context, context.settings, dataset
        self.encoder = build_id_encoder(self.settings.network.id_encoder)
        self.encoder.load_state_dict(self.file("warmup", "encoder.pt"))
        self.encoder.double()

    def file(self, parent: str, name: str) -> Any:
        return torch.load(Path(self.context.parents[parent]) / name, weights_only=True)

    def stream(self, *names: Any) -> torch.Generator:
        return torch_generator(self.context.seed, self.stage, *names)

    def frames(self) -> int:
        return 1

    def real(self, batch: Tensor) -> tuple[Tensor, Tensor]:
        rows = draw_frames(self.dataset.train, batch.numpy(), self.frames(), self.frame_stream)
        return torch.from_numpy(rows.reshape(-1)), pixels(
            self.dataset.images("train")[rows.ravel()]
        )

    def each_frame(self, per_sample: Tensor) -> Tensor:
        return per_sample.repeat_interleave(self.frames(), dim=0)

    def partner_frames(self, partner: Tensor) -> Tensor:
        """Frame t of a sample meets frame t of its partner."""
        t = self.frames()
        return torch.tensor([int(p) * t + k for p in partner for k in range(t)])

    def structures(self, view: str, rows: Tensor, images: Tensor) -> tuple[Tensor, Tensor]:
        samples, angles = len(rows) // self.frames(), self.settings.gan.angles
        if view == "gray_switch":
            own = (images[:, :1] + images[:, 1:2] + images[:, 2:]) / 3
            partner = GraySwitch().sample(samples, self.view_stream).partner
            return own, own[self.partner_frames(partner)]
        shown = self.dataset.projections()[rows.numpy()]
        own = gray(shown[:, 0])
        if view == "mesh_switch":
            partner = MeshSwitch().sample(samples, self.view_stream).partner
            return own, own[self.partner_frames(partner)]
        turn = Rotation(angles=angles).sample(samples, self.view_stream).index
        chosen = self.each_frame(turn).numpy()
        return own, gray(np.stack([shown[b, a] for b, a in enumerate(chosen)]))


class PlainGanWarmup(Plain):
    """Stage 2: gcl.md 3 and 7. E_id as it is, in eval mode; G and D learn with L_gan."""

    stage = "gan"

    def __init__(self, context: Any, dataset: Any) -> None:
        super().__init__(context, dataset)
        self.encoder.eval()
        channels = self.encoder.channels
        self.gan = PlainGan(
            self.settings,
            build_generator(self.settings, channels, self.stream("generator")).double(),
            build_discriminator(self.settings, self.stream("discriminator")).double(),
            self.settings.gan.lr,
        )

    def batches(self, epoch: int) -> list[Tensor]:
        gan = self.settings.gan
        late = gan.lr_decay_epoch > 0 and epoch >= gan.lr_decay_epoch
        self.gan.set_lr(gan.lr * (gan.lr_decay if late else 1))
        self.view_stream, self.mix_stream = self.stream("view", epoch), self.stream("mix", epoch)
        self.frame_stream = self.stream("frames", epoch)
        count, size = len(self.dataset.train), gan.batch_size
        order = torch.randperm(count, generator=self.stream("order", epoch))
        return [order[k : k + size] for k in range(0, count - size + 1, size)]

    def step(self, batch: Tensor) -> dict[str, float]:
        rows, x = self.real(batch)
        view = self.settings.gan.view.name if self.settings.gan.view else "rotation"
        s_ori, s_new = self.structures(view, rows, x)
        f_id = self.encoder(x).f_id.detach()
        ori, new = self.gan.draw(f_id, s_ori), self.gan.draw(f_id, s_new)
        new_id = self.encoder(new).f_id
        cycle = self.gan.draw(new_id, s_ori)
        fakes = [ori, new, cycle]
        if self.settings.gan.adversarial_mix:
            chance = DMixup(self.settings.gan.mix_alpha).sample(len(batch), self.mix_stream)
            blend = chance.lam * f_id + (1 - chance.lam) * f_id[chance.partner]
            fakes.append(self.gan.draw(blend, s_ori))
        loss_d = self.gan.step_d(x, fakes)
        first = (
            self.encoder(ori).f_id if self.settings.gan.recon_feature_pair == "code" else new_id
        )
        losses = {
            "recon_x": l1(ori, x),
            "recon_x_cyc": l1(cycle, x),
            "recon_f": l1(first, f_id),
            "recon_f_cyc": l1(self.encoder(cycle).f_id, f_id),
            "adv": self.gan.adversarial(fakes),
        }
        total = self.gan.total(losses)
        self.gan.optimizers["g"].step(*slopes(total, self.gan.generator))
        return numbers({"loss": total, "loss_d": loss_d, **losses})
