"""From a SyncSource's `rest` to a client: references resolved, everything checked, no network reached."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from urllib.parse import urlsplit

from ponte.connectors.http.aiohttp_transport import AiohttpTransport
from ponte.connectors.http.auth import Auth, HeaderAuth, NoAuth, QueryAuth, basic, bearer
from ponte.connectors.http.client import Client, Ground
from ponte.connectors.http.guard import Guard
from ponte.connectors.http.limits import shared_limits
from ponte.connectors.http.masking import Mask
from ponte.connectors.http.oauth2 import ClientCredentials, OAuth2Auth
from ponte.connectors.http.proxy import Proxy
from ponte.connectors.http.tls import build_context
from ponte.connectors.registry import References
from ponte.engine.ports import Clock
from ponte.errors import ConfigurationError
from ponte_api.common import Secret, Setting, duration_seconds
from ponte_api.sync_source import ApiKeyAuth, OAuth2ClientCredentials, Rest, RestAuth, Tls
from ponte_api.sync_source import Limits as DeclaredLimits
from ponte_api.systems import Proxy as DeclaredProxy

DEFAULT_TIMEOUT_S = 30.0
DEFAULT_CONNECTIONS = 8
_CONNECTION_HEADERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


class Opening:
    """Builds the client of one SyncSource.

    Args:
        label: name of the SyncSource, for messages.
        references: where settings and secrets are.
        clock: time.
    """

    def __init__(self, label: str, references: References, clock: Clock) -> None:
        self._label = label
        self._references = references
        self._clock = clock
        self._mask = Mask()

    def open(self, rest: Rest, limits: DeclaredLimits | None) -> Client:
        """The client.

        Raises:
            ConfigurationError: a setting is missing, malformed or not allowed.
        """
        guard = Guard(self._label, rest.allowed_networks)
        ground = self._ground(rest, guard)
        needs_tls = ground.base_url.startswith("https") or rest.tls or (rest.auth and rest.auth.oauth2)
        context = build_context(self._label, *self._tls(rest.tls)) if needs_tls else None  # 40 ms saved
        proxy = self._proxy(rest.proxy, guard) if rest.proxy else None
        auth = self._auth(rest.auth, guard, context, proxy)
        declared = limits or DeclaredLimits()
        connections, per_second = declared.connections or DEFAULT_CONNECTIONS, declared.requests_per_second
        shared = shared_limits(self._clock, (self._label, ground.base_url), connections, per_second)
        return Client(ground, AiohttpTransport(guard, context, proxy), guard, auth, shared, self._clock, self._mask)

    def _ground(self, rest: Rest, guard: Guard) -> Ground:
        base = self._setting(rest.base_url, "rest.baseUrl").strip().rstrip("/")
        guard.check_url(base)
        if urlsplit(base).query or urlsplit(base).fragment:
            raise self._fault(
                "rest.baseUrl", "has a query or fragment. Next: give parameters by objects[].list.parameters"
            )
        headers = {header.name: self._header(header.name, header.value) for header in rest.headers}
        timeout = duration_seconds(rest.timeout) if rest.timeout else DEFAULT_TIMEOUT_S
        return Ground(self._label, base, headers, max(timeout, 0.1))

    def _header(self, name: str, setting: Setting) -> str:
        what = f"rest.headers {name}"
        if not _is_token(name) or name.lower() in _CONNECTION_HEADERS:
            raise self._fault(what, "is no name of a header that may be set. Next: leave it out")
        value = self._printable(self._setting(setting, what), what)
        if setting.value is None:
            self._mask.add([value])
        return value

    def _proxy(self, declared: DeclaredProxy, guard: Guard) -> Proxy:
        url = self._setting(declared.url, "rest.proxy.url").strip().rstrip("/")
        guard.check_url(url)
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.path or parts.query or parts.fragment:
            raise self._fault(
                "rest.proxy.url", "is no address of a proxy. Next: write one such as http://proxy.example.com:3128"
            )
        if declared.username is None or declared.password is None:
            return Proxy(self._label, url)
        username = self._printable(self._setting(declared.username, "rest.proxy.username"), "rest.proxy.username")
        if ":" in username:
            raise self._fault(
                "rest.proxy.username",
                "holds a colon, which basic authentication cannot express. Next: use another user",
            )
        password = self._secret(declared.password, "rest.proxy.password")
        self._mask.add([basic(username, password).value.removeprefix("Basic ")])
        return Proxy(self._label, url, (username, password))

    def _auth(self, auth: RestAuth | None, guard: Guard, context: ssl.SSLContext | None, proxy: Proxy | None) -> Auth:
        if auth is None:
            return NoAuth()
        if auth.basic:
            username = self._setting(auth.basic.username, "rest.auth.basic.username")
            if ":" in username:
                raise self._fault(
                    "rest.auth.basic.username",
                    "holds a colon, which basic authentication cannot express. Next: use another user",
                )
            proof = basic(username, self._secret(auth.basic.password, "rest.auth.basic.password"))
            self._mask.add([proof.value.removeprefix("Basic ")])
            return proof
        if auth.bearer:
            return bearer(self._secret(auth.bearer, "rest.auth.bearer"))
        if auth.api_key:
            return self._api_key(auth.api_key)
        assert auth.oauth2 is not None  # noqa: S101 - a union has exactly one member
        from ponte.connectors.http.httpx_transport import HttpxTransport  # noqa: PLC0415 - httpx is for tokens only

        credentials = self._client_credentials(auth.oauth2, guard)
        return OAuth2Auth(self._label, credentials, HttpxTransport(guard, context, proxy), self._clock, self._mask)

    def _api_key(self, api_key: ApiKeyAuth) -> Auth:
        if api_key.header:
            what = "rest.auth.apiKey.header"
            if not _is_token(api_key.header.name):
                raise self._fault(what, "is no name of a header. Next: correct it")
            return HeaderAuth(api_key.header.name, self._secret(api_key.header.secret_ref, what))
        assert api_key.query is not None  # noqa: S101 - a union has exactly one member
        return QueryAuth(api_key.query.name, self._secret(api_key.query.secret_ref, "rest.auth.apiKey.query"))

    def _client_credentials(self, oauth2: OAuth2ClientCredentials, guard: Guard) -> ClientCredentials:
        token_url = self._setting(oauth2.token_url, "rest.auth.oauth2.tokenUrl").strip()
        guard.check_url(token_url)
        return ClientCredentials(
            token_url=token_url,
            client_id=self._setting(oauth2.client_id, "rest.auth.oauth2.clientId"),
            client_secret=self._secret(oauth2.client_secret, "rest.auth.oauth2.clientSecret"),
            scopes=tuple(oauth2.scopes),
            audience=oauth2.audience,
        )

    def _tls(self, tls: Tls | None) -> Iterable[str | None]:
        if tls is None:
            return None, None, None
        ca = self._setting(tls.ca, "rest.tls.ca") if tls.ca else None
        chain = tls.client_certificate
        certificate = self._setting(chain, "rest.tls.clientCertificate") if chain else None
        key = tls.client_key
        return ca, certificate, self._references.secret(key, self._what("rest.tls.clientKey")).reveal() if key else None

    def _setting(self, setting: Setting, what: str) -> str:
        return self._references.setting(setting, self._what(what))

    def _secret(self, secret: Secret, what: str) -> str:
        """A secret that travels in a header, in a query or in a form; known to the mask from now on."""
        text = self._references.secret(secret, self._what(what)).reveal().rstrip("\r\n")
        self._mask.add([text])
        return self._printable(text, what)

    def _printable(self, text: str, what: str) -> str:
        if not text.isprintable() or not text.strip():
            raise self._fault(what, "is empty or holds line ends or control characters. Next: write it anew")
        return text

    def _what(self, what: str) -> str:
        return f"{self._label}: {what}"

    def _fault(self, what: str, why: str) -> ConfigurationError:
        return ConfigurationError(f"{self._what(what)} {why}.")


def _is_token(name: str) -> bool:
    """A header's name (RFC 9110, 5.1)."""
    return name.isascii() and all(character.isalnum() or character in "!#$%&'*+-.^_`|~" for character in name)
