"""TLS settings: verification is always on (system authorities or a private one), TLS 1.2 at least."""

from __future__ import annotations

import ssl
import tempfile
from pathlib import Path

from ponte.errors import ConfigurationError


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
