"""Errors as people read them: what, why, the next step, the exit code; a traceback only where it was asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ponte.cli import exit_codes
from ponte.cli.render.text import escape
from ponte.errors import PonteError


@dataclass(frozen=True, slots=True)
class Description:
    """An error, ready to be shown."""

    reason: str
    message: str
    exit_code: int

    def as_lines(self) -> list[str]:
        """The message, line by line; a note of the exit code where scripts will ask for it."""
        return [escape(line) for line in self.message.splitlines()]

    def as_json(self) -> str:
        """One JSON line."""
        return json.dumps(
            {"level": "error", "reason": self.reason, "message": self.message, "exitCode": self.exit_code},
            ensure_ascii=False,
        )


def describe(error: BaseException) -> Description:
    """What is told about an error. One that no part of Ponte translated is a defect and is called so."""
    if isinstance(error, PonteError):
        return Description(error.reason, error.message, error.exit_code)
    name = type(error).__name__
    return Description(
        "InternalError",
        f"Something in Ponte is broken ({name}). What was acknowledged is in the ledger.\n"
        "Next: run it again with --debug and report what it says.",
        exit_codes.INTERNAL,
    )
