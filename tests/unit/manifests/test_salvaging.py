"""One reading finds all faults: a slip inside an object hides nothing of what is wrong between objects."""

from __future__ import annotations

import textwrap

import pytest

from ponte.manifests import load

SYSTEMS = """
    apiVersion: ponte.dev/v1alpha1
    kind: SyncSource
    metadata: {name: erp}
    spec:
      memory: {}
      objects:
      - {name: articles, key: [code], fields: [{name: code, type: string}, {name: price, type: string}]}
"""
JOB = """
    apiVersion: ponte.dev/v1alpha1
    kind: SyncJob
    metadata: {name: products}
    spec:
      source: {name: erp, object: articles}
      target: {name: shop, object: products}
      mapping: product
"""
MAPPING = """
    apiVersion: ponte.dev/v1alpha1
    kind: Mapping
    metadata: {name: product}
    spec:
      key: [sku]
      fields:
      - {to: sku, from: code}
      - {to: price, from: price}
"""


@pytest.fixture
def faults(tmp_path):
    def of(*texts: str) -> list[tuple[int, str]]:
        for number, text in enumerate(texts):
            (tmp_path / f"{number}.yaml").write_text(textwrap.dedent(text))
        return [(fault.line, f"{fault.path}: {fault.message}") for fault in load([tmp_path]).faults]

    return of


def test_a_slip_in_a_job_does_not_hide_that_its_target_is_missing(faults):
    found = faults(SYSTEMS, JOB + "      batchSize: many\n", MAPPING)

    assert [line for line, _ in found] == [7, 9]
    assert 'there is no SyncSource "shop"' in found[0][1]
    assert found[1][1].startswith("batchSize: ")


def test_a_slip_in_one_rule_does_not_hide_an_unknown_field_in_the_next(faults):
    mapping = MAPPING.replace("{to: sku, from: code}", "{to: sku, from: code, tirm: true}").replace(
        "from: price}", "from: prise}"
    )
    found = faults(SYSTEMS, JOB.replace("shop", "erp").replace("products}", "articles}"), mapping)

    assert [line for line, _ in found] == [8, 9]
    assert found[0][1].startswith("fields[0].tirm: is not a known field")
    assert found[1][1].startswith("fields[1].from: ")
    assert "prise" in found[1][1]


def test_a_rule_that_cannot_be_kept_leaves_the_places_of_those_behind_it(faults):
    mapping = MAPPING.replace("{to: sku, from: code}", "{from: code}\n      - {to: sku, from: kode}")
    found = faults(SYSTEMS, JOB.replace("shop", "erp").replace("products}", "articles}"), mapping)

    assert [(line, path.partition(":")[0]) for line, path in found] == [(8, "fields[0].to"), (9, "fields[1].from")]


def test_what_is_gone_makes_no_new_faults(faults):
    mapping = MAPPING.replace("{to: sku, from: code}", "{to: sku, from: code, type: txet}")
    found = faults(SYSTEMS, JOB.replace("shop", "erp").replace("products}", "articles}"), mapping)

    assert [path.partition(":")[0] for _, path in found] == ["fields[0].type"]


def test_an_object_that_is_beyond_repair_is_told_once(faults):
    found = faults("apiVersion: ponte.dev/v1alpha1\nkind: SyncJob\nmetadata: {name: products}\nspec: [1]\n")

    assert len(found) == 1
