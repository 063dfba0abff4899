"""`ponte connectors`: every kind that is registered says what it is, and its example is a sound SyncSource."""

from __future__ import annotations

import json

import pytest

from ponte.cli.main import run_program
from ponte.cli.render.connectors import connector_lines, connector_table
from ponte.connectors.description import Description, Driver, Installed, installed_connectors
from ponte.manifests import load

NAMES = [connector.name for connector in installed_connectors()]


def test_ours_are_there():
    assert {"files", "memory", "rest", "sql"} <= set(NAMES)


@pytest.mark.parametrize("connector", installed_connectors(), ids=lambda connector: connector.name)
def test_the_example_is_a_sound_syncsource_of_its_kind(connector, tmp_path):
    assert connector.description is not None
    (tmp_path / "example.yaml").write_text(connector.description.example)
    manifests = load([tmp_path])

    assert manifests.faults == ()
    (source,) = manifests.sources.values()
    assert getattr(source.spec, connector.name) is not None


@pytest.mark.parametrize("connector", installed_connectors(), ids=lambda connector: connector.name)
def test_the_page_for_users_is_there(connector, request):
    assert (request.config.rootpath / connector.description.docs).is_file()


def test_the_list_can_be_had_as_json(capsys):
    assert run_program(["connectors", "list", "-o", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)

    assert [one["name"] for one in listed] == NAMES
    assert all(one["drivers"] for one in listed)


def test_an_unknown_kind_gets_the_nearest_one(capsys):
    assert run_program(["connectors", "describe", "slq"]) == 64
    assert capsys.readouterr().err == 'There is no connector "slq". Did you mean "sql"?\n'


def test_the_example_alone_can_start_a_file(capsys):
    assert run_program(["connectors", "describe", "files", "--example"]) == 0
    assert capsys.readouterr().out.startswith("apiVersion: ponte.dev/v1alpha1\n")


ABSENT = Driver("Oracle", ("no_such_driver_module",), "pip install 'ponte-sync[oracle]'")
ODD = Description("a database", ("all",), (), (Driver("built in"), ABSENT), "kind: SyncSource\n", "docs/x.md")


def test_what_is_missing_is_named_with_the_command_that_installs_it():
    lines = connector_table([Installed("oracle", "ponte-oracle", ODD)], width=80)

    assert lines[1] == "oracle  partly  a database (from ponte-oracle)"
    assert "To install (oracle, for Oracle):  pip install 'ponte-sync[oracle]'" in lines
    assert "  Oracle       missing: pip install 'ponte-sync[oracle]'" in connector_lines(
        Installed("oracle", "ponte-oracle", ODD)
    )


def test_a_connector_without_a_description_is_listed_all_the_same():
    lines = connector_table([Installed("strange", "acme-ponte", None)])

    assert lines[1] == "strange  unknown  says nothing of itself (from acme-ponte)"
