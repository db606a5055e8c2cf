"""What tests of several rooms share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import pytest
from sqlalchemy import create_engine, text

from gclbench.tracking.engines import driver_url


@pytest.fixture
def postgresql_url() -> Iterator[str]:
    """A schema of the test's own in $GCLBENCH_TEST_POSTGRESQL, dropped afterwards."""
    url = os.environ.get("GCLBENCH_TEST_POSTGRESQL", "")
    if not url:
        pytest.skip("$GCLBENCH_TEST_POSTGRESQL is not set")
    schema = f"test_{uuid.uuid4().hex[:12]}"
    engine = create_engine(driver_url(url))
    with engine.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {schema}"))
    joint = "&" if "?" in url else "?"
    yield f"{url}{joint}options=-csearch_path%3D{schema}"
    with engine.begin() as connection:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))
    engine.dispose()
