"""What is proposed for two objects: pairs by name, conversions by types and samples, and honest marks."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ponte.cli.proposals.addresses import Address, manifest_name, parse_address
from ponte.cli.proposals.conversion import conversions
from ponte.cli.proposals.manifests import mapping_lines, scalar
from ponte.cli.proposals.mapping import likely_key, propose
from ponte.cli.proposals.similarity import similarity
from ponte.connectors.discovery import FoundField, FoundObject
from ponte.errors import UsageError


@pytest.mark.parametrize(
    ("one", "other"),
    [("ARTCOD", "sku"), ("ARTDES", "name"), ("PREZZO", "price"), ("giacenza", "stock"), ("E_MAIL", "email"),
     ("updatedAt", "DATAMOD"), ("customerName", "customer_name"), ("descrizione", "description")],
)  # fmt: skip
def test_names_of_the_same_meaning_are_alike(one, other):
    assert similarity(one, other) >= 0.6


@pytest.mark.parametrize(("one", "other"), [("price", "stock"), ("FLAG_WEB", "colour"), ("ARTCOD", "ARTDES")])
def test_names_of_other_things_are_not(one, other):
    assert similarity(one, other) < 0.6


@given(st.text(max_size=20), st.text(max_size=20))
def test_likeness_is_a_share_and_knows_no_direction_of_equality(one, other):
    assert 0 <= similarity(one, other) <= 1
    assert similarity(one, one) == 1


@pytest.mark.parametrize(
    ("samples", "target", "expected"),
    [
        (("1.234,50", "3,20"), "decimal(12,2)", {"type": '"decimal(12,2)"', "locale": "it"}),
        (("1,234.50",), "decimal(12,2)", {"type": '"decimal(12,2)"', "locale": "en"}),
        (("12.5",), "decimal", {"type": '"decimal(18,2)"'}),
        (("1,12345",), "decimal", {"type": '"decimal(18,5)"', "locale": "it"}),
        (("31/12/2026",), "date", {"type": "date", "format": "dd/MM/yyyy"}),
        (("20261231",), "date", {"type": "date", "format": "yyyyMMdd"}),
        (("S", "N"), "boolean", {"type": "boolean", "format": '"S|N"'}),
        ((" padded ",), "string", {"trim": "true"}),
        (("00012",), "string", {}),
        ((), "date", {"type": "date"}),
    ],
)
def test_samples_say_how_text_is_converted(samples, target, expected):
    source = FoundField("A", "string", samples=samples)

    assert dict(conversions(source, FoundField("a", target))) == expected


def test_what_is_required_or_short_at_the_target_is_said():
    rule = dict(conversions(FoundField("A", "string"), FoundField("a", "string", is_required=True, length=40)))

    assert rule == {"required": "true", "maxLength": "40"}


def test_what_was_guessed_is_marked_and_what_is_missing_is_told():
    source = FoundObject((FoundField("ARTCOD", "string"), FoundField("name", "string"), FoundField("WEB", "string")))
    target = FoundObject(
        (FoundField("sku", "string", is_required=True), FoundField("name", "string"),
         FoundField("warranty", "string", is_required=True)),
        keys=(("sku",),),
    )  # fmt: skip
    proposal = propose(source, target, {})

    assert [(rule.to, rule.source, rule.is_guessed) for rule in proposal.rules] == [
        ("sku", "ARTCOD", True),
        ("name", "name", False),
    ]
    assert (proposal.key, proposal.required, proposal.unused) == (("sku",), ("warranty",), ("WEB",))
    text = "\n".join(mapping_lines("product", proposal))
    assert yaml.safe_load(text)["spec"]["fields"][0] == {"to": "sku", "from": "ARTCOD", "required": True}
    assert "REQUIRED there" in text


def test_the_likely_key_has_a_value_in_each_record_and_none_twice():
    group = FoundField("GROUP", "string", samples=("a", "a"))
    code = FoundField("CODE", "string", samples=("1", "2"))
    gaps = FoundField("EAN", "string", samples=("4", ""))

    assert likely_key(FoundObject((group, gaps, code))) == ("CODE",)
    assert likely_key(FoundObject((group, gaps))) == ()


@given(st.text(max_size=30))
def test_any_name_is_read_back_from_yaml_as_it_was(name):
    assert yaml.safe_load(f"{{to: {scalar(name)}}}") == {"to": name}


@given(st.text(max_size=60))
def test_any_text_becomes_a_legal_name(text):
    name = manifest_name(text)

    assert 0 < len(name) <= 40
    assert all(character in "abcdefghijklmnopqrstuvwxyz0123456789-" for character in name)
    assert name[0] != "-" != name[-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("files:./export/a.csv", Address("files", "export", "a.csv")),
        ("files:export/", Address("files", "export/")),
        ("sqlite:shop.db#products", Address("sqlite", "shop.db", "products")),
        ("sqlite:///shop.db", Address("sqlite", "shop.db")),
        ("postgresql://ponte@db:5432/erp#s.t", Address("postgresql", "postgresql://db:5432/erp", "s.t", "ponte")),
    ],
)
def test_addresses_are_understood(text, expected):
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "files:", "shop.db", "postgresql://u:CANARY@h/d", "postgresql://h/d?password=CANARY"]
)
def test_what_is_no_address_is_refused_without_showing_a_password(text):
    with pytest.raises(UsageError) as refused:
        parse_address(text)

    assert "CANARY" not in refused.value.message


def test_the_only_keys_of_both_ends_belong_together_though_another_name_resembles_one():
    customers = FoundObject(
        (FoundField("CustomerID", "string"), FoundField("PostalCode", "string")), (("CustomerID",),)
    )
    shop = FoundObject((FoundField("code", "string"), FoundField("zip", "string")), (("code",), ("code",)))

    proposal = propose(customers, shop, {})

    assert [(rule.to, rule.source, rule.is_guessed) for rule in proposal.rules] == [
        ("code", "CustomerID", True),
        ("zip", "PostalCode", True),
    ]
    assert proposal.key == ("code",)


def test_keys_of_other_types_are_not_paired():
    customers = FoundObject((FoundField("CustomerID", "string"),), (("CustomerID",),))

    assert propose(customers, FoundObject((FoundField("number", "integer"),), (("number",),)), {}).key == ()


@pytest.mark.parametrize(("target", "source"), [("stock", "UnitsInStock"), ("price", "UnitPrice")])
def test_a_name_within_another_one_is_a_guess_and_the_nearest_is_taken(target, source):
    names = ("QuantityPerUnit", "UnitPrice", "UnitsInStock")
    products = FoundObject(tuple(FoundField(name, "string") for name in names))

    assert propose(products, FoundObject((FoundField(target, "string"),)), {}).source_of(target) == source
