"""How far a run is: the live line of a terminal, the plain one of a log."""

from __future__ import annotations

import pytest

from ponte.cli.render.progress import Position, bar, live_line, plain_line


def test_a_finished_load_shows_a_full_bar_with_rate_and_time() -> None:
    done = Position("products", 50_000, 50_000, 1.6)

    assert live_line(done, 120) == f"products  {'█' * 24} 50,000/50,000   31,250/s   0:00:02"


def test_half_of_a_load_shows_half_a_bar_and_the_time_that_is_left() -> None:
    half = Position("products", 25_000, 50_000, 10.0)

    assert live_line(half, 120) == f"products  {'█' * 12}{'░' * 12} 25,000/50,000   2,500/s   ETA 0:00:10"


def test_without_a_total_there_is_no_bar_and_no_forecast() -> None:
    assert live_line(Position("orders", 1_200, None, 2.0), 120) == "orders  1,200   600/s   0:00:02"


@pytest.mark.parametrize("width", range(10, 100))
def test_the_live_line_never_wraps(width: int) -> None:
    assert len(live_line(Position("products", 25_000, 50_000, 10.0), width)) <= width


def test_a_bar_moves_in_eighths() -> None:
    assert bar(1 / 192, 24) == "▏" + "░" * 23
    assert bar(2.0, 4) == "████"
    assert bar(-1.0, 4) == "░░░░"


def test_a_log_line_says_how_much_is_left() -> None:
    assert plain_line(Position("products", 25_000, 50_000, 10.0)) == "products: 25,000 of 50,000, 2,500/s, 0:00:10 left"


def test_the_first_moment_divides_by_nothing() -> None:
    assert plain_line(Position("products", 0, 50_000, 0.0)) == "products: 0 of 50,000, 0/s"


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (50, "products  25,000/400,005   5,000/s   ETA 0:01:15"),
        (40, "products  25,000/400,005   ETA 0:01:15"),
        (30, "products  25,000/400,005"),
        (12, "products  2…"),
    ],
)
def test_on_a_narrow_terminal_whole_figures_are_left_out_and_none_is_cut(width: int, line: str) -> None:
    assert live_line(Position("products", 25_000, 400_005, 5.0), width) == line
