"""A Mapping that is edited: what the target would see otherwise is delivered, also where the values stay equal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ponte_api.mapping import MappingSpec
from unit.engine.world import MAPPING, article, make_world

SKU = {"to": "sku", "from": "sku", "required": True}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param({"to": "title", "from": "name"}, {"to": "titre", "from": "name"}, id="another field"),
        pytest.param(
            {"to": "note", "from": "name", "onNull": "omit"}, {"to": "note", "from": "name"}, id="no value is sent"
        ),
        pytest.param(
            {"to": "changed", "from": "changed", "type": "integer"},
            {"to": "changed", "from": "changed", "type": "string"},
            id="another type",
        ),
        pytest.param(
            {"to": "day", "from": "price", "type": "datetime", "format": "yyyy-MM-dd"},
            {"to": "day", "from": "price", "type": "datetime", "format": "yyyy-MM-dd", "timeZone": "UTC"},
            id="with a zone",
        ),
    ],
)
async def test_every_record_is_delivered_anew_when_the_target_would_see_another_one(
    before: dict[str, Any], after: dict[str, Any], tmp_path: Path
) -> None:
    def fields(rule: dict[str, Any]) -> dict[str, Any]:
        return {"key": ["sku"], "fields": [SKU, rule]}

    named = None if "onNull" in before else "a thing"
    world = make_world(
        tmp_path, article("a", name=named, price="2026-11-25"), article("b", price="2026-12-24"), mapping=fields(before)
    )
    await world.run()
    world.change(mapping=MappingSpec.model_validate(fields(after)))

    result = await world.run()

    assert result.account.updated == 2
    assert (await world.run()).account.unchanged == 2


async def test_a_new_check_delivers_nothing_anew(tmp_path: Path) -> None:
    world = make_world(tmp_path, article("a"), article("b"))
    await world.run()
    sku, name, price = MAPPING["fields"]
    checked = {**MAPPING, "fields": [sku, name, {**price, "check": "price >= 0"}]}
    world.change(mapping=MappingSpec.model_validate(checked))

    result = await world.run()

    assert any(note.startswith("MappingChanged") for note in result.notes)
    assert (result.account.updated, result.account.unchanged) == (0, 2)
