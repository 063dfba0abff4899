"""Options that say what is read must agree with each other."""

from __future__ import annotations

import pytest

from ponte.cli.actions.ordering import request_of
from ponte.cli.commands.jobs import OverlapOption, Reading, ReadOption, WriteOption
from ponte.errors import UsageError


def test_without_options_all_is_read_and_differences_are_written() -> None:
    request = request_of("products", Reading())

    assert (request.read, request.write, request.keys, request.overlap) == ("all", "differences", (), "refuse")


def test_keys_are_enough_to_say_that_keys_are_read() -> None:
    request = request_of("products", Reading(key=["0000042", "10\tA"]))

    assert (request.read, request.keys) == ("keys", ("0000042", "10\tA"))


@pytest.mark.parametrize("reading", [Reading(from_="2026-11-01"), Reading(to="2026-11-30", read=ReadOption.RANGE)])
def test_a_bound_is_enough_to_say_that_a_range_is_read(reading: Reading) -> None:
    request = request_of("orders", reading)

    assert (request.read, request.lower, request.upper) == ("range", reading.from_, reading.to)


def test_what_is_asked_for_is_passed_on() -> None:
    request = request_of("products", Reading(read=ReadOption.CHANGES, write=WriteOption.ALL), OverlapOption.WAIT)

    assert (request.read, request.write, request.overlap) == ("changes", "all", "wait")


@pytest.mark.parametrize(
    "reading",
    [
        Reading(read=ReadOption.KEYS),
        Reading(read=ReadOption.ALL, key=["1"]),
        Reading(key=["1"], from_="2026-11-01"),
        Reading(read=ReadOption.RANGE),
        Reading(read=ReadOption.CHANGES, to="2026-11-30"),
    ],
    ids=["keys without a key", "all with a key", "key with a bound", "range without a bound", "changes with a bound"],
)
def test_contradictions_are_refused(reading: Reading) -> None:
    with pytest.raises(UsageError, match="go together"):
        request_of("products", reading)
