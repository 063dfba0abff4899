"""Where requests of one origin go: what aiohttp connects by, and requests as they go over the wire (RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from ponte.connectors.http.auth import basic
from ponte.connectors.http.masking import mask_url
from ponte.connectors.http.port import Request, TransportError
from ponte.connectors.http.proxy import Proxy
from ponte.errors import ConfigurationError

_AUTHORITY = re.compile(r"https?://[^/?#]+", re.IGNORECASE)
_BODILESS = frozenset({"GET", "DELETE"})


@dataclass(frozen=True, slots=True)
class Destination:
    """An origin, and the way to it.

    Attributes:
        authority: how its URLs begin, to the letter.
        dialled: a request by which aiohttp connects; it is never sent.
        before_path: what the request line has before the path: all before it, where a proxy passes the request on
            (RFC 9112, 3.2.2), else nothing.
        headers: what each request has unless it says otherwise.
    """

    authority: str
    dialled: aiohttp.ClientRequest
    before_path: str
    headers: dict[str, str]
    _lines: dict[tuple[str, ...], list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, url: str, proxy: Proxy | None) -> Destination:
        """The destination of a URL, with the login at the proxy: with CONNECT for https, with each request for http.

        Must be called within an event loop.

        Raises:
            TransportError: InvalidUrl.
        """
        found = _AUTHORITY.match(url)
        if found is None:
            raise _invalid()
        login = {"Proxy-Authorization": basic(*proxy.login).value} if proxy is not None and proxy.login else {}
        try:
            address = URL(f"{found[0]}/", encoded=True)
            dialled = aiohttp.ClientRequest("GET", address, proxy=URL(proxy.url) if proxy else None)
        except ValueError as error:
            raise _invalid() from error
        headers = dict(dialled.headers)
        if proxy is None:
            return cls(found[0], dialled, "", headers)
        if dialled.is_ssl():
            dialled.update_proxy(dialled.proxy, None, {"Host": headers["Host"], **login})
            return cls(found[0], dialled, "", headers)
        return cls(found[0], dialled, found[0], {**headers, **login})

    def takes(self, url: str) -> bool:
        """Whether a URL begins with this origin."""
        end = len(self.authority)
        return url.startswith(self.authority) and url[end : end + 1] in {"/", "?", "#", ""}

    def message(self, request: Request) -> bytes:
        """The request as bytes.

        Raises:
            ConfigurationError: a header would be taken for several.
        """
        path = request.url[len(self.authority) :].partition("#")[0]
        slash = "" if path.startswith("/") else "/"
        lines = [f"{request.method} {self.before_path}{slash}{path} HTTP/1.1", *self._defaults(tuple(request.headers))]
        lines += [f"{name}: {value}" for name, value in request.headers.items()]
        body = request.body or b""
        if body or request.method not in _BODILESS:
            lines.append(f"Content-Length: {len(body)}")
        head = "\n".join(lines)
        if head.count("\n") >= len(lines) or "\r" in head or "\0" in head:
            raise ConfigurationError(
                f"{request.method} {mask_url(request.url)}: a header holds a line end or a NUL, which would make more"
                " of it than one. Next: check rest.headers, rest.auth and write.idempotencyHeader."
            )
        return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body

    def _defaults(self, given: tuple[str, ...]) -> list[str]:
        """Lines of headers that a request does not have itself. Names come from settings: there are few different."""
        if given not in self._lines:
            own = {name.lower() for name in given}
            self._lines[given] = [f"{name}: {value}" for name, value in self.headers.items() if name.lower() not in own]
        return self._lines[given]


def _invalid() -> TransportError:
    return TransportError("InvalidUrl", "the address is malformed", is_sent=False)
