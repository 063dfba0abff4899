"""Errors. The class decides the consequence, the reason is stable PascalCase, the message is safe to show.

    PonteError
    ├── UsageError            64  the command line is wrong
    ├── RejectThreshold       65  more new rejects than the job allows
    ├── StateError            70  the ledger cannot be trusted; nothing was written
    ├── TransientError        75  may heal by itself; retried, then stopped at the last checkpoint
    ├── Interrupted           76  a stop signal; what was acknowledged is committed
    └── ConfigurationError    78  needs a change by a person
        └── CredentialsRefused 78 a login was refused; probed, never hammered

A record that does not get through is data, not an exception: see `ponte.engine.ports.FAULT_SCHEMA`.
Foreign exceptions are translated at each connector's edge, with the original as the cause.
"""

from __future__ import annotations


class PonteError(Exception):
    """An error with a consequence.

    Args:
        message: what, where, why and the next step; never a secret, never a whole record.
        reason: stable PascalCase reason, documented on its own page.
    """

    exit_code: int = 70
    default_reason: str = "InternalError"

    def __init__(self, message: str, *, reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason or self.default_reason


class UsageError(PonteError):
    """The command line is wrong. Exit 64."""

    exit_code = 64
    default_reason = "Usage"


class RejectThreshold(PonteError):
    """More new rejects than the job allows: the run stops, what is committed stays. Exit 65."""

    exit_code = 65
    default_reason = "TooManyRejects"


class StateError(PonteError):
    """The ledger cannot be trusted or belongs to another: nothing is written. Exit 70."""

    exit_code = 70
    default_reason = "StateError"


class TransientError(PonteError):
    """May heal by itself: retried with growing delay, then the run stops at its last checkpoint. Exit 75.

    Args:
        retry_after: seconds that the other side asked to wait, where it said so.
    """

    exit_code = 75
    default_reason = "Unavailable"

    def __init__(self, message: str, *, reason: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, reason=reason)
        self.retry_after = retry_after


class Interrupted(PonteError):
    """A stop signal: nothing new starts, what is in flight is awaited, what was acknowledged is committed. Exit 76."""

    exit_code = 76
    default_reason = "Interrupted"


class ConfigurationError(PonteError):
    """Needs a change by a person: never retried. Exit 78."""

    exit_code = 78
    default_reason = "InvalidConfiguration"


class CredentialsRefused(ConfigurationError):
    """A login was refused: no further attempt in this run. Exit 78."""

    default_reason = "CredentialsRefused"
