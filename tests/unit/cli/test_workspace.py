"""Which manifests, secrets and ledger a command works on."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from ponte.cli.main import run_program
from ponte.cli.options import Common
from ponte.cli.workspace import (
    existing_ledger_url_of,
    folders_of,
    ledger_url_of,
    load_manifests,
    objects_of_job,
    ready_ledger_url_of,
    references_of,
    require_sound,
)
from ponte.errors import ConfigurationError, UsageError


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def integration(place: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert run_program(["init"]) == 0
    capsys.readouterr()
    return place / "integration"


def test_the_folder_integration_is_taken_where_none_is_named(integration: Path) -> None:
    assert folders_of(Common()) == [Path("integration")]


def test_this_folder_is_taken_where_it_holds_manifests(integration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(integration)

    assert folders_of(Common()) == [Path()]


def test_without_manifests_the_next_step_is_named(place: Path) -> None:
    (place / "compose.yaml").write_text("services: {}\n")

    with pytest.raises(UsageError, match="ponte init"):
        folders_of(Common())


def test_the_ledger_stands_beside_the_folder_for_its_owner_alone(integration: Path, place: Path) -> None:
    assert ready_ledger_url_of(Common()) == f"sqlite:///{place}/.ponte/ledger.db"
    assert stat.S_IMODE((place / ".ponte").stat().st_mode) == 0o700
    assert (place / ".ponte" / ".gitignore").read_text() == "*\n"


def test_in_the_folder_itself_the_ledger_stands_in_it(integration: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(integration)

    assert ledger_url_of(Common()) == f"sqlite:///{integration}/.ponte/ledger.db"


def test_a_named_ledger_is_taken_as_it_is(place: Path) -> None:
    assert ready_ledger_url_of(Common(ledger="postgresql://db/ponte")) == "postgresql://db/ponte"
    assert not list(place.iterdir())


def test_looking_into_a_ledger_that_is_not_there_makes_none(integration: Path, place: Path) -> None:
    with pytest.raises(UsageError, match="no ledger at"):
        existing_ledger_url_of(Common())
    assert not (place / ".ponte").exists()


def test_a_folder_of_secrets_that_is_not_there_is_a_slip(place: Path) -> None:
    with pytest.raises(UsageError, match="no folder"):
        references_of(Common(secrets=Path("secrets")))


def test_an_unknown_job_gets_the_nearest_name(integration: Path) -> None:
    with pytest.raises(UsageError) as caught:
        objects_of_job(load_manifests(Common()), "prodcts")

    assert caught.value.message == 'There is no SyncJob "prodcts" in ./integration. Did you mean "products"?'


def test_faults_of_other_objects_do_not_stop_a_job(integration: Path) -> None:
    text = (integration / "products.yaml").read_text()
    other = text.replace("name: product", "name: other").replace("object: products}", "object: product}")
    (integration / "other.yaml").write_text(other)
    manifests = load_manifests(Common())

    assert manifests.faults
    require_sound(manifests, objects_of_job(manifests, "products"))


def test_a_fault_of_the_job_stops_it_and_is_told_with_file_and_line(integration: Path) -> None:
    file = integration / "products.yaml"
    file.write_text(
        file.read_text().replace("target: {name: shop, object: products}", "target: {name: shop, object: product}")
    )
    manifests = load_manifests(Common())

    with pytest.raises(ConfigurationError, match=r"integration/products.yaml:\d+  SyncJob products: target.object"):
        require_sound(manifests, objects_of_job(manifests, "products"))
