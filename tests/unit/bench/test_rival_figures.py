"""What the bench makes of its figures: who counts, what is met, what is kept for another day."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bench.rivals.figures import lines, verdicts
from bench.rivals.race import Entrant
from bench.rivals.report import render
from bench.rivals.results import Aim, Results, read_all

STEPS = {"first": "first load"}


def results(aim: Aim, tmp_path: Path) -> Results:
    return Results("rest", "Articles", 50_000, STEPS, [aim], {"cores": "2"}, path=tmp_path / "rest.json")


def run(wall_s: float, **more: Any) -> dict[str, Any]:
    return {"wall_s": wall_s, "cpu_s": wall_s / 2, "peak_mb": 100.0, "code": 0, "differs": None, **more}


def rounds(found: Results, runs: dict[str, list[dict[str, Any]]]) -> Results:
    """Rounds of entrants, named TOOL or TOOL/CONFIGURATION."""
    for turn in zip(*runs.values(), strict=True):
        for name, one in zip(runs, turn, strict=True):
            tool, _, configuration = name.partition("/")
            found.add(Entrant(tool, configuration or "plain", "remarks", {}), "first", one)
        found.close_round()
    return found


@pytest.mark.parametrize(
    ("ponte_s", "is_met"),
    [
        pytest.param(2.0, True, id="reached"),
        pytest.param(2.15, True, id="missed by less than a tenth"),
        pytest.param(2.25, False, id="missed"),
    ],
)
def test_an_aim_within_a_tenth_counts_as_met(ponte_s: float, is_met: bool, tmp_path: Path) -> None:
    found = rounds(results(Aim("first", 0.5), tmp_path), {"ponte": [run(ponte_s)], "sling": [run(4.0)]})

    assert [verdict.is_met for verdict in verdicts(found)] == [is_met]


def test_the_median_counts_and_the_fastest_configuration_of_each_side(tmp_path: Path) -> None:
    runs = {
        "ponte/slow": [run(9.0), run(9.0), run(9.0)],
        "ponte/fast": [run(1.0), run(2.0), run(30.0)],
        "dlt/a": [run(4.0), run(8.0), run(7.0)],
        "dlt/b": [run(50.0), run(40.0), run(60.0)],
    }

    (verdict,) = verdicts(rounds(results(Aim("first", 0.5), tmp_path), runs))

    assert (verdict.ponte.label, verdict.rival.label) == ("ponte, fast", "dlt, a")
    assert verdict.share == pytest.approx(2 / 7)


def test_an_aim_against_one_tool_looks_at_no_other(tmp_path: Path) -> None:
    runs = {"ponte": [run(1.0)], "sling": [run(2.0)], "dlt": [run(10.0)]}

    (verdict,) = verdicts(rounds(results(Aim("first", 0.25, "dlt"), tmp_path), runs))

    assert verdict.rival.tool == "dlt"


def test_a_run_that_left_something_else_is_not_counted_and_said(tmp_path: Path) -> None:
    runs = {"ponte": [run(3.0), run(3.0)], "sling": [run(1.0, differs="9 rows instead of 10"), run(4.0)]}
    found = rounds(results(Aim("first", 1.0), tmp_path), runs)

    assert verdicts(found)[0].rival.wall_s == 4.0
    assert lines(found, "first")[1].trouble == "9 rows instead of 10"
    assert "9 rows instead of 10" in render({"rest": found})


def test_a_rival_without_a_right_run_is_no_rival(tmp_path: Path) -> None:
    runs = {"ponte": [run(3.0)], "sling": [run(1.0, differs="failed with 1")]}

    assert verdicts(rounds(results(Aim("first", 1.0), tmp_path), runs)) == []


def test_rounds_that_were_kept_are_gone_on_with(tmp_path: Path) -> None:
    rounds(results(Aim("first", 1.0), tmp_path), {"ponte": [run(3.0), run(4.0)]})

    again = results(Aim("first", 1.0), tmp_path)
    again.resume()

    assert again.rounds == 2
    assert [one["wall_s"] for one in again.runs["ponte, plain"]["steps"]["first"]] == [3.0, 4.0]


def test_rounds_of_another_machine_are_not_mixed_in(tmp_path: Path) -> None:
    rounds(results(Aim("first", 1.0), tmp_path), {"ponte": [run(3.0)]})

    other = results(Aim("first", 1.0), tmp_path)
    other.surroundings = {"cores": "64"}
    other.resume()

    assert (other.rounds, other.runs) == (0, {})


def test_the_page_is_made_of_the_files(tmp_path: Path) -> None:
    aim = Aim("first", 0.5)
    stages = {"read": 0.12, "deliver": 1.5}
    runs = {"ponte": [run(1.0, rows_written=50_000, stages=stages)], "sling": [run(4.0, rows_written=50_000)]}
    rounds(results(aim, tmp_path), runs)

    page = render(read_all(tmp_path))

    assert "| Articles: first load | 1.00 s | sling, plain: 4.00 s | 0.25 | 0.25 | <= 0.5 x the fastest | yes |" in page
    assert "| ponte, plain | 1.00 (1.00-1.00) | 50,000 | 0.50 | 100 | 50,000 | equal | remarks |" in page
    assert "| first load, plain | 0.12 |" in page
    assert "## Articles, CSV file -> PostgreSQL\n\nNot measured yet." in page
