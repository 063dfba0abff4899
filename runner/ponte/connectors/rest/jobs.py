"""Bulk requests that are only accepted: the job is asked after until it has ended, within the time of the delivery.

Once the request was accepted its records may be applied at any moment, so that whatever goes wrong from then on leaves
them unknown, never refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from ponte.connectors.http.client import Client
from ponte.connectors.http.deadline import is_too_late
from ponte.connectors.http.port import Response
from ponte.connectors.http.retrying import retry_after
from ponte.connectors.rest.answers import MISSING, body_of, take, take_text
from ponte.errors import ConfigurationError, PonteError
from ponte_api.rest_writes import BulkJob

_MOST_PAGES = 1000


class JobLostError(Exception):
    """What became of the job's records is not known.

    Attributes:
        reason: stable PascalCase.
        message: safe to show once it is masked.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job that has ended.

    Attributes:
        answers: the results, a list if all is well.
        refusal: the status answer of a job of which nothing was applied; None where it was carried out.
    """

    answers: Any
    refusal: Any = None


class Jobs:
    """Follows the jobs of one object.

    Args:
        client: of the system.
        job: where its jobs are asked after.
        answers: path of the list of results in what holds them; None where it is the list.
    """

    def __init__(self, client: Client, job: BulkJob, answers: str | None) -> None:
        self._client = client
        self._job = job
        self._answers = answers
        self._fault: ConfigurationError | None = None

    def check(self) -> None:
        """Before anything is sent: raises the ConfigurationError that an earlier job met, so that it is met once."""
        if self._fault is not None:
            raise self._fault

    async def follow(self, url: str, accepted: Response) -> JobEnd:
        """The end of a job.

        Args:
            url: where the request went.
            accepted: its answer, a 2xx.

        Raises:
            JobLostError: it cannot be known, or not in time.
        """
        try:
            return await self._until_ended(self._address(url, accepted), accepted)
        except PonteError as error:
            self._fault = error if isinstance(error, ConfigurationError) else None
            raise JobLostError(error.reason, f"the job was accepted, but then: {error.message}") from error

    def _address(self, url: str, accepted: Response) -> str:
        job, body = self._job, body_of(accepted)
        if job.id is not None and job.path is not None:
            given = take_text(body, job.id)
            if given is None or given in {".", ".."}:
                raise JobLostError("UnreadableAnswer", f"HTTP {accepted.status} without a job id at {job.id}")
            return self._client.ground.base_url + job.path.replace("{job}", quote(given, safe=""))
        place = job.address or "the Location header"
        reference = take_text(body, job.address) if job.address else accepted.headers.get("location")
        if not reference:
            raise JobLostError("UnreadableAnswer", f"HTTP {accepted.status} without the job's address at {place}")
        return self._client.follow(url, reference, "the address of the job's status")

    async def _until_ended(self, address: str, answer: Response) -> JobEnd:
        clock, job = self._client.clock, self._job
        latest = clock.now() + timedelta(seconds=job.resolved_timeout_s)
        status = "accepted"
        while True:
            wait = retry_after(answer.headers, clock.now()) or job.resolved_interval_s
            next_at = clock.now() + timedelta(seconds=wait)
            if next_at > latest or is_too_late(next_at):
                raise JobLostError("JobNotFinished", f"the job is not finished in time; its last status was {status}")
            await clock.sleep(wait)
            answer = await self._client.get(address)
            if not 200 <= answer.status < 300:
                raise JobLostError("AnswerLost", f"the job was accepted, but its status is HTTP {answer.status}")
            body = body_of(answer)
            status = _status_of(body, job.status) or status
            if status in {word.casefold() for word in job.failed}:
                return JobEnd(take(body, self._answers) if self._answers else MISSING, refusal=body)
            if status in {word.casefold() for word in job.done}:
                return JobEnd(await self._results(address, body))

    async def _results(self, address: str, body: Any) -> Any:
        """The list of results, all pages of it."""
        if self._job.results is not None:
            reference = take_text(body, self._job.results)
            if reference is None:
                raise JobLostError("UnreadableAnswer", f"the job is done, but gives no address at {self._job.results}")
            address, body = await self._page(address, reference)
        found = self._list_in(body)
        for _ in range(_MOST_PAGES):
            reference = take_text(body, self._job.next) if self._job.next else None
            if reference is None or not isinstance(found, list):
                return found
            address, body = await self._page(address, reference)
            more = self._list_in(body)
            found = [*found, *more] if isinstance(more, list) else MISSING
        raise JobLostError("PagingLoops", f"the results have more than {_MOST_PAGES} pages")

    async def _page(self, address: str, reference: str) -> tuple[str, Any]:
        url = self._client.follow(address, reference, "the address of the job's results")
        answer = await self._client.get(url)
        if not 200 <= answer.status < 300:
            raise JobLostError("AnswerLost", f"the job is done, but its results are HTTP {answer.status}")
        return url, body_of(answer)

    def _list_in(self, body: Any) -> Any:
        return take(body, self._answers) if self._answers else body


def _status_of(body: Any, path: str) -> str | None:
    found = take(body, path)
    if isinstance(found, bool):
        return "true" if found else "false"
    return str(found).strip().casefold()[:64] if isinstance(found, str | int) else None
