"""The CRDs on a real API server: what it takes, what it refuses and in which words."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from ponte.manifests.nodes import Composer, plain

REPOSITORY = Path(__file__).resolve().parents[2]
CASES: list[dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "rules.yaml").read_text())
KINDS = ["Mapping", "NotificationChannel", "SyncJob", "SyncRun", "SyncSource"]
CHANGE_RULES = {
    "a SyncRun is immutable: make a new one under another name",
    "stateId is immutable: make a new SyncJob for a new state",
}
Thing = dict[str, Any]


def thing(kind: str, spec: Thing, name: str = "case") -> Thing:
    return {"apiVersion": "ponte.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}


def examples() -> list[Thing]:
    paths = sorted([*REPOSITORY.glob("crds/examples/*.yaml"), *REPOSITORY.glob("examples/**/*.yaml")])
    documents = [document for path in paths for document in yaml.safe_load_all(path.read_text())]
    return [found for found in documents if isinstance(found, dict) and found.get("apiVersion") == "ponte.dev/v1alpha1"]


def schema_of(definition: Thing) -> Thing:
    return definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


def messages(schema: Thing) -> Iterator[str]:
    yield from (rule["message"] for rule in schema.get("x-kubernetes-validations", []))
    for inner in (*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])):
        yield from messages(inner)


def causes(answer: Thing) -> list[tuple[str, str]]:
    return [(cause["field"], cause["message"]) for cause in answer["details"]["causes"]]


def test_every_definition_is_established_without_a_complaint(cluster, definitions):
    assert [definition["spec"]["names"]["kind"] for definition in definitions] == KINDS
    for definition in definitions:
        live = cluster.client.get(cluster.path(definition)).json()
        conditions = {condition["type"]: condition["status"] for condition in live["status"]["conditions"]}
        assert (conditions["Established"], conditions["NamesAccepted"]) == ("True", "True")
        assert "NonStructuralSchema" not in conditions


def test_definitions_are_in_the_category_ponte_with_a_status_of_their_own(cluster):
    resources = cluster.client.get("/apis/ponte.dev/v1alpha1").json()["resources"]
    listed = {resource["kind"] for resource in resources if "ponte" in resource.get("categories", [])}
    with_status = {resource["name"].partition("/")[0] for resource in resources if resource["name"].endswith("/status")}
    assert listed == set(KINDS)
    assert with_status == {f"{kind.lower()}s" for kind in KINDS}


@pytest.mark.parametrize("example", examples(), ids=lambda found: f"{found['kind']}-{found['metadata']['name']}")
def test_an_example_is_taken_and_applying_what_is_read_back_changes_nothing(cluster, example):
    cluster.delete(example)
    first = cluster.apply(example)
    assert first.is_success, first.text
    read = cluster.client.get(cluster.path(example)).json()
    assert read["spec"] == example["spec"]

    again = cluster.apply({**example, "spec": read["spec"]}).json()

    assert again["metadata"]["resourceVersion"] == read["metadata"]["resourceVersion"]
    assert again["metadata"]["generation"] == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['message'][:60]}")
def test_a_broken_rule_is_refused_with_its_message(cluster, case):
    answer = cluster.apply(thing(case["kind"], case["spec"], case.get("name", "case")))

    assert answer.status_code == 422, answer.text
    assert [
        message.removeprefix("Invalid value: ").removeprefix('"object": ') for _, message in causes(answer.json())
    ] == [case["message"]]


def test_every_rule_has_a_case(definitions):
    declared = {message for definition in definitions for message in messages(schema_of(definition))}
    assert declared == {case["message"] for case in CASES} | CHANGE_RULES


def test_the_spec_of_a_sync_run_cannot_be_changed(cluster):
    run = thing("SyncRun", {"job": "products", "keys": ["Mouse 0001"]}, "unchanging")
    cluster.delete(run)
    assert cluster.apply(run).is_success

    answer = cluster.apply(thing("SyncRun", {"job": "products", "keys": ["Mouse 0002"]}, "unchanging"))

    assert answer.status_code == 422
    assert [message for _, message in causes(answer.json())] == [
        "Invalid value: a SyncRun is immutable: make a new one under another name"
    ]


@pytest.mark.parametrize(("before", "after"), [(None, "b"), ("a", None), ("a", "b")])
def test_the_state_of_a_sync_job_cannot_be_changed(cluster, before, after):
    def job(state_id: str | None) -> Thing:
        spec: Thing = {
            "source": {"name": "erp", "object": "a"},
            "target": {"name": "shop", "object": "b"},
            "mapping": "m",
        }
        return thing("SyncJob", spec if state_id is None else {**spec, "stateId": state_id}, "keeps-its-state")

    cluster.delete(job(None))
    assert cluster.apply(job(before)).is_success
    answer = cluster.apply(job(after))
    assert answer.status_code == 422
    assert "stateId is immutable: make a new SyncJob for a new state" in answer.json()["message"]


def test_the_rest_of_a_sync_job_can_be_changed(cluster):
    spec = {"source": {"name": "erp", "object": "a"}, "target": {"name": "shop", "object": "b"}, "mapping": "m"}
    assert cluster.apply(thing("SyncJob", {**spec, "stateId": "s"}, "changes")).is_success
    answer = cluster.apply(thing("SyncJob", {**spec, "stateId": "s", "batchSize": 10}, "changes"))
    assert answer.is_success
    assert answer.json()["metadata"]["generation"] == 2


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("SyncJob", {"source": {"name": "a", "object": "b", "tabel": "c"}}, "spec.source.tabel"),
        ("NotificationChannel", {"events": ["Failed"], "emial": {}}, "spec.emial"),
        ("Mapping", {"key": ["a"], "fields": [{"to": "a", "from": "A", "requierd": True}]}, "spec.fields[0].requierd"),
    ],
)
def test_an_unknown_field_is_refused_when_validation_is_strict(cluster, kind, spec, field):
    answer = cluster.create(thing(kind, spec, "strange"))
    assert answer.status_code == 400, answer.text
    assert f'unknown field "{field}"' in answer.json()["message"]


@pytest.mark.parametrize(
    ("kind", "spec", "field"),
    [
        ("Mapping", {"key": ["a"], "fields": [{"to": "a", "from": "A"}, {"to": "a", "from": "B"}]}, "spec.fields[1]"),
        ("SyncSource", {"memory": {}, "objects": [{"name": "a"}, {"name": "a"}]}, "spec.objects[1]"),
    ],
)
def test_the_same_name_twice_in_a_list_is_refused(cluster, kind, spec, field):
    cluster.delete(thing(kind, spec, "twins"))
    answer = cluster.create(thing(kind, spec, "twins"))
    assert answer.status_code == 422, answer.text
    assert field in [found for found, _ in causes(answer.json())]


def test_test_records_keep_fields_that_no_schema_names(cluster):
    test = {"given": {"ARTCOD": "1", "nested": {"a": [1, "x"]}}, "expect": {"sku": "1"}}
    mapping = thing(
        "Mapping", {"key": ["sku"], "fields": [{"to": "sku", "from": "ARTCOD"}], "tests": [test]}, "records"
    )
    assert cluster.apply(mapping).is_success
    assert cluster.client.get(cluster.path(mapping)).json()["spec"]["tests"] == [test]


def test_nothing_is_added_to_a_spec(cluster):
    spec = {"key": ["a"], "fields": [{"to": "a", "from": "A"}]}
    cluster.delete(thing("Mapping", spec, "bare"))
    assert cluster.apply(thing("Mapping", dict(spec), "bare")).json()["spec"] == spec


def test_a_status_is_written_on_its_own(cluster):
    run = thing("SyncRun", {"job": "products"}, "reports")
    cluster.delete(run)
    assert cluster.apply(run).is_success
    status = {
        "phase": "Succeeded",
        "reason": "Succeeded",
        "account": {"read": 2, "created": 2},
        "written": 2,
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Succeeded",
                "message": "",
                "lastTransitionTime": "2026-11-23T20:00:00Z",
            }
        ],
    }
    answer = cluster.client.patch(
        cluster.path(run) + "/status",
        params={"fieldManager": "operator", "fieldValidation": "Strict"},
        headers={"Content-Type": "application/apply-patch+yaml"},
        content=json.dumps({**run, "status": status}),
    )
    assert answer.is_success, answer.text
    assert answer.json()["status"] == status


def test_kubectl_explain_has_a_word_on_every_field(cluster):
    document = cluster.client.get("/openapi/v3/apis/ponte.dev/v1alpha1").json()
    silent = [
        path
        for kind in KINDS
        for part in ("spec", "status")
        for path in undescribed(
            document["components"]["schemas"][f"dev.ponte.v1alpha1.{kind}"]["properties"][part], f"{kind}.{part}"
        )
    ]
    assert silent == []


def undescribed(schema: Thing, path: str) -> Iterator[str]:
    if not schema.get("description"):
        yield path
    inner = schema.get("items", schema)
    for name, member in inner.get("properties", {}).items():
        yield from undescribed(member, f"{path}.{name}")


WORDS = [
    "NO",
    "no",
    "n",
    "N",
    "off",
    "Off",
    "nO",
    "yes",
    "Y",
    "on",
    "TRUE",
    "tRue",
    "~",
    "null",
    "NULL",
    "Null",
    "nUll",
    "12",
    "-7",
    "+7",
    "0",
    "1_000",
    "0012",
    "0o14",
    "0x1F",
    "0X1f",
    "0b101",
    "-010",
    "0089",
    "12.50",
    ".5",
    "5.",
    "1e3",
    "12:30:45",
    "190:20",
    "2026-11-23",
    "2026-11-23T10:00:00Z",
    "0x",
    "_1",
    "1__0",
    "1_",
    "+0b1",
    "-0x1F",
    "1E3",
    "-.5",
    "1.2.3",
    "=",
    "1,5",
    "+39",
    "08",
    "-0",
    ".1_5",
    "1_0.5",
    "1e-3",
    "y",
    "Yes",
    "yEs",
    "None",
    "True",
]


def test_plain_yaml_words_mean_to_ponte_what_they_mean_to_the_api_server(cluster):
    records = "".join(f"      k{number}: {word}\n" for number, word in enumerate(WORDS))
    text = (
        "apiVersion: ponte.dev/v1alpha1\nkind: Mapping\nmetadata: {name: words}\nspec:\n  key: [a]\n"
        f"  fields: [{{to: a, from: A}}]\n  tests:\n  - left: true\n    given:\n{records}"
    )
    (document,) = Composer(text).documents()
    mine = plain(document)
    cluster.delete(mine)
    answer = cluster.client.post(
        cluster.path(mine).rpartition("/")[0], headers={"Content-Type": "application/yaml"}, content=text
    )
    assert answer.is_success, answer.text

    theirs = json.loads(answer.text, parse_float=Decimal)["spec"]["tests"][0]["given"]

    ours = mine["spec"]["tests"][0]["given"]
    different = {
        word: (theirs.get(f"k{number}"), ours[f"k{number}"])
        for number, word in enumerate(WORDS)
        if theirs.get(f"k{number}") != ours[f"k{number}"]
        or isinstance(ours[f"k{number}"], bool) != isinstance(theirs.get(f"k{number}"), bool)
    }
    assert different == {}


def test_no_value_can_be_said_where_no_value_is_meant(cluster):
    fields = [{"to": "a", "from": "A", "values": [{"from": "X", "to": None}], "otherwise": {"null": {}}}]
    tests = [{"given": {"A": None}, "expect": {"a": None}}]
    mapping = thing("Mapping", {"key": ["a"], "fields": fields, "tests": tests}, "nulls")
    cluster.delete(mapping)
    assert cluster.create(mapping).is_success
    assert cluster.client.get(cluster.path(mapping)).json()["spec"] == mapping["spec"]


def test_a_list_of_jobs_shows_what_people_look_for(cluster):
    answer = cluster.client.get(
        "/apis/ponte.dev/v1alpha1/namespaces/default/syncjobs",
        headers={"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"},
    )
    shown = [column["name"] for column in answer.json()["columnDefinitions"] if column["priority"] == 0]
    assert shown == ["Name", "Ready", "Status", "Schedule", "Last Run", "Written", "Rejects", "Fresh", "Age"]
