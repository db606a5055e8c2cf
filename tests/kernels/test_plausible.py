"""Results that cannot be are refused where they are made; wrong rows and pairs are found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from gclbench.errors import ImpossibleResultError
from gclbench.kernels import jaccard, ranking, spot_checks
from gclbench.kernels.jaccard import jaccard_distances
from gclbench.kernels.plausible import check_labels, check_ranking
from gclbench.kernels.similarity import nearest
from gclbench.kernels.sparse import SparseDistances, SparseRows

RNG = np.random.default_rng(5)
FEATURES = RNG.standard_normal((120, 8)).astype(np.float32)
FEATURES /= np.linalg.norm(FEATURES, axis=1, keepdims=True)
RESULT = ranking.evaluate_distances(
    RNG.random((6, 40)), np.arange(6) % 3, np.zeros(6), np.arange(40) % 3, np.ones(40), nearest=4
)


def spoilt(values, place, value):
    changed = np.array(values)
    changed[place] = value
    return changed


@pytest.mark.parametrize(
    "change,line",
    [
        ({"ap": spoilt(RESULT.ap, 2, 1.16)}, "AP ranges from"),
        ({"ap": spoilt(RESULT.ap, 2, -0.1)}, "AP ranges from"),
        ({"ap": spoilt(RESULT.ap, 2, np.nan)}, "AP ranges from"),
        ({"inp": spoilt(RESULT.inp, 0, 1.5)}, "INP ranges from"),
        ({"cmc": spoilt(RESULT.cmc, 1, 1.01)}, "CMC ranges from"),
        ({"cmc": np.linspace(0.9, 0.1, 40)}, "CMC falls"),
        ({"nearest_distances": RESULT.nearest_distances[:, ::-1]}, "a ranked list fall"),
    ],
)
def test_a_ranking_that_cannot_be_is_refused(change, line) -> None:
    check_ranking(RESULT)
    with pytest.raises(ImpossibleResultError, match=line):
        check_ranking(replace(RESULT, **change))


def test_ranks_that_do_not_rise_are_refused(monkeypatch) -> None:
    monkeypatch.setattr(ranking, "score_lists", lambda *everything: ranking.NOT_RISING)
    with pytest.raises(ImpossibleResultError, match="ranks of a query's matches do not rise"):
        ranking.evaluate_distances(np.zeros((1, 2)), [1], [0], [1, 1], [1, 1])


@pytest.mark.parametrize("labels", [[0, 2], [-2, 0], [1], [0, 1, 3, -1], [-3]])
def test_labels_with_gaps_or_strangers_are_refused(labels) -> None:
    with pytest.raises(ImpossibleResultError, match="clusters are numbered"):
        check_labels(np.array(labels))


@pytest.mark.parametrize("labels", [[], [-1, -1], [0], [1, 0, -1, 1]])
def test_labels_from_zero_on_and_outliers_pass(labels) -> None:
    check_labels(np.array(labels, dtype=np.int64))


def everywhere(monkeypatch) -> None:
    """All rows and pairs are drawn, so that a single wrong one is met."""
    monkeypatch.setattr(spot_checks, "_partners", lambda i, n, columns: np.arange(i + 1, n))
    monkeypatch.setattr(spot_checks, "_drawn", lambda n, size, content: np.arange(n))


def test_a_wrong_list_of_neighbours_is_found(monkeypatch) -> None:
    everywhere(monkeypatch)
    indices, distances = nearest(FEATURES, 7)
    matrix = torch.from_numpy(FEATURES)
    spot_checks.check_nearest(matrix, indices, distances)
    for place, value in (((3, 0), 4), ((3, 6), indices[3, 5])):
        with pytest.raises(ImpossibleResultError, match="out of order"):
            spot_checks.check_nearest(matrix, spoilt(indices, place, value), distances)
    for wrong in (spoilt(distances, (3, 6), 4.0), spoilt(distances, (9, 1), 0.0)):
        with pytest.raises(ImpossibleResultError, match="differs from a plain search"):
            spot_checks.check_nearest(matrix, indices, wrong)


def parts():
    """What the steps of a Jaccard distance hand on: table, sets, distances, weights, result."""
    table, _ = nearest(FEATURES, 9)
    offsets, columns = jaccard.expanded_sets(table, 9)
    found = jaccard_distances(FEATURES, 9, 4)
    rows = np.repeat(np.arange(120), np.diff(offsets))
    products = (FEATURES[rows].astype(np.float64) * FEATURES[columns]).sum(axis=1)
    distances = np.where(rows == columns, 0, 2 - 2 * products)
    before = jaccard._weights(offsets, columns, distances)
    return table, offsets, columns, distances, before, found


def test_a_wrong_set_distance_or_mean_is_found(monkeypatch) -> None:
    everywhere(monkeypatch)
    table, offsets, columns, distances, before, _ = parts()
    spot_checks.check_sets(table, 5, offsets, columns)
    members = columns[offsets[40] : offsets[41]]
    stranger = spoilt(columns, offsets[40], np.setdiff1d(np.arange(120), members)[0])
    with pytest.raises(ImpossibleResultError, match="k-reciprocal"):
        spot_checks.check_sets(table, 5, offsets, stranger)
    matrix = torch.from_numpy(FEATURES)
    spot_checks.check_pair_distances(matrix, offsets, columns, distances)
    with pytest.raises(ImpossibleResultError, match="plain product"):
        spot_checks.check_pair_distances(
            matrix, offsets, columns, spoilt(distances, offsets[7] + 1, 1e-3)
        )
    after = jaccard._query_expansion(before, table[:, :4])
    spot_checks.check_expansion(before, table[:, :4], after)
    wrong = replace(after, values=spoilt(after.values, 11, 0.5))
    with pytest.raises(ImpossibleResultError, match="plain mean"):
        spot_checks.check_expansion(before, table[:, :4], wrong)


def test_a_wrong_jaccard_distance_is_found(monkeypatch) -> None:
    everywhere(monkeypatch)
    table, _, _, _, before, found = parts()
    rows = jaccard._query_expansion(before, table[:, :4])
    spot_checks.check_jaccard(rows, found)
    for value, line in ((1.2, "a Jaccard distance of"), (-0.1, "a Jaccard distance of")):
        with pytest.raises(ImpossibleResultError, match=line):
            spot_checks.check_jaccard(rows, replace(found, values=spoilt(found.values, 5, value)))
    moved = found.values[5] + np.float32(0.01)
    with pytest.raises(ImpossibleResultError, match="differs from the plain sum"):
        spot_checks.check_jaccard(rows, replace(found, values=spoilt(found.values, 5, moved)))
    inside = spoilt(found.indices, found.indptr[30], 30)
    with pytest.raises(ImpossibleResultError, match="on or below the diagonal"):
        spot_checks.check_jaccard(rows, replace(found, indices=inside))


def test_a_pair_that_was_left_out_is_found(monkeypatch) -> None:
    everywhere(monkeypatch)
    one = np.array([0.5, 0.5])
    rows = SparseRows(np.array([0, 2, 4]), np.array([0, 1, 0, 1], np.int32), np.tile(one, 2))
    none = SparseDistances(
        np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32), 2
    )
    with pytest.raises(ImpossibleResultError, match="differs from the plain sum"):
        spot_checks.check_jaccard(rows, none)


def test_64_pairs_are_drawn_and_others_for_other_content(monkeypatch) -> None:
    met: list[tuple[int, int]] = []
    plain = spot_checks._plain
    monkeypatch.setattr(
        spot_checks, "_plain", lambda weights, rows, j: met.append(j) or plain(weights, rows, j)
    )
    jaccard_distances(FEATURES, 9, 4)
    assert len(met) == 64
    one, other = (spot_checks._drawn(1000, 4, np.array([salt])) for salt in (1, 2))
    assert one.tolist() == spot_checks._drawn(1000, 4, np.array([1])).tolist()
    assert one.tolist() != other.tolist()


@pytest.mark.parametrize("scale", [0.01, 6, 40])
def test_rows_of_any_length_raise_no_alarm(scale) -> None:
    rows = torch.from_numpy(scale * FEATURES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        indices, distances = nearest(rows, 7)
    assert len(indices) == len(distances) == 120
    assert jaccard_distances(rows, 9, 4).n == 120


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_points_raise_no_alarm(n) -> None:
    assert jaccard_distances(FEATURES[:n], 9, 4).n == n
    assert jaccard_distances(FEATURES[:n], 9, 4, "classic").n == n
