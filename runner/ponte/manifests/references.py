"""Settings and secrets without a cluster: from a folder, as a pod mounts them, or from the environment.

`secretRef: {name: shop-login, key: token}` is the file `DIR/shop-login/token`, or the variable
`PONTE_SECRET_SHOP_LOGIN_TOKEN`; `configMapRef` likewise, with `PONTE_CONFIG_...`. The folder comes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from pathlib import Path

from ponte.errors import ConfigurationError
from ponte_api.common import KeyRef, Secret, Setting, has_credentials

MOST_BYTES = 1024 * 1024  # as large as a Secret may be
_SAFE_NAME = re.compile(r"[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?")
_SAFE_KEY = re.compile(r"(?!\.\.|\.$)[-._A-Za-z0-9]+")


class SecretText:
    """A secret: shown as stars wherever it is printed; `reveal` gives the text, as late as possible."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "SecretText(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SecretText) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> str | tuple[object, ...]:
        """Refuses to be pickled, so that no secret ends in a file or in another process by accident."""
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class References:
    """Resolves references.

    Attributes:
        environment: variables, usually `os.environ`.
        secrets: folder with one folder per Secret, or None.
        configs: folder with one folder per ConfigMap, or None for the folder of the secrets.
    """

    environment: ReadOnly[str, str] = field(repr=False)
    secrets: Path | None = None
    configs: Path | None = None

    def setting(self, setting: Setting, what: str) -> str:
        """The value of a setting; `what` names it in messages, such as `SyncSource shop: rest.baseUrl`.

        Raises:
            ConfigurationError: it is nowhere to be found, or a URL that carries a password.
        """
        return self.setting_as_secret(setting, what).reveal()

    def setting_as_secret(self, setting: Setting, what: str) -> SecretText:
        """As `setting`, masked: for values that come from a Secret, such as a user name in logs."""
        if setting.value is not None:
            return SecretText(setting.value)
        assert setting.value_from is not None  # noqa: S101 - a union has exactly one member
        kind, reference = setting.value_from.chosen
        value = self._found("SECRET" if kind == "secretRef" else "CONFIG", reference, what)
        if has_credentials(value):
            raise ConfigurationError(
                f"{what}: {_named(kind == 'secretRef', reference)} is a URL with a user name or password in it. "
                "Next: take them out of the URL and give them as username and password.",
                reason="UrlWithPassword",
            )
        return SecretText(value)

    def secret(self, secret: Secret, what: str) -> SecretText:
        """The value of a credential; `what` names it in messages.

        Raises:
            ConfigurationError: it is nowhere to be found, or empty.
        """
        return SecretText(self._found("SECRET", secret.secret_ref, what))

    def _found(self, kind: str, reference: KeyRef, what: str) -> str:
        folder = self.secrets if kind == "SECRET" else (self.configs or self.secrets)
        named = _named(kind == "SECRET", reference)
        if not _SAFE_NAME.fullmatch(reference.name) or not _SAFE_KEY.fullmatch(reference.key):
            raise ConfigurationError(
                f'{what}: {named} is no valid name. Next: use letters, digits, "-", "_" and "." only.',
                reason="InvalidReference",
            )
        file = folder / reference.name / reference.key if folder is not None else None
        variable = variable_name(kind, reference)
        value = _file_text(file, what) if file is not None and file.is_file() else self.environment.get(variable)
        if value is None:
            raise ConfigurationError(_missing(named, what, file, variable), reason="ReferenceNotFound")
        if not (value := _without_newline(value)):
            raise ConfigurationError(f"{what}: {named} is empty. Next: write the value there.", reason="ReferenceEmpty")
        return value


def variable_name(kind: str, reference: KeyRef) -> str:
    """PONTE_SECRET_SHOP_LOGIN_TOKEN of name shop-login and key token."""
    return re.sub(r"[-.]", "_", f"PONTE_{kind}_{reference.name}_{reference.key}").upper()


def _named(is_secret: bool, reference: KeyRef) -> str:  # noqa: FBT001 - a word in a message
    return f'key "{reference.key}" of {"Secret" if is_secret else "ConfigMap"} "{reference.name}"'


def _missing(named: str, what: str, file: Path | None, variable: str) -> str:
    looked = f"the file {file}" if file is not None else "no folder (none is given by --secrets)"
    return (
        f"{what}: {named} is not there. Ponte looked at {looked} and at the variable {variable}. Next: "
        f"{f'write {file}' if file is not None else 'give a folder by --secrets DIR'}, or set the variable."
    )


def _file_text(file: Path, what: str) -> str:
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise ConfigurationError(
                f"{what}: {file} is larger than 1 MiB. Next: check that it is the right file.",
                reason="ReferenceUnreadable",
            )
        return content.decode("utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{what}: {file} cannot be read: {error.strerror}. Next: let this user read it.",
            reason="ReferenceUnreadable",
        ) from error
    except UnicodeDecodeError:
        raise ConfigurationError(
            f"{what}: {file} is not UTF-8 text. Next: write it in UTF-8; certificates as PEM.",
            reason="ReferenceUnreadable",
        ) from None


def _without_newline(value: str) -> str:
    return value.removesuffix("\n").removesuffix("\r")
