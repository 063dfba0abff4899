"""Failpoints: places before and after each effect where a process can be made to die, for tests of recovery.

`PONTE_FAILPOINT=NAME:HIT:ACTION` arms them, several separated by commas. NAME is that of a failpoint, or `*` for any;
HIT counts from 1. ACTION is `kill` (SIGKILL at once), `kill+SECONDS` (SIGKILL so much later, in the middle of whatever
goes on then) or `raise` (FailpointReached). Only programs of `ponte.testing` look at the variable.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from ponte.errors import UsageError

VARIABLE = "PONTE_FAILPOINT"
ANY = "*"
_FORM = re.compile(r"(?P<name>[a-z.-]+|\*):(?P<hit>[1-9][0-9]*):(?:(?P<kill>kill)(?:\+(?P<after>[0-9.]+))?|raise)")


class FailpointReached(BaseException):
    """An armed failpoint was reached. No exception that anybody may handle: the process is meant to be gone."""


@dataclass(frozen=True, slots=True)
class Trap:
    """What happens when a failpoint is reached for the nth time.

    Attributes:
        name: of the failpoint; `*` counts all of them.
        hit: from 1.
        kill_after_s: seconds until SIGKILL; None raises instead.
    """

    name: str
    hit: int
    kill_after_s: float | None


@dataclass(slots=True)
class Failpoints:
    """Implements `ponte.engine.ports.Failpoint`: counts what is reached, and springs its traps."""

    traps: tuple[Trap, ...] = ()
    reached: Counter[str] = field(default_factory=Counter)

    async def __call__(self, name: str) -> None:
        """Called by the engine before and after each effect."""
        self.reached[name] += 1
        for trap in self.traps:
            met = self.reached.total() if trap.name == ANY else self.reached[name]
            if trap.name in (ANY, name) and met == trap.hit:
                _spring(trap, name)


def armed_by(environment: Mapping[str, str]) -> Failpoints:
    """The failpoints that an environment asks for; without the variable none does anything.

    Raises:
        UsageError: the variable makes no sense.
    """
    text = environment.get(VARIABLE, "")
    return Failpoints(tuple(_trap(part) for part in text.split(",") if part))


def _trap(text: str) -> Trap:
    match = _FORM.fullmatch(text)
    if match is None:
        raise UsageError(f"{VARIABLE} is {text!r}. It must be NAME:HIT:kill, NAME:HIT:kill+SECONDS or NAME:HIT:raise.")
    after = float(match["after"] or 0) if match["kill"] else None
    return Trap(match["name"], int(match["hit"]), after)


def _spring(trap: Trap, name: str) -> None:
    if trap.kill_after_s is None:
        raise FailpointReached(name)
    if trap.kill_after_s:
        timer = threading.Timer(trap.kill_after_s, _die)
        timer.daemon = True
        timer.start()
    else:
        _die()


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
