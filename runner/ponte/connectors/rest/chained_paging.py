"""Pages that name the next one, by token or by link: the next is fetched while this one is worked on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from ponte.connectors.rest.answers import MISSING, is_ambiguous, take, take_text
from ponte.connectors.rest.pages import Ask, Page, PageReader, PageRefusedError, Parameters
from ponte.connectors.rest.paging import Progress, Step
from ponte.errors import ConfigurationError, TransientError
from ponte_api.sync_source import CursorPagination, LinkPagination

_EXPIRED = frozenset({400, 404, 410, 422})
_LINK = re.compile(r"""<([^<>]*)>((?:\s*;\s*[^\s=;,]+\s*(?:=\s*(?:"[^"]*"|[^\s;,"]*))?)*)""")
_REL_NEXT = re.compile(r"""(?i);\s*rel\s*=\s*(?:"[^"]*\bnext\b[^"]*"|next\b)""")


class ChainedPaging:
    """Walks one list.

    Args:
        reader: reads its pages.
        pagination: by token or by link.
        parameters: of the query, besides those of the paging.
    """

    def __init__(
        self, reader: PageReader, pagination: CursorPagination | LinkPagination, parameters: Parameters
    ) -> None:
        self._reader = reader
        self._pagination = pagination
        sizes = [(pagination.size_parameter, str(pagination.size))] if pagination.size_parameter else []
        self._parameters = [*parameters, *sizes]

    def ask(self) -> Ask:
        """What asks for the first page."""
        return self._reader.ask(self._parameters)

    async def walk(self, resume: str | None) -> AsyncIterator[Step]:
        """The pages in order; see `listing.Listing.walk`."""
        first = self.ask() if resume is None else self._at(resume, self.ask())
        progress = Progress(is_counted=resume is None)
        visited = {first}
        task: asyncio.Task[Page] | None = asyncio.create_task(self._first(first, is_resumed=resume is not None))
        try:
            while task is not None:
                page = await task
                progress.add(page)
                progress.refuse_endless(self._reader)
                position = self._next(page)
                task = self._follow(page, position, visited)
                is_last = position is None and progress.has_announced
                yield Step(page, self._kept(position), is_last=is_last)
        finally:
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    async def _first(self, ask: Ask, *, is_resumed: bool) -> Page:
        try:
            return await self._reader.read(ask)
        except PageRefusedError as error:
            if is_resumed and error.status in _EXPIRED:  # the token is too old: from the start again, nothing is lost
                return await self._first(self.ask(), is_resumed=False)
            raise error.consequence from error

    def _follow(self, page: Page, position: str | None, visited: set[Ask]) -> asyncio.Task[Page] | None:
        if position is None:
            return None
        ask = self._at(position, page.ask)
        if ask in visited:
            raise ConfigurationError(
                f"{self._where(page)}: the next page is one that was read before, so the list would never end."
                " Next: check `next` of the object's pagination.",
                reason="PagingLoops",
            )
        visited.add(ask)
        return asyncio.create_task(self._read(ask))

    async def _read(self, ask: Ask) -> Page:
        try:
            return await self._reader.read(ask)
        except PageRefusedError as error:
            if error.status in _EXPIRED:
                message = (
                    f"{self._reader.where(ask)}: HTTP {error.status}: the token of the next page is not taken any more."
                )
                raise TransientError(message, reason="CursorExpired") from error
            raise error.consequence from error

    def _next(self, page: Page) -> str | None:
        """The next token or link as the answer gives it; None at the end."""
        if isinstance(self._pagination, LinkPagination) and self._pagination.next is None:
            return _link_next(page.headers.get("link", ""))
        if isinstance(self._pagination, CursorPagination) and not self._has_more(page, self._pagination.more):
            return None
        path = self._pagination.next or ""
        self._refuse_ambiguous(page, path)
        found = take(page.body, path) if page.body is not None else None
        if found is MISSING or found is None or found is False or found == "":
            return None
        if (text := take_text(page.body, path)) is None:
            raise ConfigurationError(
                f"{self._where(page)}: {path} is no text that names the next page. Next: check `next` of the "
                "pagination."
            )
        return text

    def _refuse_ambiguous(self, page: Page, path: str) -> None:
        """Raises ConfigurationError where the answer says twice what follows: an end may be said beside a next page."""
        if page.body is not None and is_ambiguous(page.body, path):
            raise ConfigurationError(
                f"{self._where(page)}: on the way to {path} a name stands twice: nobody knows which page is next. "
                "Next: report it to the vendor."
            )

    def _has_more(self, page: Page, path: str | None) -> bool:
        """What the answer says of a page that follows; True where it is not asked."""
        if path is not None:
            self._refuse_ambiguous(page, path)
        found = True if path is None or page.body is None else take(page.body, path)
        found = {"true": True, "false": False}.get(found, found) if isinstance(found, str) else found  # of XML
        if not isinstance(found, bool):
            raise ConfigurationError(
                f"{self._where(page)}: {path} is no truth value. Next: check `more` of the pagination."
            )
        if found and path is not None and take_text(page.body, self._pagination.next) is None:
            raise ConfigurationError(
                f"{self._where(page)}: a page follows, but {self._pagination.next} does not name it. Next: check "
                "`next` and `more` of the pagination."
            )
        return found

    def _at(self, position: str, ask: Ask) -> Ask:
        if isinstance(self._pagination, LinkPagination):
            return self._reader.follow(ask, position)
        return self._reader.ask([*self._parameters, (self._pagination.parameter, position)])

    def _kept(self, position: str | None) -> str | None:
        """A position goes to the ledger: one that holds a secret does not."""
        return position if position is None or not self._reader.client.mask.finds(position) else None

    def _where(self, page: Page) -> str:
        return self._reader.where(page.ask)


def _link_next(header: str) -> str | None:
    """The target of rel=next in a Link header (RFC 8288)."""
    return next((found[1] for found in _LINK.finditer(header) if _REL_NEXT.search(found[2])), None)
