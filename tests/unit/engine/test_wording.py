"""One record is one record."""

import pytest

from ponte.engine.wording import counted, told


@pytest.mark.parametrize(
    ("number", "expected"),
    [(0, "0 records have"), (1, "1 record has"), (2, "2 records have"), (50_000, "50,000 records have")],
)
def test_nouns_and_verbs_follow_the_number(number, expected):
    assert told(number, "record", "has", "have") == expected
    assert expected.startswith(counted(number, "record"))
