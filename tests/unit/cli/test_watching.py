"""Progress: redrawn on a terminal, now and then in logs, never in the way of results."""

from __future__ import annotations

import io
import json

import pytest

from ponte.cli.console import Console
from ponte.cli.options import LogFormat
from ponte.cli.watching import Watch


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Time:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")


def test_a_terminal_shows_the_last_state_and_ends_the_line() -> None:
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", now=now)

    now.seconds += 0.5
    watch.show(25_000, 50_000)
    now.seconds += 0.05
    watch.show(50_000, 50_000)
    now.seconds += 0.45
    watch.close()

    drawn = err.getvalue().split("\r\x1b[2K")[1:]
    assert len(drawn) == 2
    assert "25,000/50,000" in drawn[0]
    assert drawn[1].endswith("50,000/50,000   50,000/s   0:00:01\n")


def test_a_single_record_needs_no_bar() -> None:
    err = Terminal()
    watch = Watch(Console(io.StringIO(), err), "products", now=Time())

    watch.show(1, 1)
    watch.close()

    assert err.getvalue() == ""


def test_the_last_state_tells_the_run_s_own_time() -> None:
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", now=now)

    now.seconds += 3
    watch.show(50_000, None)
    watch.close(took_s=2.0)

    assert err.getvalue().split("\r\x1b[2K")[-1].endswith("50,000/50,000   25,000/s   0:00:02\n")


def test_where_the_source_does_not_say_how_many_there_are_the_last_run_tells() -> None:
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", expected=50_000, now=now)

    now.seconds += 1
    watch.show(25_000, None)
    now.seconds += 1
    watch.show(60_000, None)

    assert "25,000/50,000" in err.getvalue()
    assert "60,000/60,000" in err.getvalue()


def test_a_slow_run_of_few_records_is_shown() -> None:
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", now=now)

    now.seconds += 1
    watch.show(1, None)
    assert err.getvalue() == ""
    now.seconds += 3
    watch.show(2, None)
    assert "products  2" in err.getvalue()


def test_logs_get_a_plain_line_every_ten_seconds() -> None:
    err, now = io.StringIO(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", now=now)

    for _ in range(21):
        now.seconds += 1
        watch.show(int(now.seconds - 100) * 1000, 50_000)
    watch.close()

    assert err.getvalue().splitlines() == [
        "products: 10,000 of 50,000, 1,000/s, 0:00:40 left",
        "products: 20,000 of 50,000, 1,000/s, 0:00:30 left",
    ]


def test_json_logs_stay_json_even_on_a_terminal() -> None:
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err, log_format=LogFormat.JSON), "products", now=now)

    now.seconds += 10
    watch.show(10_000, None)
    watch.close()

    assert json.loads(err.getvalue()) == {
        "level": "info", "message": "progress", "job": "products", "done": 10_000, "total": None, "perSecond": 1000,
    }  # fmt: skip


def test_a_dumb_terminal_gets_no_escape_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    err, now = Terminal(), Time()
    watch = Watch(Console(io.StringIO(), err), "products", now=now)

    now.seconds += 11
    watch.show(10_000, 50_000)
    watch.close()

    assert "\x1b" not in err.getvalue()
    assert err.getvalue().startswith("products: 10,000 of 50,000")
