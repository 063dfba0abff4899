"""Whatever a file holds: what is sound goes through, the rest is named, nothing is lost and nothing crashes."""

from __future__ import annotations

import pytest

from hostile.bad_files import CASES, Case
from hostile.conftest import Workplace


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_file_harms_its_own_records_only(workplace: Workplace, case: Case) -> None:
    workplace.prepare(case.data, case.form, case.rule, case.column)

    first = workplace.run()

    assert "Traceback" not in first.said
    assert first.code == case.code, first.said
    assert first.rows == case.rows
    assert first.rejects == case.rejects
    assert all(words in first.said for words in case.told), first.said
    lost = first.account.get("read", 0) - sum(
        count for name, count in first.account.items() if name not in ("read", "again")
    )
    assert lost == 0, first.account


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_same_file_again_changes_nothing(workplace: Workplace, case: Case) -> None:
    workplace.prepare(case.data, case.form, case.rule, case.column)
    first = workplace.run()

    again = workplace.run()

    assert (again.code, again.rows, again.rejects) == (first.code, first.rows, first.rejects)
    assert not {"created", "updated"} & set(again.account)
