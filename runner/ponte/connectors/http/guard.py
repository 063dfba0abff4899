"""Which addresses a system may be reached at: the guard against server-side request forgery.

Used for every URL: the base, next links, redirects, token endpoints. Names are judged by the addresses they resolve to,
at the moment of connecting, and only the judged addresses are connected to, so an answer of DNS that changes in between
(rebinding) helps nobody. Source: OWASP SSRF Prevention Cheat Sheet; IANA special-purpose address registries.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from ponte.connectors.http.masking import mask_url
from ponte.errors import ConfigurationError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
_PORTS = {"http": 80, "https": 443}
_OLD_FORM = re.compile(r"(0x[0-9a-f]*|[0-9]+)(\.(0x[0-9a-f]*|[0-9]+)){0,3}", re.IGNORECASE)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class Guard:
    """Judges URLs and addresses of one system.

    Args:
        label: the SyncSource, for messages.
        allowed_networks: private ranges (CIDR) that it may resolve to.

    Raises:
        ConfigurationError: a range is no CIDR.
    """

    def __init__(self, label: str, allowed_networks: Iterable[str]) -> None:
        self._label = label
        self._passed: set[str] = set()
        self._allowed = tuple(self._network(text) for text in allowed_networks)

    def check_url(self, url: str) -> None:
        """Refuses a URL that may not be requested. What passed once costs next to nothing the next time.

        Raises:
            ConfigurationError: AddressNotAllowed: not http(s), with user name or password, malformed, or an address
                literal outside the allowed ranges.
        """
        authority = url[: url.find("/", len("https://"))]
        if authority in self._passed and url.isascii() and url.isprintable() and " " not in url and "\\" not in url:
            return
        self._check_anew(url)
        if "/" not in authority.partition("://")[2] and url.startswith(f"{authority}/"):
            self._passed.add(authority)

    def _check_anew(self, url: str) -> None:
        parts = _split(url)
        if parts is None or parts.scheme not in _PORTS or not parts.hostname:
            raise self._refusal(
                f"{mask_url(url)} is not an http or https address. Next: look at baseUrl, and at the links that the "
                "server gives"
            )
        if "@" in parts.netloc:
            raise self._refusal(f"{mask_url(url)} carries a user name or password. Next: give them by `auth`")
        if (literal := _literal(parts.hostname)) is not None:
            self.check_address(parts.hostname, literal)

    def check_address(self, host: str, address: IpAddress) -> None:
        """Raises ConfigurationError (AddressNotAllowed) unless the address is public or in an allowed range."""
        if not self.is_allowed(address):
            where = f"{host} is" if host == str(address) else f"{host} is at {address}, which is"
            raise self._refusal(f"{where} not public. Next: if that is meant, add its network to rest.allowedNetworks")

    def is_allowed(self, address: IpAddress) -> bool:
        """Whether the address is public or in an allowed range; an embedded IPv4 address counts as itself."""
        address = _embedded(address)
        if any(address.version == network.version and address in network for network in self._allowed):
            return True
        return address.is_global and not address.is_multicast and not address.is_reserved

    async def resolve(self, host: str, port: int, family: int = socket.AF_UNSPEC) -> list[IpAddress]:
        """The allowed addresses of a host, in the resolver's order.

        Raises:
            OSError: the name is not known.
            ConfigurationError: AddressNotAllowed: none of its addresses is allowed.
        """
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, family=family, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
        allowed = [address for address in dict.fromkeys(addresses) if self.is_allowed(address)]
        if not allowed and addresses:
            self.check_address(host, addresses[0])
        return allowed

    def _network(self, text: str) -> IpNetwork:
        try:
            return ipaddress.ip_network(text, strict=False)
        except ValueError as error:
            raise ConfigurationError(
                f"{self._label}: rest.allowedNetworks: {text!r} is no address range. Next: write one such as "
                "10.1.0.0/16."
            ) from error

    def _refusal(self, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._label}: {why}.", reason="AddressNotAllowed")


def is_same_origin(one: str, other: str) -> bool:
    """Whether two URLs have scheme, host and port in common (RFC 6454)."""
    first, second = _split(one), _split(other)
    return first is not None and second is not None and _origin(first) == _origin(second)


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or _PORTS.get(parts.scheme)


def _split(url: str) -> SplitResult | None:
    if "\\" in url or any(character <= " " or character == "\x7f" for character in url):
        return None
    try:
        parts = urlsplit(url)
        return parts if parts.port is None or parts.port else None  # .port raises for what is no port
    except ValueError:
        return None


def _literal(host: str) -> IpAddress | None:
    """The address that a host is; also in the old forms that resolvers still take (`2130706433`, `0x7f.1`, `127.1`)."""
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    if _OLD_FORM.fullmatch(host) is None:
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _embedded(address: IpAddress) -> IpAddress:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
