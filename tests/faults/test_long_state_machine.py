"""The state machine of the engine's unit tests, with many more examples and longer ones."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from unit.engine.test_state_machine import Synchronisation


@pytest.mark.timeout(2700)
def test_any_order_of_edits_runs_crashes_and_bad_answers_ends_in_step() -> None:
    long = settings(max_examples=400, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))
    run_state_machine_as_test(Synchronisation, settings=long)
