"""Passwords stay out of what is printed, recorded or raised.

`redacted_url` hides the secrets of one URL, whether or not it can be parsed. `redacted` does the
same for every URL inside a text, and for the secrets of the URLs that this process was told of by
`remember_secrets`, in every spelling: drivers put them into their own errors.
"""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus, unquote, unquote_plus

HIDDEN = "***"
_SHORTEST = 4  # shorter ones would blot out words that only look like them
_SECRET_WORD = re.compile(
    r"pass|pwd|secret|token|key|credential|signature|authmechanismprop|(^|[_-])(sig|auth|jwt)$",
    re.IGNORECASE,
)
# In a query, behind a # or a blank, or in a value that is itself a list of words, quoted or not
# (`?options=-c%20password%3Dx`, `host=h password=x`).
_WORD_IN_QUERY = re.compile(
    r"(?:^|[?&;#\s]|(?<==)|(?<=%3D))([^=&;?/@#\s:]*?)(?:=|%3D)", re.IGNORECASE
)
# The wide sign, and what quotes one, are read as a : by people, not by programs.
_COLON = re.compile(":|\uff1a|%3A", re.IGNORECASE)
_PORTS = re.compile(r"\d{0,5}(,[\w.-]+(:\d{0,5})?)*\W*")
_PATHS_ONLY = ("sqlite", "file")
# Of a scheme the end is enough; without a bound a long word would be gone through again and again.
_URL_IN_TEXT = re.compile(r"[A-Za-z][\w+.-]{0,30}://[^\s'\"<>]+")
_KNOWN: set[str] = set()


def redacted_url(url: str) -> str:
    """Return a URL without its secrets, whatever signs they hold and whether or not it parses.

    Hidden is what stands between the first `:` and the last `@` behind the scheme, what is in a
    port's place and is none, and all that follows `password=` or a word like it in the query.
    """
    shown = url
    for start, end in reversed(_secret_places(url)):
        shown = f"{shown[:start]}{HIDDEN}{shown[end:]}"
    return shown


def remember_secrets(url: str) -> None:
    """Let `redacted` hide the secrets of a URL in every text from now on, in this process."""
    for start, end in _secret_places(url):
        secret = url[start:end]
        for decoded in {secret, unquote(secret), unquote_plus(secret)}:
            _KNOWN.update(filter(_is_long, (decoded, quote(decoded, safe=""), quote(decoded))))
            _KNOWN.update(filter(_is_long, (quote_plus(decoded), repr(decoded)[1:-1])))


def redacted(text: str) -> str:
    """Return a text without the secrets of URLs in it, and those that are remembered."""
    for secret in sorted(_KNOWN, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _URL_IN_TEXT.sub(lambda found: redacted_url(found[0]), text)


def _is_long(secret: str) -> bool:
    return len(secret) >= _SHORTEST and secret != HIDDEN


def _secret_places(url: str) -> list[tuple[int, int]]:
    """Where secrets stand in a URL, first one first: in front of the host, then in the query."""
    words = (found for found in _WORD_IN_QUERY.finditer(url) if _is_secret(found[1]))
    asked = next(words, None)
    end = len(url) if asked is None else asked.start()
    places = (
        [_of_user(url, end)] if asked is None else [_of_user(url, end), (asked.end(), len(url))]
    )
    return [(start, stop) for start, stop in places if start < stop]


def _is_secret(word: str) -> bool:
    return bool(_SECRET_WORD.search(unquote_plus(word)))


def _of_user(url: str, end: int) -> tuple[int, int]:
    """Where the password stands in the part of a URL before `end`; an empty place for none.

    Without an `@` there may be a port behind the `:`; anything else is taken for a password whose
    host was forgotten.
    """
    scheme, separator, _ = url.partition("://")
    if ":" in scheme:  # what was split is inside the password
        scheme, separator = "", ""
    start = len(scheme) + len(separator) if separator else 0
    if scheme.partition("+")[0] in _PATHS_ONLY and url.startswith("/", start):
        return 0, 0
    at = url.rfind("@", start, end)
    if at >= 0:
        parting = _COLON.search(url, start, at)
        return (parting.end(), at) if parting else (0, 0)
    host = url.find("]", start, end) if url.startswith("[", start) else start
    parting = _COLON.search(url, max(host, start), end)
    if parting is None:
        return 0, 0
    if separator:
        port = re.split(r"[/?#]", url[parting.end() : end], maxsplit=1)[0]
        plain = "/" in url[start : parting.start()] or bool(_PORTS.fullmatch(port))
    else:
        plain = "@" not in url[end:]
    return (0, 0) if plain else (parting.end(), end)


def has_two_ends(url: str) -> bool:
    """Whether an @ stands where one program reads it as the end of a password, another does not.

    More than one of them, wherever (a `?` may be a sign of the password too), or one behind
    `password=` in the query: the rest of a password would be asked for as a host.
    """
    words = [found.start() for found in _WORD_IN_QUERY.finditer(url) if _is_secret(found[1])]
    return url.count("@") > 1 or any("@" in url[place:] for place in words)
