"""`ponte init` makes what `ponte validate` finds sound, and `validate` tells every fault with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ponte.cli.main import run_program


@pytest.fixture
def integration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Path:
    monkeypatch.chdir(tmp_path)
    assert run_program(["init"]) == 0
    capsys.readouterr()
    return tmp_path / "integration"


def line_of(file: Path, text: str) -> int:
    return next(number for number, line in enumerate(file.read_text().splitlines(), 1) if text in line)


def test_a_new_integration_is_sound(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_program(["validate"]) == 0
    assert capsys.readouterr().out == "2 files: 2 SyncSources, 1 Mapping, 1 SyncJob. No faults.\n"


def test_a_folder_without_anything_of_pontes_is_no_good_news(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()

    assert run_program(["validate", "-f", str(tmp_path / "empty")]) == 64
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("There is nothing of Ponte's in ")


def test_init_overwrites_nothing(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (integration / "products.yaml").write_text("mine")

    assert run_program(["init"]) == 64
    assert (integration / "products.yaml").read_text() == "mine"
    assert "nothing was written" in capsys.readouterr().err


def test_init_takes_another_folder_and_says_how_to_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert run_program(["init", "shop-sync"]) == 0
    assert "  ponte run products -f shop-sync" in capsys.readouterr().out.splitlines()
    assert run_program(["validate", "-f", "shop-sync"]) == 0


def test_all_faults_are_told_with_file_and_line(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = integration / "products.yaml"
    text = (
        file.read_text()
        .replace("object: products}", "object: product}")
        .replace("trim: true, required", "tirm: true, required")
    )
    file.write_text(text)

    assert run_program(["validate"]) == 78
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"integration/products.yaml:{line_of(file, 'to: sku')}  Mapping product: fields[0]")
    assert 'Did you mean "trim"?' in lines[0]
    target = line_of(file, "target:")
    assert (
        f'integration/products.yaml:{target}  SyncJob products: target.object: "product" is not in SyncSource shop'
        in "\n".join(lines)
    )
    assert lines[-1] == "3 faults in 2 files."


def test_faults_can_be_had_as_json(integration: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = integration / "products.yaml"
    file.write_text(file.read_text().replace("mapping: product", "mapping: produkt"))

    assert run_program(["validate", "-o", "json"]) == 78
    [fault] = json.loads(capsys.readouterr().out)["faults"]
    assert fault["file"] == "integration/products.yaml"
    assert fault["line"] == line_of(file, "mapping: produkt")
    assert fault["object"] == "SyncJob products"
