"""Secrets out of texts: what a message may show of a URL and of another system's words."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import quote

_MOST_MESSAGE = 300
_USER_INFO = re.compile(r"//[^/?#@]*@")
_QUERY_VALUE = re.compile(r"=[^&#]*")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
_SHORTEST_SECRET = 4


def mask_url(url: str) -> str:
    """The URL without user name and password, with the names but not the values of its query."""
    address, mark, query = _USER_INFO.sub("//***@", url).partition("?")
    return clean(address + mark + _QUERY_VALUE.sub("=…", query.partition("#")[0]))


def clean(text: str) -> str:
    """Another system's words, safe to show: one line, no controls, no halves of characters, cut at 300 characters."""
    plain = _CONTROLS.sub(" ", text).strip()
    return plain if len(plain) <= _MOST_MESSAGE else plain[: _MOST_MESSAGE - 1] + "…"


class Mask:
    """Replaces known secrets wherever they turn up. Very short ones are left: they would blot out everything."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()

    def add(self, secrets: Iterable[str]) -> None:
        """Learns secrets, such as a token that was just fetched."""
        for secret in secrets:
            if len(secret) >= _SHORTEST_SECRET:
                self._secrets |= {secret, quote(secret, safe="")}

    def __call__(self, text: str) -> str:
        """The text, cleaned, with each secret as ***."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "***")
        return clean(text)

    def finds(self, text: str) -> bool:
        """Whether a known secret stands in the text."""
        return any(secret in text for secret in self._secrets)
