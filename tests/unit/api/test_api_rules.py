"""Each rule across fields fires in the models with the very words of the API server (tests/crds proves those)."""

from pathlib import Path

import pytest
import yaml

from ponte.manifests.collection import KINDS
from ponte.manifests.loading import load
from ponte_api.common import Model

TABLE = Path(__file__).resolve().parents[2] / "crds" / "rules.yaml"
CASES = [case for case in yaml.safe_load(TABLE.read_text()) if not case["message"].startswith("metadata.name")]


def all_models() -> list[type[Model]]:
    found, pending = [], [Model]
    while pending:
        below = pending.pop().__subclasses__()
        found += below
        pending += below
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['message'][:60]}")
def test_a_broken_rule_is_the_only_fault_and_says_what_the_api_server_says(case, tmp_path):
    document = {"apiVersion": "ponte.dev/v1alpha1", "kind": case["kind"], "metadata": {"name": "case"}}
    file = tmp_path / "case.yaml"
    file.write_text(yaml.safe_dump({**document, "spec": case["spec"]}))

    faults = [fault.message for fault in load([file]).faults]

    assert faults == [case["message"]]


def test_every_rule_that_models_check_has_a_case():
    assert KINDS  # all kinds are imported, so all models are there
    declared = {rule.message for model in all_models() for rule in model.rules if rule.holds is not None}
    assert declared == {case["message"] for case in CASES}


def test_no_two_rules_of_a_model_share_a_message():
    for model in all_models():
        messages = [rule.message for rule in model.rules]
        assert len(messages) == len(set(messages)), model


def test_no_two_models_share_a_name():
    names = [model.__name__ for model in all_models()]  # CRDs and reference call a model by its name alone

    assert sorted(names) == sorted(set(names))
