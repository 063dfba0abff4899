"""A company's proxy on the way to a system: where it is, and how it is logged in to.

The guard judges the proxy's own address like any other, and addresses that stand in URLs. A name behind the proxy is
resolved by the proxy, not by us: which networks it may lead to is then the proxy's to decide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from ponte.errors import CredentialsRefused


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        label: the SyncSource, for messages.
        url: http://HOST:PORT, nothing else in it.
        login: user name and password, or None.
    """

    label: str
    url: str
    login: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def host(self) -> str:
        """Its name or address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """Its port."""
        return urlsplit(self.url).port or 80

    def check_tunnel(self, status: int) -> None:
        """Judges an answer to CONNECT that is no 200: it comes from the proxy, also where it is a 401 (tinyproxy).

        Raises:
            CredentialsRefused: the proxy wants a login, or another one.
        """
        if status in {401, 407}:
            raise self.refusal(status)

    def refusal(self, status: int) -> CredentialsRefused:
        """The proxy wants a login, or another one. Nothing reached the system."""
        return CredentialsRefused(
            f"{self.label}: the proxy {self.url} refused the login (HTTP {status}). Next: check"
            " rest.proxy.username and the Secret of rest.proxy.password."
        )
