"""How long a piece of work may go on, whatever calls it makes: carried by the task, obeyed by the client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

_DEADLINE: ContextVar[datetime | None] = ContextVar("ponte_http_deadline", default=None)


@contextmanager
def work_until(moment: datetime) -> Iterator[None]:
    """No request starts and no pause ends after this moment, in this task and in those that it starts."""
    token = _DEADLINE.set(moment)
    try:
        yield
    finally:
        _DEADLINE.reset(token)


def is_too_late(moment: datetime) -> bool:
    """Whether the deadline, where there is one, has come by this moment."""
    deadline = _DEADLINE.get()
    return deadline is not None and moment >= deadline
