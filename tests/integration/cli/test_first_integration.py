"""From `ponte init` to a synchronisation that runs, through the real program."""

from __future__ import annotations

import json
import re
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

Ponte = Callable[..., subprocess.CompletedProcess[str]]


def products(folder: Path) -> dict[str, tuple[str, float, int]]:
    with closing(sqlite3.connect(folder / "integration" / "data" / "shop.db")) as shop:
        return {sku: (name, price, stock) for sku, name, price, stock in shop.execute("SELECT * FROM products")}


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after), encoding="utf-8")


def without_time(text: str) -> list[str]:
    return [re.sub(r"   \d+\.\d s$", "", line) for line in text.splitlines()]


def test_a_new_integration_runs_and_accounts_for_every_record(started_ponte: Ponte, tmp_path: Path) -> None:
    assert started_ponte("init").returncode == 0

    first = started_ponte("run", "products")

    assert first.returncode == 0, first.stderr
    assert without_time(first.stdout) == [
        "read 5 = created 3 + skipped 1 (not for the web) + rejected 1",
        "rejects: 1 new, 1 open · RequiredFieldMissing name ×1      ponte rejects list products",
    ]
    assert first.stderr == ""
    assert products(tmp_path) == {
        "0000001": ("Caffè in grani 1 kg", 12.9, 250),
        "0000002": ("Tè verde biologico", 1234.5, 12),
        "0000003": ("Lampadina a LED 9 W", 3.49, 0),
    }


def test_what_did_not_change_is_not_written_and_what_did_is(ponte: Ponte, tmp_path: Path) -> None:
    articles = tmp_path / "integration" / "data" / "articles.csv"
    ponte("init")
    ponte("run", "products")

    again = ponte("run", "products")
    edit(articles, "0000004;;", "0000004;Filtro aria;")
    edit(articles, "3,49", "2,99")
    mended = ponte("run", "products")

    assert without_time(again.stdout)[0] == ("read 5 = unchanged 3 + skipped 1 (not for the web) + rejected 1 (0 new)")
    assert without_time(mended.stdout) == [
        "read 5 = created 1 + updated 1 + unchanged 2 + skipped 1 (not for the web)",
        "rejects: 1 closed, 0 open",
    ]
    assert products(tmp_path)["0000003"] == ("Lampadina a LED 9 W", 2.99, 0)
    assert products(tmp_path)["0000004"] == ("Filtro aria", 7.2, 31)


def test_a_run_whose_only_fault_is_a_double_key_partially_succeeded(ponte: Ponte, tmp_path: Path) -> None:
    articles = tmp_path / "integration" / "data" / "articles.csv"
    ponte("init")
    edit(articles, "0000004;;", "0000004;Filtro aria;")
    lines = articles.read_text(encoding="utf-8").splitlines()
    articles.write_text("\n".join([*lines, lines[1]]) + "\n", encoding="utf-8")

    done = ponte("run", "products", "-o", "json")

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["account"]["rejected"] == 0
    assert (told["phase"], told["reason"], told["rejects"]["new"]) == ("PartiallySucceeded", "Rejects", 1)
    assert "PartiallySucceeded" in ponte("runs").stdout


