"""Which page comes next, and when a list has truly ended.

The classic traps of paging are met here and in the two kinds of paging: a page that repeats for ever, a link that
leaves the system, a token that comes back, an empty or short page in the middle, a server that gives fewer records per
page than it was asked for, a total that lies. A list has ended only when the server says so; anything else ends the
reading without `is_last`, or with an error.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from ponte.connectors.rest.pages import Page, PageReader, PageRefusedError, Parameters
from ponte.errors import ConfigurationError

_MOST_EMPTY_LINKS = 100
_MOST_REPEATS = 2


@dataclass(frozen=True, slots=True)
class Step:
    """A page in its place.

    Attributes:
        page: what was read.
        position: where a later reading goes on behind this page; None where it cannot.
        is_last: the server said that nothing follows, and no fewer records came than it announced.
    """

    page: Page
    position: str | None
    is_last: bool


@dataclass(slots=True)
class Progress:
    """What has been seen of a list so far.

    Attributes:
        seen: records, counted from the list's start.
        is_counted: whether `seen` really counts from the start (a resumed reading cannot always know).
        empties: empty pages in a row.
        repeats: how often the last page came again unchanged.
    """

    seen: int = 0
    is_counted: bool = True
    empties: int = 0
    repeats: int = 0
    _previous: Page | None = None

    def add(self, page: Page) -> None:
        """Counts a page.

        Raises:
            ConfigurationError: PageRepeats: the same records again and again, so the paging is not understood.
        """
        is_same = self._previous is not None and bool(page.elements) and page.elements == self._previous.elements
        self.repeats = self.repeats + 1 if is_same else 0
        self.empties = 0 if page.elements else self.empties + 1
        self.seen += len(page.elements)
        self._previous = page

    def refuse_endless(self, reader: PageReader) -> None:
        """Raises ConfigurationError (PageRepeats) when the pages go round in circles."""
        if self._previous is not None and (self.repeats >= _MOST_REPEATS or self.empties > _MOST_EMPTY_LINKS):
            raise ConfigurationError(
                f"{reader.where(self._previous.ask)}: each page holds the same records as the one before."
                " The server does not know the parameter of `pagination`. Next: check its name.",
                reason="PageRepeats",
            )

    @property
    def has_announced(self) -> bool:
        """Whether all that the server announced has come; True where it announced nothing."""
        announced = self._previous.announced if self._previous is not None else None
        return not self.is_counted or announced is None or self.seen >= announced

    @property
    def is_over(self) -> bool:
        """Whether an empty page is the end: at once when all that was announced has come, else with the second."""
        announces = self._previous is not None and self._previous.announced is not None
        return self.empties > 1 or (self.empties == 1 and announces and self.is_counted and self.has_announced)


async def walk_single(reader: PageReader, parameters: Parameters) -> AsyncIterator[Step]:
    """A list that one answer holds whole."""
    try:
        page = await reader.read(reader.ask(parameters))
    except PageRefusedError as error:
        raise error.consequence from error
    yield Step(page, None, is_last=page.announced is None or len(page.elements) >= page.announced)
