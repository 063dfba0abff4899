"""What a spreadsheet would run is made text, numbers stay, and the way back is exact."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ponte.connectors.files.formulas import neutralise, restore

MARKS = "=+-@\t\r\n＝＋－＠'"


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "＝1+1",
        "＋1",
        "－1a",
        "＠A",
        "-",
        "+-1",
    ],
)
def test_a_cell_that_begins_as_a_formula_gets_an_apostrophe(cell: str) -> None:
    assert neutralise(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["-12.5", "-12,50", "+390612345", "-1.234,56", "-1e-5", "", "a=1", "1-1", "'", "O'Brien"]
)
def test_plain_numbers_and_plain_text_stay(cell: str) -> None:
    assert neutralise(cell) == cell


@given(st.text(alphabet=st.sampled_from(MARKS + "1.a")) | st.text())
def test_no_cell_is_a_formula_afterwards_and_each_comes_back(cell: str) -> None:
    safe = neutralise(cell)

    assert safe[:1] not in set("=@\t\r\n＝＋－＠")
    assert restore(safe) == cell


@given(st.text(alphabet=st.sampled_from("'=1"), max_size=4), st.text(alphabet=st.sampled_from("'=1"), max_size=4))
def test_two_different_cells_stay_different(one: str, other: str) -> None:
    assert (neutralise(one) == neutralise(other)) == (one == other)
