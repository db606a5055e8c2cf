"""People, routes and poses before anything is drawn."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gclbench.datasets.synthetic.appearance import paint, visible_faces, worn_groups
from gclbench.datasets.synthetic.gait import walking_pose
from gclbench.datasets.synthetic.people import make_people
from gclbench.datasets.synthetic.shots import plan_world
from gclbench.datasets.synthetic.spec import world_spec
from gclbench.datasets.synthetic.walk import travel_times, walk
from gclbench.errors import UnknownNameError
from gclbench.meshes.bodies import load_body
from gclbench.schema.settings import WorldSettings

SPEC = world_spec("market1501")


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_families_wear_nearly_the_same_main_colours() -> None:
    people = make_people(40, replace(SPEC, family_size=4), rng())
    shirts = np.array([person.upper for person in people]).reshape(10, 4, 3)
    within = shirts.std(axis=1).mean()
    between = shirts.mean(axis=1).std(axis=0).mean()
    assert within < 0.35 * between


def test_shares_of_zero_and_one_are_kept() -> None:
    plain = replace(SPEC, backpack_share=0.0, hat_share=1.0, front_print_share=0.0)
    for person in make_people(30, plain, rng()):
        assert person.backpack is None
        assert person.hat is not None
        assert person.front_print == "none"


def test_changing_one_share_leaves_the_rest_of_the_people_alone() -> None:
    with_bags = make_people(20, replace(SPEC, backpack_share=1.0), rng())
    without = make_people(20, replace(SPEC, backpack_share=0.0), rng())
    for one, other in zip(with_bags, without, strict=True):
        np.testing.assert_array_equal(one.betas, other.betas)
        np.testing.assert_array_equal(one.lower, other.lower)


def test_backpack_is_drawn_behind_and_print_in_front() -> None:
    body = load_body()
    person = make_people(1, replace(SPEC, backpack_share=1.0, open_jacket_share=0.0), rng(1))[0]
    person = replace(person, front_print="square", back_print="none", strap=None, coat=False)
    assert "backpack" in worn_groups(person)
    colours = paint(body, person)
    printed = (np.abs(colours - person.front_colour).max(axis=1) < 0.01) & (body.parts == 0)
    assert printed.any()
    assert body.template[printed, 2].min() > 0
    first, end, _, _ = body.groups["backpack"]
    assert body.template[first:end, 2].max() < 0


def test_only_worn_groups_are_drawn() -> None:
    body = load_body()
    person = make_people(1, SPEC, rng())[0]
    bare = replace(
        person,
        hat=None,
        hair_style="bald",
        lower_kind="trousers",
        coat=False,
        backpack=None,
        handbag=None,
    )
    np.testing.assert_array_equal(visible_faces(body, bare), body.faces)


def test_a_walk_visits_different_cameras_with_rising_frames() -> None:
    times = travel_times(SPEC, rng(1))
    for seed in range(20):
        visits = walk(10, SPEC, times, rng(seed))
        cameras = [visit.camera for visit in visits]
        frames = [frame for visit in visits for frame in visit.frames]
        assert len(set(cameras)) == len(cameras) >= 2
        assert len(frames) == 10
        assert frames == sorted(set(frames))


def test_travel_times_carry_information() -> None:
    times = travel_times(SPEC, rng(1))
    assert np.array_equal(times, times.T)
    ratios = []
    for seed in range(200):
        visits = walk(10, SPEC, times, rng(seed))
        for before, after in pairwise(visits):
            gap = after.frames[0] - before.frames[-1]
            ratios.append(gap / times[before.camera, after.camera])
    assert np.std(np.log(ratios)) < 2 * SPEC.travel_sd


def test_few_images_still_reach_two_cameras() -> None:
    visits = walk(4, SPEC, travel_times(SPEC, rng(1)), rng())
    assert [len(visit.frames) for visit in visits] == [2, 2]


def test_poses_swing_arms_and_legs_against_each_other() -> None:
    straight = Rotation.identity()
    calm = np.random.Generator(np.random.PCG64(0))
    pose = walking_pose(0.25, np.ones(4), straight, calm).reshape(24, 3)
    left_leg, right_leg = pose[1, 0], pose[2, 0]
    assert left_leg < -0.2 < 0.2 < right_leg


def test_half_a_stride_later_the_other_leg_leads() -> None:
    first = walking_pose(0.25, np.ones(4), Rotation.identity(), rng()).reshape(24, 3)
    second = walking_pose(0.75, np.ones(4), Rotation.identity(), rng()).reshape(24, 3)
    assert first[1, 0] == pytest.approx(second[2, 0], abs=0.2)


def test_body_orientation_is_the_first_joint() -> None:
    turn = Rotation.from_euler("xy", [5, 130], degrees=True)
    pose = walking_pose(0.1, np.ones(4), turn, rng())
    np.testing.assert_allclose(pose[:3], turn.as_rotvec())


def test_more_test_people_leave_the_training_people_alone() -> None:
    small = plan_world(SPEC, WorldSettings(people_train=6, people_test=4, distractor_people=0))
    large = plan_world(SPEC, WorldSettings(people_train=6, people_test=9, distractor_people=3))
    for one, other in zip(small.split("train"), large.split("train"), strict=True):
        assert (one.frame, one.camera, one.yaw_deg) == (other.frame, other.camera, other.yaw_deg)


@pytest.mark.parametrize("role", ["market1501", "dukemtmc_reid", "msmt17"])
def test_each_camera_sees_a_narrow_range_of_views_and_all_together_every_side(role: str) -> None:
    # Enough people that a few who walk the other way do not decide about a camera.
    crowd = WorldSettings(people_train=400)
    shots = plan_world(world_spec(role), crowd).split("train")
    yaw = np.deg2rad([shot.yaw_deg for shot in shots])
    cams = np.array([shot.camera for shot in shots])
    means = np.array([np.exp(1j * yaw[cams == cam]).mean() for cam in np.unique(cams)])
    assert np.abs(means).min() > 0.7
    assert abs(means.mean()) < 0.35


def test_unknown_world_is_named() -> None:
    with pytest.raises(UnknownNameError, match="dukemtmc_reid"):
        world_spec("dukemtmc")
