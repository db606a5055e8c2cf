"""L_gan, batched and shared, against a plain reading of gcl.md section 3: one kind at a time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from gclbench.networks.id_encoder import IdEncoder
from gclbench.seeding import torch_generator
from gclbench.stages.generative import GeneratedViews, GenerativeModule, Mixing

BATCH = 3
RECON = ("recon_x", "recon_x_cyc", "recon_f", "recon_f_cyc")


@dataclass
class Scene:
    """A batch in double precision, so that another order of sums stays far below any mistake."""

    module: GenerativeModule
    encoder: IdEncoder
    images: Tensor
    own: Tensor
    new: Tensor
    mixing: Mixing | None

    def views(self) -> GeneratedViews:
        return self.module.views(
            self.images, self.own, self.new, self.encoder, self.encoder, self.mixing
        )


@pytest.fixture
def scene(bench: Any, tiny: Callable[..., Any]) -> Callable[..., Scene]:
    def make(mixed: bool = True, **gan: Any) -> Scene:
        settings = tiny(gan=gan)
        encoder = IdEncoder(
            settings.network.id_encoder, generator=torch_generator(3, "encoder")
        ).double()
        module = GenerativeModule(bench.context("gan", settings), encoder.channels).double()
        module.build_optimizers(1e-3)
        rng = torch_generator(4, "batch")
        images = torch.randn(BATCH, 3, 64, 32, generator=rng, dtype=torch.float64)
        own, new = torch.rand(2, BATCH, 1, 64, 32, generator=rng, dtype=torch.float64)
        mixing = Mixing(torch.tensor([2, 0, 1]), 0.8) if mixed else None
        return Scene(module, encoder.eval(), images, own, new, mixing)

    return make


def plain_fakes(scene: Scene) -> list[Tensor]:
    """x'_ori, x'_new, x''_ori and x'_mix, each by its own pass through E_str and G."""
    generator, f_id = scene.module.generator, scene.encoder(scene.images).f_id
    original, new = generator(f_id, scene.own), generator(f_id, scene.new)
    fakes = [original, new, generator(scene.encoder(new).f_id, scene.own)]
    if scene.mixing is not None:
        lam = scene.mixing.lam
        mixed = lam * f_id + (1 - lam) * f_id[scene.mixing.partner]
        fakes.append(generator(mixed, scene.own))
    return fakes


def l1(value: Tensor, target: Tensor) -> Tensor:
    return (value - target.detach()).abs().mean()


def plain_generator_loss(scene: Scene, pair: str = "paper") -> dict[str, Tensor]:
    fakes = plain_fakes(scene)
    f_id = scene.encoder(scene.images).f_id
    first = scene.encoder(fakes[1] if pair == "paper" else fakes[0]).f_id
    adversarial = torch.zeros((), dtype=torch.float64)
    for fake in fakes:
        for logits in scene.module.discriminator(fake):
            adversarial = adversarial + 2 * ((logits - 1) ** 2).mean()
    return {
        "recon_x": l1(fakes[0], scene.images),
        "recon_x_cyc": l1(fakes[2], scene.images),
        "recon_f": l1(first, f_id),
        "recon_f_cyc": l1(scene.encoder(fakes[2]).f_id, f_id),
        "adv": adversarial,
    }


def plain_discriminator_loss(scene: Scene, r1_weight: float) -> Tensor:
    """Per fake kind: both LSGAN terms and R1, the real ones computed anew each time."""
    total = torch.zeros((), dtype=torch.float64)
    for fake in plain_fakes(scene):
        images = scene.images.clone().requires_grad_(True)
        fake_maps = scene.module.discriminator(fake.detach())
        real_maps = scene.module.discriminator(images)
        for fake_map, real_map in zip(fake_maps, real_maps, strict=True):
            (slope,) = torch.autograd.grad(real_map.sum(), images, create_graph=True)
            r1 = sum((slope[b] ** 2).sum() for b in range(BATCH)) / BATCH
            lsgan = (fake_map**2).mean() + ((real_map - 1) ** 2).mean()
            total = total + lsgan + r1_weight * r1
    return total


