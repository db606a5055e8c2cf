"""No error, record or log of the store and of observers shows a password."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gclbench import redaction
from gclbench.cli.app import main
from gclbench.errors import GclbenchError, UsageError
from gclbench.executors.failure import describe
from gclbench.running.worker import RunConfig
from gclbench.schema import NodeRecord
from gclbench.search.storage import open_storage
from gclbench.study.question import Question
from gclbench.tracking import Reader, RunStore
from gclbench.tracking.engines import shown
from gclbench.tracking.experiment import tracked_run
from gclbench.tracking.observer import RunObserver, check_observer, observer_from_url

FIRST, LAST = "Zq7w", "X9kv"
SIGNS = "ab01 @:/?#[]%&=+;,'\"\\{}$!~\u00e9\u96ea"
PASSWORDS = st.text(SIGNS, max_size=8).map(lambda middle: f"{FIRST}{middle}{LAST}")
few = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redaction, "_KNOWN", set())


def told(function: Callable[[], Any]) -> str:
    """Everything that a failure says: its line, its trace, and what workers would hand on."""
    with pytest.raises(GclbenchError) as caught:
        function()
    error = caught.value
    return "\n".join([*traceback.format_exception(error), *describe(error), repr(error)])


def hidden(text: str) -> bool:
    return FIRST not in text and LAST not in text


def spellings(password: str) -> Iterator[str]:
    yield from (password, quote(password, safe=""), quote_plus(password))


STORES = (
    "postgresql://me:{}@127.0.0.1:1/db?connect_timeout=1",
    "postgresql://127.0.0.1:1/db?connect_timeout=1&password={}",
    "postgresql://me:{}",
    "postgresql:me:{}@host",
    "mysql://me:{}@host/db",
    "postgresql+nodriver://me:{}@host/db",
    "nothing://me:{}@host/db",
    "sqlite://me:{}@host/db",
)


@pytest.mark.parametrize("shape", STORES)
@few
@given(password=PASSWORDS)
@example(password=f"{FIRST}@{LAST}")
@example(password=f"{FIRST}:5/{LAST}")
@example(password=f"{FIRST}?@{LAST}")
@example(password=f"{FIRST}@?{LAST}")
def test_a_store_that_cannot_be_opened_does_not_tell(shape: str, password: str) -> None:
    for spelt in spellings(password):
        url = shape.format(spelt.replace("@", "-") if shape.endswith("me:{}") else spelt)
        assert hidden(shown(url))
        assert hidden(told(partial(RunStore, url)))


@pytest.mark.parametrize("url", ["postgresql://me:Zq7wX9kv@127.0.0.1:1/db?connect_timeout=1"])
def test_a_search_does_not_tell(url: str) -> None:
    assert hidden(told(lambda: open_storage(url)))


def test_a_second_at_sign_is_refused_instead_of_asking_another_host() -> None:
    with pytest.raises(UsageError, match=r"me:\*\*\*@host/db.*where its password ends.*%40"):
        RunStore("postgresql://me:Zq7w@X9kv@host/db")


OBSERVERS = ("mongo://me:{}@host/db", "mongo://me:{}@", "mongodb://me:{}@host/db", "mongo:me:{}@h")


@pytest.mark.parametrize("shape", OBSERVERS)
@few
@given(password=PASSWORDS)
@example(password=f"{FIRST}/5:{LAST}")
def test_an_observer_that_cannot_be_made_does_not_tell(
    shape: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def quotes_it(url: str, **other: Any) -> None:
        raise ValueError(f"{url} is not a MongoDB: {url!r}")

    monkeypatch.setattr("gclbench.tracking.observer.find_spec", lambda name: object())
    monkeypatch.setattr("gclbench.tracking.observer._PATIENCE_S", 0.001)
    monkeypatch.setattr("socket.create_connection", refuse)
    monkeypatch.setattr("sacred.observers.MongoObserver", quotes_it)
    for spelt in spellings(password):
        for use in (check_observer, observer_from_url):
            url = shape.format(spelt)
            assert hidden(told(partial(use, url)))


def refuse(address: tuple[str, int], timeout: float) -> None:
    raise ConnectionRefusedError(f"nobody at {address[0]}")


def test_a_run_records_no_password_that_its_errors_and_logs_quote(tmp_path: Path) -> None:
    url = "mongo://me:Zq7w%2FX9kv@host/db"
    redaction.remember_secrets(url)
    store = RunStore(f"sqlite:///{tmp_path}/store.db")
    folder = observer_from_url(f"file://{tmp_path}/sacred")

    def work(log: Any) -> NodeRecord:
        logging.getLogger("gclbench").warning("asked %s with Zq7w/X9kv", url)
        raise ConnectionError(f"could not authenticate at {url}: 'Zq7w/X9kv'")

    config = {"key": "k", "stage": "joint", "label": "l", "seed": 1}
    with pytest.raises(ConnectionError):
        tracked_run(config, "run-1", [RunObserver(store), folder], work)
    run = Reader(store).run("run-1")
    assert "could not authenticate at mongo://" in (run.error or "")
    written = [path.read_text() for path in (tmp_path / "sacred").rglob("*") if path.is_file()]
    for text in (str(run), *written, (tmp_path / "store.db").read_bytes().decode("latin-1")):
        assert hidden(text)


def test_settings_of_a_run_do_not_show_it() -> None:
    url = "postgresql://me:Zq7wX9kv@host/db"
    assert hidden(repr(RunConfig(Path("home"), url, observers=(url,))))
    assert hidden(repr(Question(("table6",), Path("home"), store=url, observers=(url,))))


@pytest.mark.parametrize(
    "words",
    [
        ("report", "table6", "store={}"),
        ("run", "ablation=table6", "store={}"),
        ("run", "ablation=table6", "stor={}"),
        ("run", "ablation=table6", "profile=smoke", "observers={},file:///tmp"),
        ("plan", "ablation=table6", "observers={}"),
        ("tune", "study=dbscan_eps", "store={}"),
        ("import", "no.tar", "store={}"),
        ("{}",),
        ("report", "{}"),
        ("show", "{}", "x"),
        ("run", "ablation=table6", "pretrain.kind=imagenet", "pretrain.weights={}"),
    ],
)
def test_no_verb_prints_it(
    words: tuple[str, ...], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for url in ("postgresql://me:Zq7w/@X9kv@host/db", "mongo://me:Zq7w X9kv@host:port/db"):
        typed = [word.format(url) for word in words]
        home = [] if words[0] in ("{}", "show") else [f"home={tmp_path}"]
        assert main([*typed, *home]) in (1, 2, 3)
        seen = capfd.readouterr()
        assert hidden(seen.out + seen.err)
        assert "this is a fault of gclbench" not in seen.err
