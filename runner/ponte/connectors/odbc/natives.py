"""What a database's own error numbers mean, as a table of reasons. No values of records get into a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ponte.connectors.relational.client import RefusedError
from ponte.connectors.relational.next_steps import with_step
from ponte.connectors.relational.sqlstates import LOST
from ponte.errors import ConfigurationError, CredentialsRefused, PonteError, TransientError

Translate = Callable[[int, str, str], PonteError | RefusedError | None]
LOGIN, PASSING = "CredentialsRefused", "Passing"
_REFUSALS = {
    "DuplicateAtTarget": "another record of the target already has this value",
    "RequiredFieldMissing": "the column must not be empty",
    "ReferenceMissing": "the record refers to one that is not there, or is referred to",
    "CheckFailed": "the record breaks a check of the target",
    "TooLong": "a text is longer than its column",
    "OutOfRange": "a number or time is out of the column's range",
    "NotConvertible": "a text does not stand for a value of the column's type",
}


def translating(reasons: Mapping[int, str]) -> Translate:
    """Makes of these numbers a refusal of data, a refused login, what may pass, or a fault of the configuration."""

    def translate(native: int, message: str, label: str) -> PonteError | RefusedError | None:
        reason = reasons.get(native)
        if reason is None:
            return None
        if reason in _REFUSALS:
            return RefusedError(reason, f"{_REFUSALS[reason]} (error {native})")
        if reason == LOGIN:
            return CredentialsRefused(
                f"{label}: the login was refused (error {native}). Next: check user name and password."
            )
        if reason in {LOST, PASSING}:
            told = f"{label}: {message} (error {native})."
            return TransientError(told, reason=LOST) if reason == LOST else TransientError(told)
        return ConfigurationError(with_step(f"{label}: {message} (error {native})", reason), reason=reason)

    return translate