def gradients(*modules: torch.nn.Module) -> list[Tensor]:
    return [
        torch.zeros_like(parameter) if parameter.grad is None else parameter.grad.clone()
        for module in modules
        for parameter in module.parameters()
    ]


def zero(*modules: torch.nn.Module) -> None:
    for module in modules:
        module.zero_grad(set_to_none=True)


@pytest.mark.parametrize("mixed", [True, False])
def test_views_equal_one_pass_per_kind(scene: Callable[..., Scene], mixed: bool) -> None:
    one = scene(mixed)
    got, expected = one.views().fakes, plain_fakes(one)
    assert len(got) == len(expected) == (4 if mixed else 3)
    for ours, plain in zip(got, expected, strict=True):
        torch.testing.assert_close(ours, plain, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mixed", [True, False])
@pytest.mark.parametrize("pair", ["paper", "code"])
def test_losses_and_gradients_of_g_equal_the_unbatched_ones(
    scene: Callable[..., Scene], mixed: bool, pair: str
) -> None:
    one = scene(mixed, recon_feature_pair=pair)
    losses = one.module.losses(one.images, one.views())
    one.module.total(losses).backward()
    ours = gradients(one.module.generator, one.encoder)
    zero(one.module, one.encoder)
    plain = plain_generator_loss(one, pair)
    (5 * sum(plain[name] for name in RECON) + plain["adv"]).backward()
    assert {name: value.item() for name, value in losses.items()} == pytest.approx(
        {name: value.item() for name, value in plain.items()}, rel=1e-9
    )
    for got, expected in zip(ours, gradients(one.module.generator, one.encoder), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-6, atol=1e-10)
    assert max(float(gradient.abs().max()) for gradient in ours) > 0


@pytest.mark.parametrize("mixed", [True, False])
def test_loss_and_gradients_of_d_equal_the_unbatched_ones(
    scene: Callable[..., Scene], mixed: bool
) -> None:
    one = scene(mixed)
    twin = copy.deepcopy(one)
    loss = one.module.discriminator_step(one.images, one.views().fakes)
    expected = plain_discriminator_loss(twin, 0.01)
    zero(twin.module)
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
    ours, plain = gradients(one.module.discriminator), gradients(twin.module.discriminator)
    for got, wanted in zip(ours, plain, strict=True):
        torch.testing.assert_close(got, wanted, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("mixed,kinds", [(True, 4), (False, 3)])
def test_r1_counts_once_per_fake_kind(
    scene: Callable[..., Scene], mixed: bool, kinds: int
) -> None:
    with_r1, without = (
        one.module.discriminator_step(one.images, one.views().fakes).item()
        for one in (scene(mixed, r1_weight=1e6), scene(mixed, r1_weight=0.0))
    )
    one = scene(mixed)
    images = one.images.clone().requires_grad_(True)
    r1 = 0.0
    for logits in one.module.discriminator(images):
        (slope,) = torch.autograd.grad(logits.sum(), images, retain_graph=True)
        r1 += (slope**2).sum().item() / BATCH
    assert r1 > 0
    assert with_r1 - without == pytest.approx(kinds * 1e6 * r1, rel=1e-6)


def test_the_d_step_moves_d_and_leaves_g_and_the_encoder_without_gradient(
    scene: Callable[..., Scene], weights: Callable[[Any], Any], moved: Callable[..., list[str]]
) -> None:
    one = scene()
    before_d, before_g = weights(one.module.discriminator), weights(one.module.generator)
    one.module.discriminator_step(one.images, one.views().fakes)
    assert moved(before_d, one.module.discriminator)
    assert moved(before_g, one.module.generator) == []
    untouched = [*one.module.generator.parameters(), *one.encoder.parameters()]
    assert all(parameter.grad is None for parameter in untouched)


def test_the_g_loss_gives_d_no_gradient(scene: Callable[..., Scene]) -> None:
    one = scene()
    views = one.views()
    one.module.total(one.module.losses(one.images, views)).backward()
    assert all(parameter.grad is None for parameter in one.module.discriminator.parameters())
    one.module.discriminator_step(one.images, views.fakes)
    assert any(parameter.grad is not None for parameter in one.module.discriminator.parameters())


def test_the_feature_pair_is_the_new_view_in_the_paper_and_the_own_view_in_the_code(
    scene: Callable[..., Scene],
) -> None:
    paper, code = scene(recon_feature_pair="paper"), scene(recon_feature_pair="code")
    assert paper.views().original_id is None
    got = {
        name: one.module.losses(one.images, one.views())["recon_f"].item()
        for name, one in (("paper", paper), ("code", code))
    }
    original, new, *_ = plain_fakes(paper)
    f_id = paper.encoder(paper.images).f_id
    expected = {"paper": new, "code": original}
    assert got == pytest.approx(
        {name: l1(paper.encoder(fake).f_id, f_id).item() for name, fake in expected.items()},
        rel=1e-9,
    )
    assert got["paper"] != pytest.approx(got["code"], rel=1e-3)


@pytest.mark.parametrize("term", [*RECON, "adv"])
def test_every_term_reaches_e_id_through_the_generated_images(
    scene: Callable[..., Scene], term: str
) -> None:
    one = scene()
    one.module.losses(one.images, one.views())[term].backward()
    assert sum(float(g.abs().sum()) for g in gradients(one.encoder)) > 0


def test_the_weights_of_the_total_are_those_of_the_settings(scene: Callable[..., Scene]) -> None:
    module = scene(lambda_recon=3.0, lambda_adv=0.5).module
    losses = dict(zip((*RECON, "adv"), torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0]), strict=True))
    assert module.total(losses).item() == pytest.approx(3.0 * 15 + 0.5 * 16)


