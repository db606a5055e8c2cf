"""The search space: what Optuna may propose, in which order a grid goes, who proposes, who stops.

Optuna 5 changed defaults (a multivariate TPE, constant liar). Every option that both 4 and 5 take
without a warning is therefore written out; the others (TPE's prior and weights) are deprecated and
have one value in both.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from typing import TYPE_CHECKING, Any, Literal

from gclbench.schema import Dimension, Search
from gclbench.seeding import derive_seed

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

Direction = Literal["maximize", "minimize"]


def distributions(search: Search) -> dict[str, BaseDistribution]:
    """Return Optuna's distribution of each setting of the space."""
    return {name: _distribution(dimension) for name, dimension in search.space.items()}


def _distribution(dimension: Dimension) -> BaseDistribution:
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    if dimension.low is None or dimension.high is None:
        return CategoricalDistribution(list(dimension.choices))
    # Optuna lowers a high that no step reaches, with a warning: it is given the one it would take.
    high: Any = (
        dimension.high if dimension.step is None else dimension.value((dimension.size or 1) - 1)
    )
    if dimension.whole:
        step = int(dimension.step or 1)
        return IntDistribution(int(dimension.low), int(high), log=dimension.log, step=step)
    return FloatDistribution(dimension.low, high, log=dimension.log, step=dimension.step)


def grid_points(search: Search) -> list[dict[str, Any]]:
    """Return every point of the grid; the last setting of the space moves fastest."""
    values = [dimension.values() for dimension in search.space.values()]
    return [dict(zip(search.space, point, strict=True)) for point in product(*values)]


def sampler(search: Search, seed: int, draw: int) -> BaseSampler:
    """Return what proposes draw number `draw` (from 0) of a search.

    It is seeded by the study's seed and the number of the draw, never by the worker. The random
    sampler therefore proposes the same values whoever draws; tpe and nsga2 also look at what is
    finished, so their proposals repeat with one worker only. A grid's points are queued, and its
    sampler is never asked.
    """
    from optuna.samplers import NSGAIISampler, RandomSampler, TPESampler
    from optuna.samplers.nsgaii import UniformCrossover

    # NumPy's legacy generator, which Optuna uses, takes 32 bits.
    number = derive_seed(seed, "search", draw) % 2**32
    with quiet():
        if search.sampler == "tpe":
            return TPESampler(
                n_startup_trials=search.startup_trials,
                n_ei_candidates=24,
                seed=number,
                multivariate=True,
                group=False,
                constant_liar=True,
            )
        if search.sampler == "nsga2":
            return NSGAIISampler(
                population_size=search.population,
                mutation_prob=None,  # 1 / number of settings
                crossover=UniformCrossover(swapping_prob=0.5),
                crossover_prob=0.9,
                swapping_prob=0.5,
                seed=number,
            )
        return RandomSampler(seed=number)


def pruner(search: Search) -> BasePruner:
    """Return what compares a trial's mAP per epoch with that of the trials before it."""
    from optuna.pruners import MedianPruner, NopPruner

    if search.pruner == "none":
        return NopPruner()
    return MedianPruner(
        n_startup_trials=search.startup_trials,
        n_warmup_steps=search.warmup_epochs,
        interval_steps=1,
        n_min_trials=1,
    )


def directions(search: Search) -> list[Direction]:
    """Return "maximize" or "minimize" for each objective."""
    return ["minimize" if name == "seconds" else "maximize" for name in search.objectives]


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Optuna from telling of every new study and warning of what it calls experimental."""
    import optuna
    from optuna.exceptions import ExperimentalWarning

    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        # It takes a heartbeat for a part of its own loop; ours is in `Board.heartbeat`.
        warnings.filterwarnings("ignore", message="Heartbeat of storage")
        try:
            yield
        finally:
            optuna.logging.set_verbosity(before)
