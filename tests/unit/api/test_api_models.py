"""The models: names, descriptions, bounds, defaults that are resolved and never written."""

import re
import typing
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from ponte.manifests.collection import KINDS
from ponte.manifests.scalars import resolve
from ponte_api.common import KeyRef, Model, ValueFrom, duration_seconds, has_credentials, written_name
from ponte_api.descriptions import descriptions
from ponte_api.mapping import Mapping, Measure, Otherwise
from ponte_api.sync_job import Deletes, JobSource, JobTarget, SyncJobSpec
from ponte_api.sync_run import SyncRunSpec
from ponte_api.sync_source import Part

EXAMPLES = Path(__file__).resolve().parents[3] / "crds" / "examples"


def models_below(model: type[BaseModel]) -> set[type[BaseModel]]:
    found, pending = set(), [model]
    while pending:
        current = pending.pop()
        if current in found:
            continue
        found.add(current)
        for field in current.model_fields.values():
            pending += models_in(field.annotation)
    return found


def models_in(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return [annotation] if issubclass(annotation, BaseModel) else []
    return [found for part in typing.get_args(annotation) for found in models_in(part)]


ALL = sorted({model for kind in KINDS.values() for model in models_below(kind)}, key=lambda model: model.__name__)


@pytest.mark.parametrize("model", ALL, ids=lambda model: model.__name__)
def test_a_model_and_each_of_its_fields_are_described(model):
    described = descriptions(model)
    assert model.__doc__
    assert [name for name in model.model_fields if not described.get(name)] == []


@pytest.mark.parametrize(
    "model", [model for model in ALL if issubclass(model, Model)], ids=lambda model: model.__name__
)
def test_a_field_is_named_by_no_word_that_yaml_reads_as_something_else(model):
    names = [written_name(name, field) for name, field in model.model_fields.items()]
    assert [name for name in names if not isinstance(resolve(name), str) and name != "null"] == []


def unbounded(schema: dict, path: str) -> list[str]:
    if "enum" in schema or "const" in schema or schema.get("format") == "date-time":
        return []
    if schema.get("type") == "string" and "maxLength" not in schema:
        return [path]
    if schema.get("type") == "array":
        return ([] if "maxItems" in schema else [path]) + unbounded(schema["items"], f"{path}[]")
    inner = [*schema.get("anyOf", []), *schema.get("properties", {}).values()]
    names = [*("" for _ in schema.get("anyOf", [])), *schema.get("properties", {})]
    return [found for name, part in zip(names, inner, strict=True) for found in unbounded(part, f"{path}.{name}")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_and_every_list_of_a_spec_is_bounded(kind):
    definitions = KINDS[kind].model_json_schema()["$defs"]
    left_out = {"Metadata", "ReasonCount"}
    found = [path for name, part in definitions.items() if name not in left_out for path in unbounded(part, name)]
    assert found == []


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_an_example_survives_being_read_and_written(file):
    for document in yaml.safe_load_all(file.read_text()):
        model = KINDS[document["kind"]].model_validate(document)
        written = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
        assert written == document
        assert KINDS[document["kind"]].model_validate(written) == model


def test_a_union_says_its_choice_as_it_is_written():
    assert Measure.model_validate({"from": "CUR"}).chosen == ("from", "CUR")
    assert Otherwise.model_validate({"null": {}}).chosen[0] == "null"
    reference = KeyRef(name="a", key="b")
    assert ValueFrom(config_map_ref=reference).chosen == ("configMapRef", reference)


def test_columns_that_join_parts_are_written_join_because_on_is_true_in_yaml():
    columns = [{"part": "A", "record": "B"}]
    part = Part.model_validate({"name": "L", "table": "L", "key": ["K"], "join": columns})
    assert [(pair.part, pair.record) for pair in part.on] == [("A", "B")]


@pytest.mark.parametrize(
    ("text", "seconds"), [("500ms", 0.5), ("90s", 90), ("5m", 300), ("26h", 93_600), ("7d", 604_800), ("1h30m", 5400)]
)
def test_a_duration_is_so_many_seconds(text, seconds):
    assert duration_seconds(text) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "1h30", "1.5h", "5", "m", "1 h", "1w", "5m\n", "9999999s", "٣s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError, match="is not a duration"):
        duration_seconds(text)
    with pytest.raises(ValidationError):
        SyncJobSpec.model_validate({**BARE.model_dump(by_alias=True, exclude_unset=True), "patience": text})


@given(
    st.lists(st.tuples(st.integers(0, 999_999), st.sampled_from(["ms", "s", "m", "h", "d"])), min_size=1, max_size=4)
)
def test_a_duration_is_the_sum_of_its_parts(parts):
    whole = "".join(f"{number}{unit}" for number, unit in parts)
    assert duration_seconds(whole) == pytest.approx(sum(duration_seconds(f"{n}{unit}") for n, unit in parts))


BARE = SyncJobSpec(source=JobSource(name="erp", object="a"), target=JobTarget(name="shop", object="b"), mapping="m")


def test_what_a_job_leaves_out_is_resolved_and_not_written():
    assert BARE.resolved_batch_size == 25_000
    assert BARE.resolved_operations == {"create", "update"}
    assert BARE.resolved_deletes.policy == "ignore"
    assert (BARE.resolved_deletes.resolved_max_percent, BARE.resolved_deletes.resolved_min_count) == (Decimal(5), 10)
    assert (BARE.resolved_rejects.max, BARE.resolved_rejects.resolved_max_percent) == (None, Decimal(10))
    assert BARE.resolved_patience_s == 24 * 3600
    assert BARE.target.resolved_on_existing == "adopt"
    assert BARE.resolved_retention.resolved_runs_s == 90 * 86_400
    assert BARE.model_dump(by_alias=True, exclude_unset=True) == {
        "source": {"name": "erp", "object": "a"},
        "target": {"name": "shop", "object": "b"},
        "mapping": "m",
    }


def test_zero_is_a_limit_and_not_a_missing_one():
    deletes = Deletes(policy="delete", max_percent="0", min_count=0)
    assert (deletes.resolved_max_percent, deletes.resolved_min_count) == (Decimal(0), 0)


def test_a_job_that_deletes_may_delete():
    assert "delete" in BARE.model_copy(update={"deletes": Deletes(policy="delete")}).resolved_operations


@pytest.mark.parametrize(
    ("spec", "read"),
    [
        ({}, "all"),
        ({"keys": ["a"]}, "keys"),
        ({"from": "1"}, "range"),
        ({"to": "1"}, "range"),
        ({"read": "changes"}, "changes"),
    ],
)
def test_what_a_run_reads_follows_from_what_it_names(spec, read):
    assert SyncRunSpec.model_validate({"job": "a", **spec}).resolved_read == read


@pytest.mark.parametrize("percent", ["101", "-1", "100.5", "5%", "1e1", "", "5,5"])
def test_what_is_no_percentage_is_refused(percent):
    with pytest.raises(ValidationError):
        Deletes(policy="ignore", max_percent=percent)


@pytest.mark.parametrize(
    "url",
    [
        "https://me:pass@shop.example/",
        "https://me@shop.example",
        "postgresql://u:p@/db",
        " https://a:b@c",
        "postgresql://erp/db?password=x",
        "https://shop.example/?a=b&API_KEY=x",
    ],
)
def test_a_url_with_a_login_in_it_is_found(url):
    assert has_credentials(url)


@pytest.mark.parametrize(
    "url", ["https://shop.example/a@b", "sqlite:///a@b.db", "me@shop.example", "https://h/?q=password"]
)
def test_an_at_sign_elsewhere_is_no_login(url):
    assert not has_credentials(url)


def test_names_are_those_of_kubernetes():
    pattern = Mapping.model_json_schema()["$defs"]["Metadata"]["properties"]["name"]["pattern"]
    assert [bool(re.match(pattern, name)) for name in ("a", "a-b", "1a", "-a", "a-", "A", "a.b", "a_b", "")] == [
        True, True, True, False, False, False, False, False, False,
    ]  # fmt: skip