@pytest.mark.parametrize(
    "pair, order", [("paper", ["new", "cycle"]), ("code", ["original", "new", "cycle"])]
)
def test_the_encoder_meets_generated_images_in_the_order_of_the_form(
    scene: Callable[..., Scene], pair: str, order: list[str]
) -> None:
    one, met = scene(recon_feature_pair=pair), list[Tensor]()

    def encode(images: Tensor) -> Any:
        met.append(images.detach().clone())
        return one.encoder(images)

    made = one.module.views(one.images, one.own, one.new, one.encoder, encode, one.mixing)
    assert len(met) == len(order)
    for images, name in zip(met, order, strict=True):
        torch.testing.assert_close(images, getattr(made, name), rtol=0, atol=0)


def test_r1_under_nsgan_is_that_of_the_sigmoid(scene: Callable[..., Scene]) -> None:
    one = scene(adversarial="nsgan", r1_weight=0.7)
    with torch.no_grad():  # as it is drawn, its slopes are next to nothing
        for weight in one.module.discriminator.parameters():
            weight.mul_(10)
    images = one.images.clone().requires_grad_(True)
    expected = torch.zeros((), dtype=torch.float64)
    fakes = plain_fakes(one)
    for fake in fakes:
        fake_maps = one.module.discriminator(fake.detach())
        for fake_map, real_map in zip(fake_maps, one.module.discriminator(images), strict=True):
            (slope,) = torch.autograd.grad(real_map.sigmoid().sum(), images, retain_graph=True)
            r1 = slope.square().sum() / BATCH
            judged = -real_map.sigmoid().log().mean() - (1 - fake_map.sigmoid()).log().mean()
            expected = expected + judged + 0.7 * r1
    loss = one.module.discriminator_step(one.images, fakes)
    assert loss.item() == pytest.approx(expected.item(), rel=1e-9)
