"""Each message at a terminal says what to do next, also those of connectors that only say what happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ponte.cli.render.errors import describe
from ponte.cli.render.next_steps import MARK, with_next_step
from ponte.engine.ports import UNANSWERED
from ponte.engine.run import RunFailed
from ponte.errors import ConfigurationError, TransientError
from ponte_api.result import RunResult

RUN = RunResult(
    run="r1", job="products", action="sync", read_mode="all", phase="Failed", reason="Failed",
    started_at=datetime(2026, 11, 23, 2, 0, tzinfo=UTC),
)  # fmt: skip


@pytest.mark.parametrize("reason", sorted(UNANSWERED))
def test_a_run_whose_target_does_not_answer_gets_a_step_of_its_own(reason: str) -> None:
    described = describe(RunFailed(TransientError("shop: nothing came.", reason=reason), RUN))

    assert described.as_lines()[0] == "shop: nothing came."
    assert described.as_lines()[1].startswith(MARK)
    assert "goes on where it stopped" not in described.message


def test_what_passes_by_itself_is_to_be_run_again() -> None:
    described = describe(TransientError("The ledger is being migrated.", reason="LedgerUnavailable"))

    assert described.as_lines()[1] == "Next: run it again later; it goes on where it stopped."


def test_a_step_that_the_message_names_is_the_only_one() -> None:
    named = "drop: a.csv is empty. Next: look at what writes it."

    assert describe(TransientError(named, reason="Timeout")).message == named
    assert with_next_step("Timeout", named) == named
    assert describe(ConfigurationError("fields[0]: two rules make it; keep one")).message.endswith("keep one")
