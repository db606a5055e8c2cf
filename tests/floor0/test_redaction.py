"""Passwords of every kind, in every place of a URL, stay out of what is shown."""

from __future__ import annotations

from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gclbench import redaction
from gclbench.redaction import redacted, redacted_url, remember_secrets

# A password is known by its two ends, so that a part of one is noticed too.
FIRST, LAST = "Zq7w", "X9kv"
PASSWORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).map(
    lambda middle: f"{FIRST}{middle}{LAST}"
)
SHAPES = (
    "postgresql://me:{}@host/db",
    "postgresql://me:{}@host:5432/db?sslmode=require",
    "postgresql+psycopg://me:{}@[::1]:5432/db",
    "mongo://me:{}@one:1,two:2/db",
    "postgres:/me:{}@host/db",
    "postgres:me:{}@host",
    "me:{}@host/db",
    "://me:{}@host",
    "postgresql://host/db?user=me&password={}",
    "postgresql://host:5432/db?sslmode=x&PassWord={}",
    "postgresql://host/db?sslp%61ssword={}",
    "https://host/weights.pth?token={}",
    "sqlite:////a/b.db?key={}",
    "postgresql://me%3A{}@host/db",
    "postgresql://me\uff1a{}@host/db",
    "postgresql://host/db#password={}",
    "postgresql://host/db?options=-c%20password%3D{}",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3DX%3BPWD%3D{}",
    "host=one user=me password={} dbname=db",
    "https://host/weights.pth?sv=1&sig={}",
)


@pytest.fixture(autouse=True)
def forgets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test remembers is no word that another must not say."""
    monkeypatch.setattr(redaction, "_KNOWN", set())


def hidden(text: str) -> bool:
    return FIRST not in text and LAST not in text


@pytest.mark.parametrize("shape", SHAPES)
@given(password=PASSWORDS)
@example(password=f"{FIRST}@:/?#[]%{LAST}")
@example(password=f"{FIRST}?password=1@2{LAST}")
@example(password=f"{FIRST}://{LAST}")
@example(password=f"{FIRST}&key=a b'\"{LAST}")
def test_no_part_of_a_password_is_shown(shape: str, password: str) -> None:
    for spelt in (password, quote(password, safe=""), quote_plus(password)):
        assert hidden(redacted_url(shape.format(spelt)))


@pytest.mark.parametrize("shape", ["postgresql://me:{}", "postgresql://me:{}/db"])
@given(password=PASSWORDS)
def test_nor_where_the_host_was_forgotten(shape: str, password: str) -> None:
    """A part behind an @ stands where a host would."""
    assert hidden(redacted_url(shape.format(password.replace("@", "-"))))


@given(password=PASSWORDS)
def test_texts_of_drivers_do_not_hold_a_password_that_is_remembered(password: str) -> None:
    remember_secrets(f"postgresql://me:{quote(password, safe='')}@host/db")
    for spelt in (password, quote(password), quote(password, safe=""), quote_plus(password)):
        assert hidden(redacted(f"FATAL: '{spelt}' was refused (me, {spelt!r})"))


def test_urls_in_a_text_are_shown_without_their_passwords() -> None:
    text = "cannot open 'postgresql://me:abc@host/db' (see https://docs.org/a:b and x@y)."
    assert redacted(text) == text.replace("abc", "***")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////home/a:b@c/100%/store.db", "sqlite:///store.db", "sqlite://",
        "postgresql://host/db", "postgresql://me@host:5432/db", "postgresql://host:5432/db",
        "postgresql://[::1]:5432/db", "postgresql://one:1,two:2/db?target_session_attrs=rw",
        "file:///home/a:b@c", "mongo://host:27017/db", "https://host/a:b/weights.pth", "store.db",
        "https://host/w.pth?download=true&monkey_business",
    ],
)  # fmt: skip
def test_what_holds_no_secret_is_shown_as_it_is(url: str) -> None:
    assert redacted_url(url) == url


def test_what_is_left_tells_which_store_it_was() -> None:
    assert redacted_url("postgresql://me:a@b@host:1/db?x=y") == "postgresql://me:***@host:1/db?x=y"
    assert redacted_url("postgresql://host:1/db?x=y&password=a&b") == (
        "postgresql://host:1/db?x=y&password=***"
    )


def test_short_passwords_do_not_blot_out_words() -> None:
    remember_secrets("postgresql://me:a@host/db")
    assert redacted("a database at postgresql://me:a@host") == (
        "a database at postgresql://me:***@host"
    )


def test_a_long_text_is_gone_through_once() -> None:
    text = f"{'x' * 300_000} postgresql://me:{'s' * 9}@host/db"
    assert redacted(text) == f"{'x' * 300_000} postgresql://me:***@host/db"