def test_a_plan_tells_and_writes_nothing(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")

    planned = ponte("plan", "products", "--exit-code")

    assert planned.returncode == 2
    assert planned.stdout.splitlines()[:2] == [
        "          create  update  unchanged  skipped  reject  delete",
        "products       3       0          0        1       1       0",
    ]
    assert planned.stdout.splitlines()[-1] == "3 changes would be made; nothing was written."
    assert products(tmp_path) == {}
    assert ponte("run", "products").stdout.startswith("read 5 = created 3 ")
    assert ponte("plan", "products", "--exit-code").returncode == 0


def test_what_somebody_changed_in_the_target_is_found_and_mended(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    ponte("run", "products")
    aligned = ponte("verify", "products")
    with closing(sqlite3.connect(tmp_path / "integration" / "data" / "shop.db")) as shop, shop:
        shop.execute("UPDATE products SET price = 1 WHERE sku = '0000001'")
        shop.execute("DELETE FROM products WHERE sku = '0000002'")
        shop.execute("INSERT INTO products VALUES ('9', 'mine', 1, 1)")

    found = ponte("verify", "products")
    mended = ponte("verify", "products", "--repair")

    assert aligned.returncode == 0
    assert aligned.stdout.splitlines() == [
        "products: equal 3 · different 0 · missing 0 · extra 0 · unknown 1",
        "What could be compared is the same on both sides; 1 record could not be: ponte rejects list products",
    ]
    assert found.returncode == 1
    assert [" ".join(line.split()) for line in found.stdout.splitlines()] == [
        "products: equal 1 · different 1 · missing 1 · extra 1 · unknown 1",
        "different 0000001 price",
        "missing 0000002",
        "extra 9",
        "1 record could not be compared: ponte rejects list products",
        "Next: ponte verify products --repair delivers what differs or is missing.",
    ]
    assert mended.returncode == 0, mended.stderr
    assert "Next:" not in mended.stdout
    assert without_time(mended.stdout)[-2].startswith("read 2 = ")
    assert products(tmp_path)["0000001"][1] == 12.9
    assert "0000002" in products(tmp_path)


def test_deletes_above_the_guard_wait_for_a_person(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    manifest, data = tmp_path / "integration" / "products.yaml", tmp_path / "integration" / "data" / "articles.csv"
    policy = 'deletes: {policy: delete, maxPercent: "0", minCount: 0}'
    edit(manifest, "  mapping: product\n", f"  mapping: product\n  {policy}\n")
    edit(manifest, "object: products}", "object: products, operations: [create, update, delete]}")
    ponte("run", "products")
    edit(data, "0000002;Tè verde biologico;1.234,50;12;S\n", "")

    held = json.loads(ponte("run", "products", "-o", "json").stdout)
    still_there = products(tmp_path)
    contradiction = ponte("run", "products", "--approve", held["run"], "--read", "all")
    approved = ponte("run", "products", "--approve", held["run"])

    assert held["phase"] == "AwaitingApproval"
    assert "0000002" in still_there
    assert contradiction.returncode == 64
    assert approved.returncode == 0, approved.stderr
    assert "deleted 1" in approved.stdout
    assert "0000002" not in products(tmp_path)
    assert len(products(tmp_path)) == 2


def test_results_can_be_had_as_one_json_document(ponte: Ponte) -> None:
    ponte("init")

    result = json.loads(ponte("run", "products", "-o", "json").stdout)

    assert result["phase"] == "PartiallySucceeded"
    assert result["account"]["created"] == 3
    assert result["rejects"]["reasons"] == [{"reason": "RequiredFieldMissing", "field": "name", "count": 1}]
    assert [run["run"] for run in json.loads(ponte("runs", "-o", "json").stdout)] == [result["run"]]


def test_a_run_that_fails_is_in_the_list_of_runs_with_its_reason(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    (tmp_path / "integration" / "data" / "articles.csv").unlink()

    failed = ponte("run", "products")

    assert failed.returncode in {75, 78}
    assert "articles.csv" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_doctor_finds_all_well_and_then_what_is_not(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    well = ponte("doctor")
    (tmp_path / "integration" / "data" / "shop.db").write_text("this is no database, whatever its name says")

    ill = ponte("doctor")

    assert well.returncode == 0, well.stdout
    assert ill.returncode == 1
    [line] = [line for line in ill.stdout.splitlines() if "FAILED" in line]
    assert line.startswith("shop ")


def test_doctor_tells_which_object_of_a_job_is_missing(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    with closing(sqlite3.connect(tmp_path / "integration" / "data" / "shop.db")) as shop:
        shop.execute("DROP TABLE products")
    (tmp_path / "integration" / "data" / "articles.csv").unlink()

    ill = ponte("doctor")
    of_one = ponte("doctor", "shop", "-o", "json")

    lines = [" ".join(line.split()) for line in ill.stdout.splitlines() if "FAILED" in line]
    assert ill.returncode == of_one.returncode == 1
    assert [line.partition(":")[0] for line in lines] == [
        "exports/articles FAILED FileMissing",
        "shop/products FAILED TableMissing",
    ]
    assert "articles.csv is not there" in " ".join(ill.stdout.split())
    assert [(found["about"], found["ok"]) for found in json.loads(of_one.stdout)] == [
        ("shop", True),
        ("shop/products", False),
    ]


def test_doctor_does_not_miss_a_file_that_the_run_makes(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    systems = tmp_path / "integration" / "systems.yaml"
    edit(
        systems, 'sql:\n    url: {value: "sqlite:///integration/data/shop.db"}', 'files: {path: {value: "integration"}}'
    )
    edit(systems, "table: products", "path: shop.csv\n    csv: {}")

    well = ponte("doctor")

    assert well.returncode == 0, well.stdout
    assert ponte("run", "products").returncode == 0
    assert (tmp_path / "integration" / "shop.csv").exists()


def test_rejects_are_listed_shown_retried_and_set_aside(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    ponte("run", "products")

    listed = ponte("rejects", "list", "products", "-o", "json")
    shown = ponte("rejects", "show", "products", "0000004")
    in_vain = ponte("rejects", "retry", "products")
    skipped = ponte("rejects", "skip", "products", "0000004")
    after = ponte("rejects", "list", "products")

    [reject] = json.loads(listed.stdout)
    assert reject["key"] == ["0000004"]
    assert reject["faults"] == [{"field": "name", "reason": "RequiredFieldMissing", "message": "description is empty"}]
    assert shown.stdout.splitlines()[0] == 'products "0000004", stage map: open'
    assert without_time(in_vain.stdout)[0] == "read 1 = rejected 1 (0 new)"
    assert skipped.returncode == 0
    assert after.stdout == "products: no open rejects.\n"


def test_a_mended_record_is_delivered_by_retry_alone(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    ponte("run", "products")
    edit(tmp_path / "integration" / "data" / "articles.csv", "0000004;;", "0000004;Filtro aria;")

    retried = ponte("rejects", "retry", "products", "0000004")

    assert without_time(retried.stdout) == ["read 1 = created 1", "rejects: 1 closed, 0 open"]
    assert products(tmp_path)["0000004"] == ("Filtro aria", 7.2, 31)


def test_a_slip_in_a_name_does_not_look_like_no_rejects(ponte: Ponte) -> None:
    ponte("init")
    ponte("run", "products")

    job = ponte("rejects", "list", "prodcts")
    key = ponte("rejects", "show", "products", "0000005")

    runs = ponte("runs", "prodcts")
    reason = ponte("rejects", "list", "products", "--reason", "NotConvertble")

    assert (job.returncode, key.returncode, runs.returncode) == (64, 64, 64)
    assert 'Did you mean "products"?' in runs.stderr
    assert 'no open reject has the reason "NotConvertble". There is: RequiredFieldMissing.' in reason.stdout
    assert 'Did you mean "products"?' in job.stderr
    assert 'Did you mean "0000004"?' in key.stderr


def test_fields_are_locked_into_the_manifest_once(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")

    shown = ponte("schema", "shop")
    locked = ponte("schema", "shop", "--lock")
    again = ponte("schema", "shop", "--lock")

    assert shown.stdout.splitlines()[0] == "products  (4 fields)"
    assert locked.stdout.splitlines()[-1] == "integration/systems.yaml: written."
    assert again.stdout.splitlines() == ["products  as it was", "integration/systems.yaml: nothing to write."]
    assert "# A server needs a login, always by reference:" in (tmp_path / "integration/systems.yaml").read_text()
    assert ponte("validate").returncode == 0


def test_faults_stop_a_run_before_anything_is_reached(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    edit(tmp_path / "integration" / "products.yaml", "object: products}", "object: product}")

    refused = ponte("run", "products")

    assert refused.returncode == 78
    assert re.match(
        r'integration/products.yaml:\d+  SyncJob products: target.object: "product" is not in SyncSource shop',
        refused.stderr,
    )
    assert not (tmp_path / ".ponte").exists()


def test_a_reader_that_has_enough_is_no_error(program: list[str], ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    line = f"{' '.join(program)} validate -o json | head -c 1"

    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0
    assert done.stderr == b""


def test_where_nothing_was_read_only_the_error_is_told(ponte: Ponte, tmp_path: Path) -> None:
    ponte("init")
    ponte("run", "products")
    (tmp_path / "integration" / "data" / "articles.csv").unlink()

    failed = ponte("run", "products")

    assert (failed.returncode, failed.stdout) == (78, "")
    assert "articles.csv" in failed.stderr
