"""A tiny question for each compiled kernel that Python calls, with its plain answer.

Each is small, yet goes through every branch that has been wrong or could be: lists that are long
enough to be split when they are sorted, ties, exclusions, an empty list. The answers follow
    from the
definitions; tests/kernels/test_questions.py holds them against the same loops run by Python
    itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Question:
    """Arguments as plain lists and numbers; what is returned; what arguments hold afterwards."""

    arguments: Sequence[Any]
    returns: Any = None
    writes: Mapping[int, Any] = field(default_factory=dict)


_NAN, _INF = float("nan"), float("inf")
_LONG = 41  # longer than what is sorted by insertion
_ORDER = [(16 * i + 11) % _LONG for i in range(_LONG)]  # 0 ... 40 in a fixed disorder
_FAR = [float(place) for place in _ORDER]
_UNIT = [[1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [-1.0, 0.0]]
_LARGEST = 2**63 - 1

# fmt: off
QUESTIONS: Mapping[str, Question] = {
    "ranked_lists.score_lists": Question(
        arguments=(0, 2, [_FAR, _FAR[::-1]], 0, [0, 0], [0, 3], [30, 5], list(range(_LONG -
            1)), [1] * 3 + [0] + [1] * (_LONG - 4), [_LONG - 1], True, [_NAN, _NAN], [_NAN, _NAN],
            [0, 0], [[-1] * 3, [-1] * 3], [[_INF] * 3, [_INF] * 3]),
        returns=0,
        writes={11: [0.8098554, 0.0769231], 12: [0.7631579, 0.0769231], 13: [1, 13], 14: [[7,
            25, 2], [33, 15, 38]], 15: [[0.0, 1.0, 2.0], [0.0, 1.0, 2.0]]},
    ),
    "ranked_lists.grouped_precisions": Question(
        arguments=(0, 2, [[0.1, 0.3, 0.0, 0.3, 0.2, 0.0], [0.1, 0.1, 0.1, 0.1, 0.5, 0.0]], 0,
            [0, 2], [0, 3], [3, 5], [0, 1, 2, 3, 4], [1, 1, 0, 1, 1, 1], [5], [_NAN, _NAN]),
        writes={10: [0.75, 0.325]},
    ),
    "similarity._dots": Question(
        arguments=(0, 3, _UNIT, [2, 0, 1, 3], [1, 2, 0, 3, 1], [0, 2, 3, 4, 5], [0.0] * 5),
        writes={6: [0.6, 0.0, 0.6, 0.0, 0.0]},
    ),
    "similarity._products": Question(
        arguments=(1, 3, _UNIT, [0, 1, 3], [0, 2, 1], [0.0] * 3),
        writes={5: [0.0, 0.8, -0.6]},
    ),
    "similarity._order": Question(
        arguments=(0, 1, list(range(1, _LONG + 1)), [0, _LONG], [1 - d / 64 for d in _ORDER],
            [[0] * 5], [[0.0] * 5]),
        writes={5: [[0, 8, 26, 3, 21]], 6: [[0.0, 0.0, 0.03125, 0.0625, 0.09375]]},
    ),
    "similarity._search": Question(
        arguments=(0, 1, [[0.0, 0.7, 0.6, 0.9]], [1], _UNIT, [0.0, 0.6, 0.0, 0.0], [[0] * 3,
            [0] * 3], [[0.0] * 3, [0.0] * 3]),
        writes={6: [[0] * 3, [1, 2, 3]], 7: [[0.0] * 3, [0.0, 0.4, 3.2]]},
    ),
    "candidates._drop_self": Question(
        arguments=([[1, 0, 2], [1, 2, 0], [0, 1, 3]], [[0.9, 0.8, 0.7], [1.0, 0.5, 0.4], [0.3,
            0.2, 0.1]], [[0, 0]] * 3, [0.0] * 3),
        writes={2: [[1, 2], [2, 0], [0, 1]], 3: [0.7, 0.4, 0.1]},
    ),
    "candidates._close": Question(
        arguments=(0, 2, 2, 0.5, [_FAR, [0.0] * _LONG], [list(range(_LONG))] * 2, [_LONG, 1],
            [-1.0, -1.0]),
        writes={6: [2, 1], 7: [38.5, -1.0]},
    ),
    "candidates._gather": Question(
        arguments=(0, 2, [[4, 5, 6], [7, 8, 9]], [0, 2, 3], [0] * 3),
        writes={4: [4, 5, 7]},
    ),
    "candidates._offer": Question(
        arguments=([_FAR], 2, 0, 2, 0.5, [[0.0] * 4] * 3, [[0] * 4] * 3, [0] * 3, [-1.0] * 3),
        writes={5: [[0.0] * 4, [0.0] * 4, [39.0, 37.0, 40.0, 38.0]], 6: [[0] * 4, [0] * 4, [12,
            17, 30, 35]], 7: [0, 0, 4], 8: [-1.0, -1.0, 36.5]},
    ),
    "candidates._offer_mirrored": Question(
        arguments=([[0.0, 4.0], [1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [4.0, 0.0], [0.0, 4.0],
            [1.0, 3.0], [2.0, 2.0], [3.0, 1.0], [4.0, 0.0]], 1, 11, 2, 0.5, [[0.0] * 4] * 13, [[0]
            * 4] * 13, [0] * 13, [-1.0] * 13),
        writes={5: [[0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] *
            4, [0.0] * 4, [0.0] * 4, [0.0] * 4, [0.0] * 4, [3.0, 4.0, 3.0, 4.0], [4.0, 3.0, 4.0,
            3.0]], 6: [[0] * 4, [0] * 4, [0] * 4, [0] * 4, [0] * 4, [0] * 4, [0] * 4, [0] * 4, [0]
            * 4, [0] * 4, [0] * 4, [4, 5, 9, 10], [1, 2, 6, 7]], 7: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
            0, 4, 4], 8: [-1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0, 2.5,
            2.5]},
    ),
    "jaccard._reciprocal": Question(
        arguments=(0, 4, [[0, 1, 2], [1, 0, 3], [2, 0, 1], [3, 1, 2]], 3, [[0] * 3] * 4, [0] * 4),
        writes={4: [[0, 1, 2], [1, 0, 3], [2, 0, 0], [3, 1, 0]], 5: [3, 3, 2, 2]},
    ),
    "jaccard._expand": Question(
        arguments=(0, 4, [[0, 1, 2], [1, 0, 3], [2, 0, 0], [3, 1, 0]], [3, 3, 2, 2], [[0, 1],
            [1, 3], [2, 0], [3, 1]], [2] * 4),
        returns=([3, 3, 2, 2], [0, 1, 2, 1, 0, 3, 2, 0, 3, 1]),
    ),
    "jaccard._pair_distances": Question(
        arguments=(0, 2, _UNIT, [0, 2, 4], [0, 3, 1, 2], [[0, 1], [1, 0], [2, 1], [3, 2]],
            [[0.0, 0.8], [0.0, 0.8], [0.0, 0.4], [0.0, 2.0]], [0.0] * 4),
        writes={7: [0.0, 4.0, 0.0, 0.4]},
    ),
    "jaccard._average_rows": Question(
        arguments=(0, 3, [0, 2, 3, 5], [0, 1, 1, 2, 0], [0.5, 0.5, 1.0, 0.75, 0.25], [[0, 1],
            [1, 2], [2, 2]]),
        returns=([2, 3, 2], [0, 1, 1, 2, 0, 2, 0], [0.25, 0.75, 0.5, 0.375, 0.125, 0.75, 0.25]),
    ),
    "jaccard._overlaps": Question(
        arguments=(0, 4, [0, 2, 4, 5, 6], [0, 1, 1, 2, 2, 3], [0.5, 0.5, 0.25, 0.75, 1.0, 1.0],
            [0, 1, 3, 5, 6], [0, 0, 1, 1, 2, 3], [0.5, 0.5, 0.25, 0.75, 1.0, 1.0]),
        returns=([1, 1, 0, 0], [1, 2], [0.8571429, 0.4]),
    ),
    "sampling._thin": Question(
        arguments=([[True, False, True, True, True], [True, True, False, False, False]], 1, [1,
            1], [0.6, 0.4]),
        writes={0: [[False, False, False, True, False], [True, False, False, False, False]]},
    ),
    "dbscan._pairs_within": Question(
        arguments=([0, 2, 3, 3, 3], [1, 3, 2], [0.5, 0.25, 0.75], 0.5),
        returns=([0, 0], [1, 3]),
    ),
    "dbscan._dbscan": Question(
        arguments=([1, 0, 3, 4], [2, 1, 4, 5], 8, 3),
        returns=[0, 0, 0, 1, 1, 1, -1, -1],
    ),
    "silhouette._sum_of_block": Question(
        arguments=([[0.0, 1.0, 4.0, 3.0], [1.0, 0.0, 2.0, 2.0]], 0, [0, 0, 1, 2], [2, 1, 1],
            [0.0] * 3),
        returns=1.1666667,
    ),
    "merging._pairs_of_block": Question(
        arguments=([[0.0, 0.5, 0.25, 0.125], [9.0, 0.0, 0.75, 1.0]], 1, [0, 0, 1, 1, 2], [0.5,
            0.25, 0.0], _LARGEST, [_LARGEST] * 3, [0] * 3),
        returns=[[16777216, 1, 3], [10485760, 1, 4], [20971520, 2, 4]],
        writes={5: [_LARGEST] * 3},
    ),
    "merging._join": Question(
        arguments=([3, 1, 0, 2], [1, 3, 1, 4], 5, 2),
        returns=[0, 0, 2, 0, 4],
    ),
    "reranked_graph._reach": Question(
        arguments=([0, 1, 2, 2, 3, 3], [1, 0, 0], 5),
        returns=[0, 0, 1, 2, 3],
    ),
    "raster.fill": Question(
        arguments=([[0.0, 0.0, 2.0], [4.0, 0.0, 2.0], [0.0, 4.0, 2.0], [4.0, 4.0, 1.0]], [[0,
            1, 2], [1, 2, 3]], [[1.0], [2.0], [3.0], [4.0]], [[_INF] * 4] * 4, [[[0.0]] * 4] * 4),
        writes={3: [[2.0] * 4, [2.0, 2.0, 2.0, 1.6], [2.0, 2.0, 1.6, 1.3333334], [2.0, 1.6,
            1.3333334, 1.1428572]], 4: [[[1.375], [1.625], [1.875], [2.125]], [[1.875], [2.125],
            [2.375], [2.9000001]], [[2.375], [2.625], [3.0999999], [3.4166667]], [[2.875], [3.3],
            [3.5833333], [3.7857144]]]},
    ),
    "raster.normals": Question(
        arguments=([[0.0] * 3, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 3.0], [9.0] * 3],
            [[0, 1, 2], [0, 2, 3]], [[0.0] * 3] * 5),
        writes={2: [[0.9486833, 0.0, 0.3162278], [0.0, 0.0, 1.0], [0.9486833, 0.0, 0.3162278],
            [1.0, 0.0, 0.0], [0.0] * 3]},
    ),
    "raster.average_samples": Question(
        arguments=([[[1.0], [3.0], [0.0], [0.0]], [[5.0], [7.0], [0.0], [8.0]]], [[1.0, 1.0,
            _INF, _INF], [1.0, 1.0, _INF, 2.0]], 2, (0, 1, 0, 3), [[[0.0], [0.0]]], [[0.0, 0.0]]),
        writes={4: [[[4.0], [2.0]]], 5: [[1.0, 0.25]]},
    ),
    "raster.box_of": Question(
        arguments=([[-3.0, 1.5, 1.0], [2.5, 7.0, 1.0], [1.0, 2.0, 1.0]], 6, 4),
        returns=(1, 5, 0, 2),
    ),
    "raster.project": Question(
        arguments=([[1.0, 2.0, -4.0], [1.0, -1.0, 0.5]], 8.0, 3.0, 5.0, [[0.0] * 3, [0.0] * 3]),
        writes={4: [[5.0, 1.0, 4.0], [11.0, 13.0, -0.5]]},
    ),
}
# fmt: on
