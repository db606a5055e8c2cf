from __future__ import annotations

from typing import Any

import torch

from gclbench.augmentations.mesh_switch import MeshSwitch
from gclbench.augmentations.multi import Multi
from gclbench.augmentations.rotation import Rotation
from gclbench.kernels.mixing import mix
from gclbench.stages.frames import all_rows_of, apply_to_frames, frames_of, mean_by_place, rows_of
from gclbench.stages.generative import Guides, Mixing


def rng(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_images_are_their_own_rows_and_draw_nothing(dataset: Any) -> None:
    draws = rng()
    batch = torch.tensor([5, 0, 9])
    assert rows_of(dataset, batch, 1, draws).tolist() == [5, 0, 9]
    assert torch.equal(draws.get_state(), rng().get_state())
    assert frames_of(dataset, 8) == 1


def test_rows_lie_within_each_tracklet_in_temporal_order(tracklets: Any) -> None:
    spans = tracklets.train.spans
    batch = torch.tensor([3, 0, 2])
    rows = rows_of(tracklets, batch, 3, rng()).view(3, 3)
    for sample, drawn in zip(batch.tolist(), rows.tolist(), strict=True):
        assert drawn == sorted(drawn)
        assert all(spans[sample] <= row < spans[sample + 1] for row in drawn)
    assert frames_of(tracklets, 8) == 8


def test_all_rows_of_some_tracklets_begin_with_the_first_frame_of_each(tracklets: Any) -> None:
    batch = torch.tensor([2, 7, 0])  # of 3, 4 and 1 frames
    rows, places = all_rows_of(tracklets, batch)
    first = tracklets.train.spans[batch.numpy()].tolist()
    a, b, c = first
    assert rows.tolist() == [a, b, c, a + 1, b + 1, a + 2, b + 2, b + 3]
    assert places.tolist() == [0, 1, 2, 0, 1, 0, 1, 1]


def test_all_rows_of_images_are_the_images(dataset: Any) -> None:
    rows, places = all_rows_of(dataset, torch.tensor([5, 3]))
    assert (rows.tolist(), places.tolist()) == ([5, 3], [0, 1])


def test_means_by_place_are_those_of_each_samples_values() -> None:
    values = torch.tensor([[1.0, 2.0], [10.0, 20.0], [3.0, 6.0]])
    found = mean_by_place(values, torch.tensor([0, 1, 0]))
    assert found.tolist() == [[2.0, 4.0], [10.0, 20.0]]


def test_all_frames_of_a_tracklet_turn_by_one_angle() -> None:
    view = Rotation()
    own = torch.arange(6.0)[:, None, None, None] * 100
    choices = (own + torch.arange(8.0)[None, :, None, None]).expand(6, 8, 2, 2)
    chance = view.sample(3, rng(4))
    out = apply_to_frames(view, choices, chance, 2)
    expected = own[:, 0, 0, 0] + chance.index.repeat_interleave(2)
    assert out.shape == (6, 1, 2, 2)
    assert out[:, 0, 0, 0].tolist() == expected.tolist()


def test_a_partners_frame_t_meets_ones_own_frame_t() -> None:
    view = MeshSwitch()
    own = torch.arange(6.0)[:, None, None, None].expand(6, 8, 2, 2)
    chance = view.sample(3, rng(1))
    out = apply_to_frames(view, own, chance, 2)[:, 0, 0, 0].tolist()
    assert out == [2 * p + t for p in chance.partner.tolist() for t in (0, 1)]
    x = torch.randn(6, 4, generator=rng(2))
    mixing = Mixing(chance.partner, 0.7)
    mixed = mix(x, mixing.of_frames(2).partner, 0.7).view(3, 2, 4)
    for b, p in enumerate(chance.partner.tolist()):
        expected = 0.7 * x.view(3, 2, 4)[b] + 0.3 * x.view(3, 2, 4)[p]
        torch.testing.assert_close(mixed[b], expected)
    assert mixing.of_frames(1).partner.tolist() == mixing.partner.tolist()


def test_one_frame_is_the_usual_call() -> None:
    view, images = Multi(), torch.randn(4, 3, 64, 32, generator=rng(3))
    chance = view.sample(4, rng(5), 64, 32)
    assert torch.equal(apply_to_frames(view, images, chance, 1), view.apply(images, chance))


def test_guides_turn_each_frames_own_mesh(tracklets: Any) -> None:
    guides = Guides(Rotation(), tracklets)
    rows = rows_of(tracklets, torch.tensor([6, 3]), 2, rng())
    own, new = guides.structures(torch.zeros(4, 3, 64, 32), rows, rng(8), 2)
    angles = Rotation().sample(2, rng(8)).index.repeat_interleave(2)
    meshes = torch.from_numpy(tracklets.projections()[rows.numpy()]).float() * 2 / 255 - 1
    torch.testing.assert_close(own[:, 0], meshes[:, 0])
    torch.testing.assert_close(new[:, 0], meshes[torch.arange(4), angles])
