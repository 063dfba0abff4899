"""Errors as people read them: what, why, the next step, the exit code; a traceback only where it was asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass

from ponte.cli import exit_codes
from ponte.cli.render.next_steps import MARK, whole_message
from ponte.cli.render.text import hanging
from ponte.errors import PonteError


@dataclass(frozen=True, slots=True)
class Description:
    """An error, ready to be shown."""

    reason: str
    message: str
    exit_code: int

    def as_lines(self, width: int | None = None) -> list[str]:
        """The message, the next step on a line of its own; `width` is that of the terminal, None for no limit."""
        said = self.message.replace(f" {MARK}", f"\n{MARK}").splitlines()
        return [line for one in said for line in hanging(one, width=width)]

    def as_json(self) -> str:
        """One JSON line."""
        return json.dumps(
            {"level": "error", "reason": self.reason, "message": self.message, "exitCode": self.exit_code},
            ensure_ascii=False,
        )


def describe(error: BaseException) -> Description:
    """What is told about an error. One that no part of Ponte translated is a defect and is called so."""
    if isinstance(error, PonteError):
        return Description(error.reason, whole_message(error), error.exit_code)
    name = type(error).__name__
    return Description(
        "InternalError",
        f"Something in Ponte is broken ({name}). What was acknowledged is in the ledger.\nNext: run it again with "
        "--debug and report what it says.",
        exit_codes.INTERNAL,
    )
