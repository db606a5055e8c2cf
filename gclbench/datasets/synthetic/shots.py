"""Plan a world: which person stands before which camera, when, how; nothing is drawn here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gclbench.datasets.synthetic.cameras import SceneCamera, make_cameras
from gclbench.datasets.synthetic.filmed import film
from gclbench.datasets.synthetic.gait import facing, walking_pose
from gclbench.datasets.synthetic.people import Person, make_people
from gclbench.datasets.synthetic.shot import Shot
from gclbench.datasets.synthetic.sizes import DISTRACTOR_IMAGES, scaled
from gclbench.datasets.synthetic.slots import lit, slots_of_visits
from gclbench.datasets.synthetic.spec import SlottedSpec, TrackletSpec, TwinSpec
from gclbench.datasets.synthetic.walk import Visit, travel_times, walk
from gclbench.schema.settings import WorldSettings
from gclbench.seeding import derive_seed, numpy_generator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """A planned twin: what to draw, and who and where."""

    spec: TwinSpec
    people: tuple[Person, ...]
    cameras: tuple[SceneCamera, ...]
    shots: tuple[Shot, ...]

    def split(self, name: str) -> list[Shot]:
        return [shot for shot in self.shots if shot.split == name]

    def camera_of(self, shot: Shot) -> SceneCamera:
        """Return the camera of a shot, in the light of its slot where the twin has slots."""
        camera, spec = self.cameras[shot.camera], self.spec
        if not isinstance(spec, SlottedSpec) or shot.camera in spec.indoor:
            return camera
        return lit(camera, spec.slots[shot.slot])


@dataclass(frozen=True)
class _Group:
    """People who are treated alike: consecutive identities and the pids they are written with."""

    name: str
    people: range
    pids: tuple[int, ...]


def plan_world(spec: TwinSpec, sizes: WorldSettings) -> World:
    """Plan a twin. Equal spec and sizes give equal plans; streams are named by role."""
    if isinstance(spec, TrackletSpec):
        sizes = scaled(sizes, spec)
    counts = {
        "train": sizes.people_train,
        "test": sizes.people_test,
        "distractors": 0 if spec.grammar == "msmt" else sizes.distractor_people,
    }
    streams = {
        name: numpy_generator(sizes.seed, "world", spec.role, name)
        for name in ("network", "cameras", "pids")
    }
    people: list[Person] = []
    groups: list[_Group] = []
    numbers = _pids(sum(counts.values()), streams["pids"])
    for name, count in counts.items():
        rng = numpy_generator(sizes.seed, "world", spec.role, "people", name)
        first = len(people)
        people += make_people(count, spec, rng)
        pids = tuple(sorted(numbers[first : first + count]))
        if spec.grammar == "msmt":  # identities begin at 0 in training and again in test
            pids = tuple(range(count))
        groups.append(_Group(name, range(first, first + count), pids))
    cameras = make_cameras(spec, streams["cameras"])
    times = travel_times(spec, streams["network"])
    shots: list[Shot] = []
    for group in groups:
        planner = _Planner(spec, sizes, people, cameras, times)
        for person, pid in zip(group.people, group.pids, strict=True):
            shots += planner.shots_of(group.name, person, pid)
    return World(spec, tuple(people), tuple(cameras), tuple(shots))


def _pids(count: int, rng: np.random.Generator) -> list[int]:
    return [int(v) for v in rng.permutation(np.arange(1, max(1500, 2 * count) + 1))[:count]]


@dataclass(frozen=True)
class _Planner:
    spec: TwinSpec
    sizes: WorldSettings
    people: list[Person]
    cameras: list[SceneCamera]
    times: Floats

    def shots_of(self, group: str, person: int, pid: int) -> Iterable[Shot]:
        """All images of one person; each person has a stream of its own."""
        rng = numpy_generator(self.sizes.seed, "world", self.spec.role, group, "person", person)
        if isinstance(self.spec, TrackletSpec):
            yield from self._tracklets_of(self.spec, group, person, pid, rng)
            return
        if group == "distractors":
            visits = walk(2 * DISTRACTOR_IMAGES, self.spec, self.times, rng)[:1]
            frames = visits[0].frames
            frames = tuple(frames[0] + 20 * step for step in range(DISTRACTOR_IMAGES))
            visits = [Visit(visits[0].camera, visits[0].yaw_deg, frames)]
            pid = 0 if self.spec.grammar == "market" else pid
        else:
            images, training = self.sizes.images_per_person, group == "train"
            visits = walk(images, self.spec, self.times, rng, training=training)
        slots = self._slots(group, person, len(visits))
        for visit, slot in zip(visits, slots, strict=True):
            phase = rng.random()
            for index, frame in enumerate(visit.frames):
                split = "train" if group == "train" else "gallery"
                if group == "test" and index == 0:
                    split = "query"
                shot = self._shot(split, pid, person, visit, frame, phase, rng)
                yield replace(shot, slot=slot)
        if group == "test" and self.spec.grammar == "market":
            for _ in range(int(rng.poisson(self.spec.junk_per_person))):
                visit = visits[int(rng.integers(len(visits)))]
                shot = self._shot("gallery", -1, person, visit, visit.frames[-1], 0.0, rng)
                yield _spoiled(shot, rng)

    def _tracklets_of(
        self, spec: TrackletSpec, group: str, person: int, pid: int, rng: np.random.Generator
    ) -> Iterable[Shot]:
        """All tracklets of one person; those of a visit follow each other with pauses."""
        images, training = self.sizes.images_per_person, group == "train"
        visits = walk(images, spec, self.times, rng, training=training)
        if group == "distractors":
            visits = visits[:1]
            pid = 0 if spec.grammar == "mars" else pid
        number = 0
        for place, visit in enumerate(visits):
            frame = visit.frames[0]
            for index in range(len(visit.frames)):
                split = "train" if training else "gallery"
                # MARS queries each camera once; DukeMTMC-VideoReID each person.
                if group == "test" and index == 0 and (spec.grammar == "mars" or place == 0):
                    split = "query"
                now = Visit(visit.camera, visit.yaw_deg, (frame,))
                first = self._shot(split, pid, person, now, frame, rng.random(), rng)
                boxes = self._film(replace(first, tracklet=number), spec, rng)
                yield from boxes
                number += 1
                frame = boxes[-1].frame + int(rng.integers(*spec.pause_frames))
        if group == "test" and spec.grammar == "mars":
            for _ in range(int(rng.poisson(spec.junk_per_person))):
                visit = visits[int(rng.integers(len(visits)))]
                first = self._shot("gallery", -1, person, visit, visit.frames[0], 0.0, rng)
                yield from self._film(_spoiled(replace(first, tracklet=number), rng), spec, rng)
                number += 1

    def _film(self, first: Shot, spec: TrackletSpec, rng: np.random.Generator) -> list[Shot]:
        pitch, gait = self.cameras[first.camera].pitch_deg, self.people[first.person].gait
        return film(first, spec, pitch, gait, rng)

    def _slots(self, group: str, person: int, visits: int) -> list[int]:
        """The slot of each visit, from a stream of the person's own; 0 where there are none."""
        spec = self.spec
        if not isinstance(spec, SlottedSpec):
            return [0] * visits
        names = ("world", spec.role, group, "slots", person)
        rng = numpy_generator(self.sizes.seed, *names)
        return slots_of_visits(visits, len(spec.slots), spec.return_share, rng)

    def _shot(
        self,
        split: str,
        pid: int,
        person: int,
        visit: Visit,
        frame: int,
        phase: float,
        rng: np.random.Generator,
    ) -> Shot:
        spec = self.spec
        yaw = (visit.yaw_deg + rng.normal(0, spec.yaw_jitter_deg)) % 360
        # About 24 frames a stride, as for a walker filmed at 25 frames per second.
        now = (phase + (frame - visit.frames[0]) / 24.0 + rng.normal(0, 0.03)) % 1.0
        orientation = facing(yaw, self.cameras[visit.camera].pitch_deg)
        names = ("world", spec.role, split, person, visit.camera, frame, pid)
        return Shot(
            split=split,
            pid=pid,
            person=person,
            camera=visit.camera,
            frame=frame,
            yaw_deg=float(yaw),
            phase=float(now),
            pose=walking_pose(now, self.people[person].gait, orientation, rng),
            fill=float(rng.uniform(*spec.fill)),
            shift_right=float(rng.normal(0, spec.shift_sd)),
            shift_up=float(rng.normal(0, spec.shift_sd)),
            exposure=float(np.exp(rng.normal(0, spec.image_exposure_sd))),
            scene_offset=float(rng.random()),
            scene_lift=float(rng.random()),
            noise_seed=derive_seed(self.sizes.seed, *names),
        )


def _spoiled(shot: Shot, rng: np.random.Generator) -> Shot:
    """A detector's bad box: a part of a person, or nobody."""
    values = dict(shot.__dict__)
    values["empty"] = bool(rng.random() < 0.4)
    values["fill"] = float(rng.uniform(1.5, 2.4))
    values["shift_right"] = float(rng.choice([-1, 1]) * rng.uniform(0.15, 0.3))
    values["shift_up"] = float(rng.uniform(-0.6, 0.6))
    return Shot(**values)
