"""The ground rules of tests/conftest.py do what they promise: they are tried on tests that break them."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS_THAT_LACK = """
    import pytest

    @pytest.mark.needs("no-such-thing")
    def test_marked(): pass

    def test_that_finds_out_itself(): pytest.skip("needs: another-thing")

    def test_that_does_not_apply(): pytest.skip("this target cannot delete")
"""

TESTS_THAT_REACH_OUT = """
    import asyncio, socket

    def test_connects(): socket.create_connection(("192.0.2.1", 80), timeout=0.1)
    def test_resolves(): socket.getaddrinfo("shop.example.com", 443)
    def test_sends(): socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"x", ("192.0.2.1", 53))
    def test_opens(): asyncio.run(asyncio.open_connection("192.0.2.1", 80))
"""

TESTS_THAT_STAY = """
    import socket

    def test_stays():
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(("localhost", server.getsockname()[1])).close()
"""

TESTS_THAT_LEAVE_TRACES = """
    import os

    def test_leaves_a_setting(): os.environ["PONTE_LEDGER"] = "x"
    def test_leaves_a_folder(): os.chdir("/")
    def test_starts_clean(): assert "PONTE_LEDGER" not in os.environ and os.getcwd() != "/"
"""


@pytest.fixture
def trial(pytester: pytest.Pytester, repository: Path) -> pytest.Pytester:
    """An empty test folder with the ground rules of this one."""
    pytester.makeini(f"""
        [pytest]
        pythonpath = '{repository / "tests"}'
        markers = needs(name): see the real one
        asyncio_default_fixture_loop_scope = function
    """)
    pytester.makeconftest((repository / "tests/conftest.py").read_text())
    return pytester


@pytest.mark.parametrize(
    ("required", "outcomes"),
    [
        (None, {"skipped": 3}),
        ("other,another-thing", {"skipped": 2, "failed": 1}),
        ("all", {"skipped": 1, "failed": 1, "errors": 1}),
    ],
)
def test_a_skip_that_may_not_be_is_a_failure(
    required: str | None, outcomes: dict[str, int], trial: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PONTE_REQUIRE", raising=False)
    if required is not None:
        monkeypatch.setenv("PONTE_REQUIRE", required)
    trial.makepyfile(TESTS_THAT_LACK)

    trial.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(**outcomes)


def test_a_module_that_skips_itself_is_no_way_around(trial: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PONTE_REQUIRE", "all")
    trial.makepyfile("import pytest; pytest.skip('needs: no-such-thing', allow_module_level=True)")

    trial.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(errors=1)


def test_nothing_but_loopback_is_reached(trial: pytest.Pytester) -> None:
    trial.makepyfile(test_reaching=TESTS_THAT_REACH_OUT, test_staying=TESTS_THAT_STAY)

    trial.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(failed=4, passed=1)


def test_a_test_may_not_leave_traces(trial: pytest.Pytester) -> None:
    trial.makepyfile(TESTS_THAT_LEAVE_TRACES)

    trial.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes(passed=3, errors=2)
