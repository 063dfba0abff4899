"""Lists of one object, whatever their paging: what source, look-up, probe and schema read from."""

from __future__ import annotations

from collections.abc import AsyncIterator

from ponte.connectors.http.client import Client
from ponte.connectors.rest.chained_paging import ChainedPaging
from ponte.connectors.rest.numbered_paging import NumberedPaging
from ponte.connectors.rest.pages import Page, PageReader, PageRefusedError, Parameters
from ponte.connectors.rest.paging import Step, walk_single
from ponte.connectors.rest.templates import Endpoint
from ponte.errors import ConfigurationError
from ponte_api.sync_source import CursorPagination, LinkPagination, ListRequest, Pagination


class Listing:
    """The list of one object.

    Args:
        client: of the system.
        endpoint: of the list.
        request: how it is listed.
        pagination: how it is paged, unless the request says so.
    """

    def __init__(
        self, client: Client, endpoint: Endpoint, request: ListRequest | None, pagination: Pagination | None
    ) -> None:
        self._reader = PageReader(client, endpoint, request or ListRequest())
        self._pagination = (request and request.pagination) or pagination
        if endpoint.body is not None and self._pagination is not None and self._pagination.link is not None:
            raise ConfigurationError(
                f"{client.where(endpoint.method, client.ground.base_url + endpoint.path)}: a call is not paged by "
                "link. Next: choose page, offset or cursor."
            )

    @property
    def is_paged(self) -> bool:
        """Whether it comes in pages, each by a request of its own."""
        return self._pagination is not None

    def walk(self, parameters: Parameters = (), resume: str | None = None) -> AsyncIterator[Step]:
        """The pages in order, from the start or behind an earlier position.

        Raises:
            TransientError: no readable page came; CursorExpired, PageGone.
            CredentialsRefused: the login may not read it.
            ConfigurationError: RecordsNotFound, RequestRefused, PageRepeats, PagingLoops, LinkLeavesSystem.
        """
        if (paging := self._paging(parameters)) is None:
            return walk_single(self._reader, parameters)
        return paging.walk(resume)

    async def first(self) -> Page:
        """The first page alone."""
        paging = self._paging(())
        try:
            return await self._reader.read(self._reader.ask(()) if paging is None else paging.ask())
        except PageRefusedError as error:
            raise error.consequence from error

    def _paging(self, parameters: Parameters) -> NumberedPaging | ChainedPaging | None:
        if self._pagination is None:
            return None
        _, chosen = self._pagination.chosen
        if isinstance(chosen, CursorPagination | LinkPagination):
            return ChainedPaging(self._reader, chosen, parameters)
        return NumberedPaging(self._reader, chosen, parameters)
