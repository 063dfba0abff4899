"""Pages that name the next one, by token or by link: the next is fetched while this one is worked on."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

from ponte.connectors.rest.answers import MISSING, take, take_text
from ponte.connectors.rest.pages import Page, PageReader, PageRefusedError, Parameters
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

    def url(self) -> str:
        """The address of the first page."""
        return self._reader.url(self._parameters)

    async def walk(self, resume: str | None) -> AsyncIterator[Step]:
        """The pages in order; see `listing.Listing.walk`."""
        first = self.url() if resume is None else self._at(resume, self.url())
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

    async def _first(self, url: str, *, is_resumed: bool) -> Page:
        try:
            return await self._reader.read(url)
        except PageRefusedError as error:
            if is_resumed and error.status in _EXPIRED:  # the token is too old: from the start again, nothing is lost
                return await self._first(self.url(), is_resumed=False)
            raise error.consequence from error

    def _follow(self, page: Page, position: str | None, visited: set[str]) -> asyncio.Task[Page] | None:
        if position is None:
            return None
        url = self._at(position, page.url)
        if url in visited:
            raise ConfigurationError(
                f"{self._where(page)}: the next page is one that was read before, so the list would never end."
                " Check `next` of the object's pagination.",
                reason="PagingLoops",
            )
        visited.add(url)
        return asyncio.create_task(self._read(url))

    async def _read(self, url: str) -> Page:
        try:
            return await self._reader.read(url)
        except PageRefusedError as error:
            if error.status in _EXPIRED:
                where = self._reader.client.where("GET", url)
                message = f"{where}: HTTP {error.status}: the token of the next page is not taken any more."
                raise TransientError(message, reason="CursorExpired") from error
            raise error.consequence from error

    def _next(self, page: Page) -> str | None:
        """The next token or link as the answer gives it; None at the end."""
        if isinstance(self._pagination, LinkPagination) and self._pagination.next is None:
            return _link_next(page.headers.get("link", ""))
        path = self._pagination.next or ""
        found = take(page.body, path) if page.body is not None else None
        if found is MISSING or found is None or found is False or found == "":
            return None
        if (text := take_text(page.body, path)) is None:
            raise ConfigurationError(f"{self._where(page)}: {path} is no text that names the next page.")
        return text

    def _at(self, position: str, url: str) -> str:
        if isinstance(self._pagination, LinkPagination):
            return self._reader.client.follow(url, position, "the next page's link")
        return self._reader.url([*self._parameters, (self._pagination.parameter, position)])

    def _kept(self, position: str | None) -> str | None:
        """A position goes to the ledger: one that holds a secret does not."""
        return position if position is None or not self._reader.client.mask.finds(position) else None

    def _where(self, page: Page) -> str:
        return self._reader.client.where("GET", page.url)


def _link_next(header: str) -> str | None:
    """The target of rel=next in a Link header (RFC 8288)."""
    return next((found[1] for found in _LINK.finditer(header) if _REL_NEXT.search(found[2])), None)
