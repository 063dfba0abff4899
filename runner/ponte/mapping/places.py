"""Where in a Mapping something is wrong, so that people are led to the line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ponte.errors import ConfigurationError


class RuleError(ConfigurationError):
    """A rule that cannot work, with its place in the Mapping.

    Args:
        path: such as `fields[3].sql`.
        message: what is wrong with it.
        reason: as in ConfigurationError.
    """

    def __init__(self, path: str, message: str, reason: str | None = None) -> None:
        super().__init__(f"{path}: {message}", reason=reason)
        self.path = path
        self.bare = message


@contextmanager
def located(path: str) -> Iterator[None]:
    """Adds a place, such as `fields[3]` or `sql`, to what is wrong within."""
    try:
        yield
    except RuleError as error:
        raise RuleError(f"{path}.{error.path}", error.bare, error.reason) from error
    except ConfigurationError as error:
        raise RuleError(path, error.message, error.reason) from error
