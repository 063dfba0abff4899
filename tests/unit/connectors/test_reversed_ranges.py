"""A range that ends before it begins is a slip of the command line, not a reading of nothing."""

import pytest

from ponte.connectors.bounds import check_bounds
from ponte.engine.ports import Read
from ponte.errors import UsageError


def check(lower: str, upper: str) -> None:
    check_bounds(Read("range", 10, lower=lower, upper=upper), lambda _: True, "1", "erp/orders, cursor day")


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ("2026-12-01", "2026-11-30"),
        ("10", "9"),
        ("1.50", "1.49"),
        ("2026-11-30T10:00:00Z", "2026-11-30T10:30:00+01:00"),
    ],
)
def test_a_range_that_ends_before_it_begins_is_refused(lower, upper):
    with pytest.raises(UsageError, match="is later than --to"):
        check(lower, upper)


@pytest.mark.parametrize(
    ("lower", "upper"),
    [("2026-11-30", "2026-11-30"), ("9", "10"), ("2026-11-30T10:00:00", "2026-11-30T09:00:00Z"), ("b", "a")],
    ids=["equal", "numbers, not letters", "one with a zone", "no numbers and no times"],
)
def test_what_is_in_order_or_cannot_be_compared_is_read(lower, upper):
    check(lower, upper)
