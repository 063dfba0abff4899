"""Endpoints with places for keys: `PUT /products/{sku}` and the URLs that records make of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from ponte.errors import ConfigurationError

_PLACE = re.compile(r"\{([^{}]+)\}")
ID = "id"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method and a path with places.

    Attributes:
        method: GET, POST, PUT, PATCH or DELETE.
        path: below the base URL.
        places: names in braces; `id` is the target's own id unless the natural key has a field of that name.
    """

    method: str
    path: str
    places: tuple[str, ...]

    def url(self, base_url: str, values: Mapping[str, str]) -> str | None:
        """The address of one record; None where a value cannot stand in a path (empty, `.` or `..`)."""
        if any(values[place] in {"", ".", ".."} for place in self.places):
            return None
        return base_url + _PLACE.sub(lambda found: quote(values[found[1]], safe=""), self.path)

    def id_in(self, base_url: str, location: str) -> str | None:
        """The target's own id in the address of a record, where this endpoint has a place for nothing else."""
        if self.places != (ID,):
            return None
        before, after = (re.escape(part) for part in self.path.split(f"{{{ID}}}", 1))
        found = re.fullmatch(f"{before}([^/?#]+){after}/?", location.removeprefix(base_url))
        return unquote(found[1]) if found else None


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
        raise ConfigurationError(f"{where}: the braces of {path} do not match; write /products/{{sku}}.")
    if not path.startswith("/") or path.startswith("//") or {".", ".."} & set(bare.partition("?")[0].split("/")):
        raise ConfigurationError(f"{where}: {path} must begin with one / and may not climb by `..`.")
    return quote(path, safe="/?=&:@!$'()*+,;~%{}[]-._")
