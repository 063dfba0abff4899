"""One chunk on its way: as many requests at once as the system bears, the first alone, and an account of every row.

What certainly had no effect is an exception as long as nothing of the chunk had one; after that it is an unsent row
where the system was away, the login refused or the time over, else a rejected one, which the next run tries again.
What may have had an effect is unknown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from ponte.connectors.http.client import Client, UnansweredError
from ponte.connectors.http.deadline import is_too_late
from ponte.connectors.rest.concurrency import gather
from ponte.connectors.rest.outcomes import Outcome
from ponte.engine.ports import SHUT_OUT, UNANSWERED
from ponte.errors import ConfigurationError, CredentialsRefused, Interrupted, PonteError, TransientError

Piece = Sequence[int]

_FEW_DOUBTS = 2


@dataclass(frozen=True, slots=True)
class Split:
    """A piece that was refused as a whole: its parts are tried instead."""

    pieces: tuple[Piece, ...]


def patience_of(client: Client, *, is_repeatable: bool) -> int:
    """How many failures in a row a chunk bears: few where each may leave something in doubt."""
    return client.limits.connections if is_repeatable else min(_FEW_DOUBTS, client.limits.connections)


class Chunk:
    """Delivers the pieces of a chunk.

    Args:
        client: of the system.
        count: rows of the chunk.
        patience: so many failures in a row, and one more, say that the system is away. Where none may be repeated, each
            may have had its effect: then pieces go one by one until the first is answered.
        deliver: sends one piece, rows by index, and says what became of each in their order. It raises a PonteError
            only where the piece certainly had no effect, or `UnansweredError`.
    """

    def __init__(
        self,
        client: Client,
        count: int,
        patience: int,
        deliver: Callable[[Piece], Awaitable[Sequence[Outcome] | Split]],
    ) -> None:
        self._client = client
        self._patience = patience
        self._deliver = deliver
        self._results: list[Outcome | PonteError | None] = [None] * count
        self._failures = 0
        self._stop: PonteError | None = None

    async def run(self, pieces: Sequence[Piece]) -> list[Outcome]:
        """What became of each row.

        Raises:
            PonteError: certainly nothing of the chunk was applied.
        """
        queue = iter(pieces)
        for piece in queue:
            await self._work(piece)
            if not self._failures or self._patience >= self._client.limits.connections:
                break
        width = min(self._client.limits.connections, len(pieces))
        await gather(self._take_from(queue) for _ in range(width))
        return self._conclude()

    async def _take_from(self, queue: Iterator[Piece]) -> None:
        for piece in queue:
            await self._work(piece)

    async def _work(self, piece: Piece) -> None:
        result = self._stop or self._lateness() or await self._attempt(piece)
        if isinstance(result, Split):
            for part in result.pieces:
                await self._work(part)
            return
        for place, row in enumerate(piece):
            self._results[row] = result if isinstance(result, PonteError) else result[place]

    async def _attempt(self, piece: Piece) -> Sequence[Outcome] | Split | PonteError:
        try:
            outcomes = await self._deliver(piece)
        except PonteError as error:
            self._note(error)
            if isinstance(error, UnansweredError) and error.is_sent:
                return [Outcome("unknown", reason=error.reason, message=error.message) for _ in piece]
            return error
        self._failures = 0
        return outcomes

    def _note(self, error: PonteError) -> None:
        """A refused login, wrong settings and a stop signal stop the chunk at once, a system that is away soon."""
        self._failures += 1
        if isinstance(error, ConfigurationError | Interrupted) or self._failures > self._patience:
            self._stop = self._stop or error

    def _lateness(self) -> PonteError | None:
        if not is_too_late(self._client.clock.now()):
            return None
        return TransientError(
            f"{self._client.ground.label}: not sent, the time for this chunk was over. Next: run it again; if this "
            "happens often, raise limits.connections."
        )

    def _conclude(self) -> list[Outcome]:
        failures = [result for result in self._results if isinstance(result, PonteError)]
        if len(failures) == len(self._results):
            raise min(failures, key=_weight)
        return [_as_outcome(result) for result in self._results]


def _weight(error: PonteError) -> int:
    order = (CredentialsRefused, ConfigurationError, PonteError)
    return next(place for place, kind in enumerate(order) if isinstance(error, kind))


def _as_outcome(result: Outcome | PonteError | None) -> Outcome:
    assert result is not None  # noqa: S101 - every piece is worked on
    if isinstance(result, Outcome):
        return result
    is_unsent = isinstance(result, Interrupted) or result.reason in UNANSWERED | SHUT_OUT
    return Outcome("unsent" if is_unsent else "rejected", reason=result.reason, message=result.message)
