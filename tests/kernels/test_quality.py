from __future__ import annotations

import math
import warnings
from collections import Counter

import numpy as np
import pytest

from gclbench.errors import ShapeError, UsageError
from gclbench.kernels.quality import label_quality, nmi

TRUTH, LABELS = [0, 0, 0, 1, 1, 1, 2, 2], [0, 0, -1, 1, 1, 0, 2, -1]  # oracle N1


@pytest.mark.parametrize(
    ("outliers", "norm", "value"),
    [
        ("one_class", "arithmetic", 0.557797),
        ("one_class", "geometric", 0.560569),
        ("one_class", "max", 0.507398),
        ("drop", "arithmetic", 0.685331),
        ("drop", "geometric", 0.685331),
        ("drop", "max", 0.685331),
        ("singletons", "arithmetic", 0.654799),
        ("singletons", "geometric", 0.663335),
        ("singletons", "max", 0.564527),
    ],
)
def test_oracle_n1(outliers, norm, value):
    assert nmi(TRUTH, LABELS, norm, outliers) == pytest.approx(value, abs=1e-6)


def information_over_entropies(truth, labels):
    """The definition as a plain loop: I(Y; C) / sqrt(H(Y) H(C))."""
    n, joint = len(truth), Counter(zip(truth, labels, strict=True))
    of_y, of_c = Counter(truth), Counter(labels)
    information = sum(k / n * math.log(n * k / (of_y[y] * of_c[c])) for (y, c), k in joint.items())
    entropies = [-sum(k / n * math.log(k / n) for k in of.values()) for of in (of_y, of_c)]
    return information / math.sqrt(math.prod(entropies))


@pytest.mark.parametrize("seed", range(8))
def test_nmi_equals_a_loop_over_its_definition(seed):
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 3 + 2 * seed, 20 + 40 * seed).tolist()
    labels = [y if rng.random() < 0.6 else int(rng.integers(-1, 9)) for y in truth]
    assert nmi(truth, labels) == pytest.approx(
        information_over_entropies(truth, labels), abs=1e-12
    )


def test_the_default_is_geometric_with_outliers_as_one_class():
    assert nmi(TRUTH, LABELS) == pytest.approx(0.560569, abs=1e-6)


def test_renaming_clusters_changes_nothing_and_truth_agrees_with_itself():
    truth = np.random.default_rng(0).integers(0, 5, 60)
    assert nmi(truth, 9 - truth) == pytest.approx(1)


@pytest.mark.parametrize("norm", ["geometric", "arithmetic", "max"])
def test_nmi_never_leaves_its_range_by_rounding(norm):
    for n in range(2, 60):
        truth = np.random.default_rng(n).integers(0, 7, n)
        assert 0 <= nmi(truth, truth, norm) <= 1


def test_one_cluster_per_image_is_no_reason_to_warn():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert 0 < nmi(TRUTH, [-1] * 8, outliers="singletons") < 1


def test_one_cluster_tells_nothing():
    assert nmi(TRUTH, [0] * 8) == 0
    assert nmi([0] * 8, [0] * 8) == 1
    assert nmi([0] * 8, list(range(8))) == 0
    assert nmi(TRUTH, [-1] * 8, outliers="drop") == 0
    assert nmi([], []) == 0


def test_bad_input_is_an_error():
    with pytest.raises(ShapeError):
        nmi([0, 1], [0])
    with pytest.raises(UsageError, match="norm"):
        nmi(TRUTH, LABELS, "min")
    with pytest.raises(UsageError, match="outliers"):
        nmi(TRUTH, LABELS, "max", "keep")


def test_what_an_epoch_logs_of_its_labels():
    labels = [0, 0, 1, -1, 1, -1, 0, 1]
    found = label_quality(TRUTH, labels)
    assert (found["clusters"], found["outliers"]) == (2.0, 2.0)
    assert found["nmi"] == nmi(TRUTH, labels)
    assert found["nmi_outliers_dropped"] == nmi(TRUTH, labels, outliers="drop")
    assert found["nmi_outliers_single"] == nmi(TRUTH, labels, outliers="singletons")
    assert label_quality([0, 1], [-1, -1])["clusters"] == 0
