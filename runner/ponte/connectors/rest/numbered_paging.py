"""Pages by number or by offset: some are read ahead, order is kept, and no offset skips a record."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator

from ponte.connectors.rest.pages import Ask, Page, PageReader, PageRefusedError, Parameters
from ponte.connectors.rest.paging import Progress, Step
from ponte.errors import TransientError
from ponte_api.sync_source import OffsetPagination, PagePagination

_AHEAD = 4


class NumberedPaging:
    """Walks one list.

    Args:
        reader: reads its pages.
        pagination: by page or by offset.
        parameters: of the query, besides those of the paging.
    """

    def __init__(
        self, reader: PageReader, pagination: PagePagination | OffsetPagination, parameters: Parameters
    ) -> None:
        self._reader = reader
        self._parameters = parameters
        self._name = pagination.parameter
        self._is_offset = isinstance(pagination, OffsetPagination)
        if isinstance(pagination, OffsetPagination):
            self._first = 0
            self._sizes = [(pagination.limit_parameter, str(pagination.limit))]
        else:
            self._first = pagination.first
            size_name = pagination.size_parameter
            self._sizes = [(size_name, str(pagination.size))] if size_name else []
        self._largest = 0  # records on the largest page: servers cap what they are asked for
        self._tasks: deque[tuple[int, asyncio.Task[Page | None]]] = deque()

    def ask(self, number: int | None = None) -> Ask:
        """What asks for a page; for the first one by default."""
        at = str(self._first if number is None else number)
        return self._reader.ask([*self._parameters, *self._sizes, (self._name, at)])

    async def walk(self, resume: str | None) -> AsyncIterator[Step]:
        """The pages in order; see `listing.Listing.walk`."""
        number = int(resume) if resume and resume.isdigit() else self._first
        progress = Progress(seen=number if self._is_offset else 0, is_counted=self._is_offset or number == self._first)
        ahead = 1
        try:
            while not progress.is_over:
                page = await self._next(number, ahead) or await self._asked_again(number)
                if page is None:
                    yield Step(Page(self.ask(number), [], None, {}, None), str(number), is_last=progress.has_announced)
                    return
                progress.add(page)
                progress.refuse_endless(self._reader)
                count = len(page.elements)
                self._largest = max(self._largest, count)
                number = self._after(number, count)
                limit = self._reader.client.limits.connections
                ahead = min(_AHEAD, limit) if count and count >= self._largest else 1
                yield Step(page, str(number), is_last=progress.is_over and progress.has_announced)
        finally:
            await self._drop()

    def _after(self, number: int, count: int) -> int:
        """An offset goes on by what really came: a capped page would else skip records."""
        return number + (count or self._largest or 1) if self._is_offset else number + 1

    async def _next(self, number: int, ahead: int) -> Page | None:
        if self._tasks and self._tasks[0][0] != number:
            await self._drop()
        while len(self._tasks) < ahead:
            following = self._after(self._tasks[-1][0], self._largest) if self._tasks else number
            self._tasks.append((following, asyncio.create_task(self._read(following))))
        _, task = self._tasks.popleft()
        return await task

    async def _read(self, number: int) -> Page | None:
        """A page, or None where the server says 404 behind the first one."""
        try:
            return await self._reader.read(self.ask(number))
        except PageRefusedError as error:
            if error.status == 404 and number != self._first:
                return None
            raise error.consequence from error

    async def _asked_again(self, number: int) -> Page | None:
        """The page after a 404. Some servers say it behind the end, others while they are being exchanged.

        It is the end where the page before is still there and this one, asked for once more, is still not.
        """
        before = max(self._first, number - (self._largest or 1 if self._is_offset else 1))
        if await self._read(before) is None:
            raise TransientError(
                f"{self._reader.where(self.ask(number))}: HTTP 404, and the page before is gone too."
                " The list cannot be read to its end now. Next: run it again.",
                reason="PageGone",
            )
        return await self._read(number)

    async def _drop(self) -> None:
        for _, task in self._tasks:
            task.cancel()
        await asyncio.gather(*(task for _, task in self._tasks), return_exceptions=True)
        self._tasks.clear()
