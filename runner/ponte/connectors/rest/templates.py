"""Endpoints with places for keys: `PUT /products/{sku}` and the requests that records make of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from ponte.connectors.http.port import Request
from ponte.connectors.rest.body_templates import BodyTemplate, Given
from ponte.connectors.rest.readings import Reading
from ponte.errors import ConfigurationError

_PLACE = re.compile(r"\{([^{}]+)\}")
ID = "id"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation: a method, a path with places, and what its body and its answer are where they are not plain.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        path: below the base URL.
        places: names in braces and of the body's keys; `id` is the target's own id unless the natural key has a field
            of that name.
        body: what is sent; without it the record itself.
        reading: reads the answer before anything is decided.
        seal: what is done to the text of a body at last.
        id_path: where the answer holds the target's own id, where this operation differs.
        record_path: where it holds the record.
        media: type of the bodies, in both directions.
    """

    method: str
    path: str
    places: tuple[str, ...]
    body: BodyTemplate | None = None
    reading: Reading | None = None
    seal: Callable[[str], str] | None = None
    id_path: str | None = None
    record_path: str | None = None
    media: str = "application/json"

    def url(self, base_url: str, values: Mapping[str, str]) -> str | None:
        """The address of one record; None where a value cannot stand in a path (empty, `.` or `..`)."""
        start, places = _taken_apart(self.path)
        url = base_url + start
        for place, after in places:
            value = values[place]
            if value in {"", ".", ".."}:
                return None
            url += (value if value.isascii() and value.isalnum() else quote(value, safe="")) + after
        return url

    def request(self, url: str, given: Given, headers: Mapping[str, str]) -> Request:
        """The request for one record or page.

        Raises:
            UnfitValueError: a value is not what the body sends it as.
            ConfigurationError: the body places what is not delivered.
        """
        return self.carrying(url, given.record if self.body is None else self.body.text(given), headers)

    def carrying(self, url: str, text: str | None, headers: Mapping[str, str]) -> Request:
        """The request with a body's text, or with none.

        Raises:
            UnfitValueError: the text holds what no body of this kind can.
        """
        if text is None:
            return Request(self.method, url, {"Accept": self.media, **headers}, None, self.reading)
        sealed = text if self.seal is None else self.seal(text)
        typed = {"Content-Type": self.media, "Accept": self.media, **headers}
        return Request(self.method, url, typed, sealed.encode(), self.reading)

    def id_in(self, base_url: str, location: str) -> str | None:
        """The target's own id in the address of a record, where this endpoint has a place for nothing else."""
        if self.places != (ID,):
            return None
        before, after = (re.escape(part) for part in self.path.split(f"{{{ID}}}", 1))
        found = re.fullmatch(f"{before}([^/?#]+){after}/?", location.removeprefix(base_url))
        return unquote(found[1]) if found else None


@functools.cache
def _taken_apart(path: str) -> tuple[str, list[tuple[str, str]]]:
    """How a path begins, and its places, each with what stands behind it. Paths come from manifests: they are few."""
    start, *rest = _PLACE.split(path)
    return start, list(zip(rest[::2], rest[1::2], strict=True))


def parse_endpoint(text: str, where: str) -> Endpoint:
    """The endpoint that `METHOD /path` names.

    Raises:
        ConfigurationError: braces that do not match, or a path that climbs.
    """
    method, _, path = text.partition(" ")
    return Endpoint(method, checked_path(path, where), tuple(dict.fromkeys(_PLACE.findall(path))))


def checked_path(path: str, where: str) -> str:
    """A path below the base URL, escaped where it must be.

    Raises:
        ConfigurationError: braces that do not match, no leading slash, or a step `..`.
    """
    bare = _PLACE.sub("", path)
    if "{" in bare or "}" in bare:
        raise ConfigurationError(
            f"{where}: the braces of {path} do not match. Next: write them as in /products/{{sku}}."
        )
    if not path.startswith("/") or path.startswith("//") or {".", ".."} & set(bare.partition("?")[0].split("/")):
        raise ConfigurationError(
            f"{where}: {path} does not begin with one /, or climbs by `..`. Next: write it below baseUrl."
        )
    return quote(path, safe="/?=&:@!$'()*+,;~%{}[]-._")
