"""Fields are written into a manifest without touching what a person wrote around them."""

from __future__ import annotations

import textwrap

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ponte.cli.locking import lock_fields
from ponte.engine.ports import SchemaField
from ponte.errors import ConfigurationError

HEAD = """\
# The accounting software.
apiVersion: ponte.dev/v1alpha1
kind: SyncSource
metadata: {name: erp}   # by this name
spec:
  sql: {url: {value: "sqlite:///erp.db"}}
  objects:
"""
CODE, PRICE = SchemaField("ARTCOD", "string"), SchemaField("PREZZO", "decimal(12,2)")


def locked(objects: str, *fields: SchemaField) -> str:
    text = HEAD + textwrap.indent(textwrap.dedent(objects), "  ")
    after = lock_fields(text, "erp", "articles", fields)
    assert after.startswith(HEAD)
    return textwrap.dedent(after.removeprefix(HEAD))


def test_fields_are_added_below_the_object_and_before_the_next() -> None:
    after = locked(
        """\
        - name: articles
          table: ARTICOLI
          key: [ARTCOD]   # the code

        # customers come later
        - name: customers
          table: CLIENTI
        """,
        CODE,
        PRICE,
    )

    assert after == textwrap.dedent(
        """\
        - name: articles
          table: ARTICOLI
          key: [ARTCOD]   # the code
          fields:
          - {name: ARTCOD, type: string}
          - {name: PREZZO, type: 'decimal(12,2)'}

        # customers come later
        - name: customers
          table: CLIENTI
        """
    )


def test_comments_and_other_members_of_fields_stay() -> None:
    after = locked(
        """\
        - name: articles
          fields:
          # the key
          - {name: ARTCOD, type: string}   # leading zeros count
          - name: PREZZO
            type: string
            locale: it   # 1.234,56
          table: ARTICOLI
        """,
        CODE,
        SchemaField("PREZZO", "float"),
        SchemaField("UM", "string"),
    )

    assert after == textwrap.dedent(
        """\
        - name: articles
          fields:
          # the key
          - {name: ARTCOD, type: string}   # leading zeros count
          - name: PREZZO
            type: float
            locale: it   # 1.234,56
          - {name: UM, type: string}
          table: ARTICOLI
        """
    )


def test_a_field_that_is_gone_is_taken_out_with_its_lines() -> None:
    after = locked(
        """\
        - name: articles
          fields:
          - {name: ARTCOD, type: string}
          - name: OLD
            type: string
          - {name: PREZZO, type: "decimal(12,2)"}
        """,
        CODE,
        PRICE,
    )

    assert after == textwrap.dedent(
        """\
        - name: articles
          fields:
          - {name: ARTCOD, type: string}
          - {name: PREZZO, type: "decimal(12,2)"}
        """
    )


def test_what_is_right_already_is_not_touched() -> None:
    objects = (
        '- name: articles\n  fields: [ {name: PREZZO, type: "decimal(12,2)"},\n    {type: string, name: ARTCOD} ]\n'
    )

    assert locked(objects, CODE, PRICE) == objects


@pytest.mark.parametrize(
    "objects",
    [
        "- {name: articles, table: ARTICOLI}\n",
        "- name: articles\n  fields: []\n  table: ARTICOLI\n",
        "- name: articles\n  fields: [{name: OLD, type: string}]\n",
        "- name: articles\n  query: |\n    SELECT *\n    FROM ARTICOLI\n",
        "- name: articles\n  table: ARTICOLI",
    ],
    ids=["flow object", "empty list", "flow list", "block scalar last", "no newline at the end"],
)
def test_every_way_to_write_an_object_takes_fields(objects: str) -> None:
    [document] = yaml.safe_load_all(HEAD + textwrap.indent(locked(objects, CODE, PRICE), "  "))

    fields = document["spec"]["objects"][0]["fields"]
    assert fields == [{"name": "ARTCOD", "type": "string"}, {"name": "PREZZO", "type": "decimal(12,2)"}]


@given(st.lists(st.text(min_size=1, max_size=20), min_size=1, max_size=5, unique=True))
def test_names_of_any_characters_are_read_back_as_they_are(names: list[str]) -> None:
    objects = "- name: articles\n  table: ARTICOLI\n"
    printable = [name for name in names if name.isprintable()]

    after = lock_fields(
        HEAD + textwrap.indent(objects, "  "), "erp", "articles", [SchemaField(n, "string") for n in printable]
    )

    found = yaml.safe_load(after)["spec"]["objects"][0].get("fields") or []
    assert [field["name"] for field in found] == printable


def test_only_the_named_source_of_several_documents_is_changed() -> None:
    text = HEAD.replace("erp}", "crm}") + "  - name: articles\n---\n" + HEAD + "  - name: articles\n"

    after = lock_fields(text, "erp", "articles", [CODE])

    crm, erp = yaml.safe_load_all(after)
    assert "fields" not in crm["spec"]["objects"][0]
    assert erp["spec"]["objects"][0]["fields"] == [{"name": "ARTCOD", "type": "string"}]


def test_an_object_that_is_not_in_the_text_is_an_error() -> None:
    with pytest.raises(ConfigurationError, match="by hand"):
        lock_fields(HEAD + "  - name: customers\n", "erp", "articles", [CODE])


@pytest.mark.parametrize(
    "fields",
    [
        "&common [{name: OLD, type: string}]",
        "&common\n    - {name: OLD, type: string}",
        "&common\n    - {name: ARTCOD, type: float}",
    ],
    ids=["flow list", "block list", "another type"],
)
def test_fields_that_another_object_shares_are_not_changed_behind_its_back(fields: str) -> None:
    text = f"{HEAD}  - name: articles\n    fields: {fields}\n  - name: customers\n    fields: *common\n"

    with pytest.raises(ConfigurationError, match="without changing something else"):
        lock_fields(text, "erp", "articles", [CODE])
