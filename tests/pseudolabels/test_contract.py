"""Every shipped way of labelling the memory of stage 3 keeps the contract."""

from __future__ import annotations

import pytest

from gclbench.pseudolabels.jaccard_dbscan import pseudo_labels
from gclbench.registry import REGISTRY
from gclbench.testing.parameters import made
from gclbench.testing.pseudolabels import PEOPLE, PseudoLabelContract, example

SHIPPED = ("jaccard_dbscan",)


class TestShipped(PseudoLabelContract):
    @pytest.fixture(params=SHIPPED)
    def method(self, request):
        return made("pseudolabels", request.param)


def test_no_shipped_method_is_missing_here():
    entries = REGISTRY.entries("pseudolabels")
    assert {e.name for e in entries if e.module.startswith("gclbench.")} == set(SHIPPED)


def test_jaccard_dbscan_is_told_by_the_settings_beside_it():
    known = example()
    found = made("pseudolabels", "jaccard_dbscan")(known)
    expected = pseudo_labels(known.rows, k1=10, k2=3, eps=0.5, min_samples=4)
    assert (found.labels == expected.labels).all()
    assert found.figures == {"eps": 0.5}
    assert expected.clusters == PEOPLE
