"""Where a MariaDB or MySQL server is, and how it is reached: out of a URL and credentials by reference."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from ponte.connectors.relational.catalogue import did_you_mean
from ponte.errors import ConfigurationError

SCHEMES = frozenset({"mariadb", "mysql"})
_OPTIONS = ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket")
_MODES = ("DISABLED", "PREFERRED", "REQUIRED", "VERIFY_CA", "VERIFY_IDENTITY")
_VERIFYING = frozenset({"VERIFY_CA", "VERIFY_IDENTITY"})


@dataclass(frozen=True, slots=True)
class Address:
    """A database on a server.

    Attributes:
        socket: path of a Unix socket, used instead of host and port; None for none.
        mode: whether the connection is encrypted and the server's certificate checked, in MySQL's words.
        files: paths of certificates by the driver's argument.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    socket: str | None = None
    mode: str = "PREFERRED"
    files: tuple[tuple[str, str], ...] = ()

    @property
    def must_encrypt(self) -> bool:
        """Whether no word goes over a line that is not encrypted."""
        return self.mode not in {"DISABLED", "PREFERRED"}

    @property
    def must_verify(self) -> bool:
        """Whether the server's certificate is checked."""
        return self.mode in _VERIFYING


def parse_address(url: str, user: str, password: str, label: str) -> Address:
    """The address of a URL `mariadb://HOST:PORT/DATABASE?ssl-mode=VERIFY_IDENTITY&ssl-ca=PATH`.

    Raises:
        ConfigurationError: it is no such URL.
    """
    parts = urlsplit(url)
    database = unquote(parts.path.removeprefix("/"))
    if not database or "/" in database:
        raise ConfigurationError(
            f"{label}: sql.url is no address of a database. Next: write it as mariadb://HOST:PORT/DATABASE."
        )
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    for name in options:
        if name not in _OPTIONS:
            raise ConfigurationError(f"{label}: sql.url has an unknown option {name!r}.{did_you_mean(name, _OPTIONS)}")
    mode = options.get("ssl-mode", "VERIFY_CA" if "ssl-ca" in options else "PREFERRED").upper().replace("-", "_")
    if mode not in _MODES:
        raise ConfigurationError(
            f"{label}: sql.url: ssl-mode {mode!r} is unknown. Next: write one of {', '.join(_MODES)}."
        )
    files = {"ssl_ca": "ssl-ca", "ssl_cert": "ssl-cert", "ssl_key": "ssl-key"}
    try:
        port = parts.port or 3306
    except ValueError as error:
        raise ConfigurationError(f"{label}: sql.url: the port is no number up to 65535. Next: correct it.") from error
    return Address(
        host=parts.hostname or "localhost",
        port=port,
        database=database,
        user=user,
        password=password,
        socket=options.get("socket"),
        mode=mode,
        files=tuple((argument, options[name]) for argument, name in files.items() if name in options),
    )
