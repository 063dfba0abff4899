"""What to do next, where a message does not say it: what may heal by itself says only what happened, and where.

A connector does not know who reads its message: a run that tries again needs no advice, a person at a terminal does.
"""

from __future__ import annotations

from ponte.errors import PonteError, TransientError

MARK = "Next: "
_AGAIN = "run it again later; it goes on where it stopped."
_REACH = "see whether the system is up, and at address, DNS, proxy and firewall on the way to it."
_STEPS = {
    "ConnectionFailed": _REACH,
    "ConnectionLost": _REACH,
    "Unavailable": _REACH,
    "TlsRefused": "see whether it speaks TLS, and whether its certificate has this name, is valid, of a known signer.",
    "Timeout": "see whether the system is slow or overloaded, or raise its timeout.",
    "RateLimited": "lower limits.requestsPerSecond of the system, or run it again later.",
    "ServerError": "look at the system's own log, or run it again later.",
    "AnswerTooLarge": "have less asked for at once (the size of a page in `pagination`).",
    "InvalidUrl": "correct the address.",
    "UnreadableAnswer": "see whether the address leads to the right place, and whether the system is in order.",
}


def with_next_step(reason: str, message: str) -> str:
    """What was found out about a system, with a next step where its reason has one."""
    return message if MARK in message or reason not in _STEPS else f"{message} {MARK}{_STEPS[reason]}"


def whole_message(error: PonteError) -> str:
    """The message of an error, with a next step."""
    if MARK in error.message or error.exit_code != TransientError.exit_code:
        return error.message
    return f"{error.message} {MARK}{_STEPS.get(error.reason, _AGAIN)}"
