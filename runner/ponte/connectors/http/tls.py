"""TLS settings: verification is always on (system authorities or a private one), TLS 1.2 at least."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ponte.errors import ConfigurationError

_HANDSHAKE_ALERTS = (
    *("certificate required", "unknown ca", "bad certificate", "certificate expired", "certificate revoked"),
    *("certificate unknown", "unsupported certificate", "access denied", "handshake failure"),
)
"""RFC 8446, 6.2: how a server ends a handshake. By TLS 1.3 the client meets that only where it waits for the answer."""


def build_context(label: str, ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """A client's context.

    Args:
        label: the SyncSource, for messages.
        ca: PEM of the authorities to trust instead of the system's.
        certificate: PEM of the client's certificate chain.
        key: PEM of its private key.

    Raises:
        ConfigurationError: something is no PEM, or key and certificate do not belong together.
    """
    try:
        context = ssl.create_default_context(cadata=ca)
    except (ssl.SSLError, ValueError) as error:
        raise ConfigurationError(
            f"{label}: rest.tls.ca holds no PEM certificate. Next: put the certificate of the authority there, as PEM."
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if (certificate is None) != (key is None):
        raise ConfigurationError(
            f"{label}: rest.tls: clientCertificate and clientKey belong together. Next: give both, or neither."
        )
    if certificate is not None and key is not None:
        _load_client(context, label, certificate, key)
    return context


def _load_client(context: ssl.SSLContext, label: str, certificate: str, key: str) -> None:
    with tempfile.TemporaryDirectory(
        prefix="ponte-tls-"
    ) as folder:  # the ssl module reads certificates from files only
        chain, secret = Path(folder, "chain.pem"), Path(folder, "key.pem")
        chain.write_text(certificate)
        secret.touch(mode=0o600)
        secret.write_text(key)
        try:
            context.load_cert_chain(chain, secret, password=_refuse_password)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                f"{label}: rest.tls: clientCertificate and clientKey are no PEM pair (a key with a pass"
                " phrase is not taken). Next: put the certificate and its key there, as PEM, without a pass phrase."
            ) from error


def _refuse_password() -> str:
    raise ValueError("no pass phrase")


def refusal(error: BaseException | None) -> str | None:
    """Why one of the two sides refused the other's certificate, where that is behind an error; None for all else."""
    return next((told for one in _behind(error) if (told := _told(one)) and _is_refusal(one, told)), None)


def words_of(error: BaseException | None) -> str:
    """What TLS says of an error; empty where it says nothing."""
    return next((told for one in _behind(error) if (told := _told(one))), "")


def _is_refusal(error: BaseException, told: str) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError) or told.endswith(_HANDSHAKE_ALERTS)


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _told(error: BaseException) -> str:
    """The words of OpenSSL; libraries derive errors of their own from those of the ssl module, without words."""
    if not isinstance(error, ssl.SSLError):
        return ""
    return getattr(error, "verify_message", "") or (getattr(error, "reason", "") or "").lower().replace("_", " ")
