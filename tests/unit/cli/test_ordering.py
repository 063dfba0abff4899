"""Options that say what is read must agree with each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from ponte.cli.actions.ordering import request_of, require_whole_keys
from ponte.cli.commands.jobs import OverlapOption, Reading, ReadOption, WriteOption
from ponte.errors import UsageError
from ponte.manifests import load


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


ORDERS = """
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}
spec:
  files: {path: {value: "."}}
  objects:
  - {name: lines, path: lines.csv, csv: {}, key: [ORD, ROW]}
  - {name: shop, path: shop.csv, csv: {}, key: [id]}
---
apiVersion: ponte.dev/v1alpha1
kind: Mapping
metadata: {name: line}
spec: {key: [id], fields: [{to: id, from: ORD}]}
---
apiVersion: ponte.dev/v1alpha1
kind: SyncJob
metadata: {name: lines}
spec: {source: {name: erp, object: lines}, target: {name: erp, object: shop}, mapping: line}
"""


@pytest.mark.parametrize("key", ["12", "", "12\t", "\t1", "12\t1\t2"])
def test_a_key_that_no_record_can_have_is_refused_with_the_fields_of_the_key(key: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ORDERS)
    manifests = load([tmp_path])

    with pytest.raises(UsageError, match=r"no key of erp/lines. Next: write ORD and ROW, joined by a tab"):
        require_whole_keys(request_of("lines", Reading(key=["1\t2", key])), manifests)

    require_whole_keys(request_of("lines", Reading(key=["12\t1"])), manifests)
    require_whole_keys(request_of("lines", Reading()), manifests)
