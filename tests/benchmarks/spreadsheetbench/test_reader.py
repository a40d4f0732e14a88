from __future__ import annotations

import io
import json
import pickle
import shutil
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.errors import SuiteError
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.suite import Suite, load_suite


def load(folder: Path, **settings: object) -> Suite:
    return load_suite({"kind": "spreadsheetbench", "path": folder.name, **settings}, folder.parent)


def edit(folder: Path, change: Callable[[list[dict[str, object]]], object]) -> None:
    path = folder / "dataset.json"
    records = json.loads(path.read_text("utf-8"))
    change(records)
    path.write_text(json.dumps(records), "utf-8")


def test_records_become_tasks_whatever_their_ids_and_folders(tiny: Path) -> None:
    suite = load(tiny)
    assert [(task.id, task.category) for task in suite.tasks] == [("7", "cell_level"), ("x-1", "sheet_level")]
    assert [task.metadata["cases"] for task in suite.tasks] == [3, 2]


def test_the_agent_gets_the_first_input_and_the_verifier_all_of_them(tiny: Path) -> None:
    task = load(tiny).task("7")
    assert set(task.environment.files) == {"1_7_input.xlsx", ".lib/openpyxl.zip"}
    assert {name for name in task.tests if name.startswith("cases/")} == {f"cases/{k}_7_input.xlsx" for k in (1, 2, 3)}
    assert b"n540" not in task.environment.files["1_7_input.xlsx"]
    assert "B2:B3" in task.instruction
    assert "1_7_input.xlsx" in task.instruction
    assert "540" not in task.instruction


def test_the_later_names_of_workbooks_are_found(tiny: Path) -> None:
    folder = tiny / "spreadsheet" / "7"
    (folder / "1_7_input.xlsx").rename(folder / "1_7_init.xlsx")
    (folder / "1_7_answer.xlsx").rename(folder / "1_7_golden.xlsx")
    for case in (2, 3):
        (folder / f"{case}_7_input.xlsx").unlink()
    task = load(tiny, ids=[7]).task("7")
    assert task.metadata["cases"] == 1


def test_tasks_are_chosen_by_id_kind_and_number(tiny: Path) -> None:
    assert [task.id for task in load(tiny, ids=["7"]).tasks] == ["7"]
    assert [task.id for task in load(tiny, types=["sheet_level"]).tasks] == ["x-1"]
    assert [task.id for task in load(tiny, skip=[7]).tasks] == ["x-1"]
    assert len(load(tiny, limit=1).tasks) == 1
    assert len(load(tiny, limit=50).tasks) == 2


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"limit": 0}, "suite.limit"),
        ({"score": "best"}, "suite.score"),
        ({"colour": 1}, "suite.colour"),
        ({"ids": ["8"]}, "suite.ids"),
        ({"skip": ["8"]}, "suite.skip"),
        ({"ids": ["7"], "types": ["sheet_level"]}, "no record"),
    ],
)
def test_a_wrong_setting_is_named(tiny: Path, settings: dict[str, object], said: str) -> None:
    with pytest.raises(SuiteError, match=said):
        load(tiny, **settings)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda records: records[1].pop("instruction"), r"record 2 .id 'x-1'.: `instruction`"),
        (
            lambda records: records[1].update(answer_position="A:G"),
            "record 2 .id 'x-1'.: `answer_position`.*whole columns",
        ),
        (lambda records: records[1].update(id="../x"), "record 2 .*cannot name a task"),
        (lambda records: records[1].update(id="y", spreadsheet_path="../../etc"), "no pair of workbooks"),
        (lambda records: records.append(records[0]), "two tasks named '7'"),
        (lambda records: records.append("more"), "record 3"),
    ],
)
def test_a_malformed_record_is_named(
    tiny: Path, change: Callable[[list[dict[str, object]]], object], said: str
) -> None:
    edit(tiny, change)
    with pytest.raises(SuiteError, match=said):
        load(tiny)


def test_a_bad_record_can_be_skipped(tiny: Path) -> None:
    edit(tiny, lambda records: records[1].update(answer_position="A:G"))
    assert [task.id for task in load(tiny, skip=["x-1"]).tasks] == ["7"]


def test_a_folder_without_a_dataset_is_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"dataset\.json"):
        load(tmp_path)
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(SuiteError, match="cannot be read"):
        load(tmp_path)


def spoil_xml(path: Path) -> None:
    """Break a sheet's XML inside a sound archive, which only reading its cells finds."""
    old = zipfile.ZipFile(io.BytesIO(path.read_bytes()))
    with old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name)[:-9] if name.startswith("xl/worksheets/") else old.read(name))


def spoil_packed(path: Path) -> None:
    """Overwrite bytes of a packed sheet."""
    content = path.read_bytes()
    place = content.index(b"xl/worksheets/sheet1.xml") + 40
    path.write_bytes(content[:place] + bytes(30) + content[place + 30 :])


DAMAGE: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "no archive": ("2_7_answer.xlsx", lambda path: path.write_bytes(b"oops"), "not a zip"),
    "cut": ("3_7_input.xlsx", lambda path: path.write_bytes(path.read_bytes()[:900]), "truncated"),
    "bytes lost": ("2_7_answer.xlsx", spoil_packed, "damaged"),
    "bytes of an input lost": ("1_7_input.xlsx", spoil_packed, "damaged"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_workbook_stops_the_loading_with_its_record_its_file_and_the_way_on(tiny: Path, damage: str) -> None:
    name, spoil, cause = DAMAGE[damage]
    spoil(tiny / "spreadsheet" / "7" / name)
    with pytest.raises(SuiteError, match=rf"record 1 \(id '7'\): .*{name}: .*{cause}") as found:
        load(tiny)
    assert "`suite: {skip: ['7']}`" in found.value.hint
    assert [task.id for task in load(tiny, skip=[7]).tasks] == ["x-1"]


def test_a_sheet_that_the_answer_does_not_have_stops_the_loading(tiny: Path) -> None:
    edit(tiny, lambda records: records[1].update(answer_position="'Dato'!A2"))
    with pytest.raises(SuiteError, match=r"record 2 \(id 'x-1'\): .*1_x-1_answer\.xlsx: it has no sheet 'Dato'.*Data"):
        load(tiny)


def test_what_only_reading_the_cells_finds_is_told_by_an_examination(tiny: Path) -> None:
    spoil_xml(tiny / "spreadsheet" / "7" / "3_7_answer.xlsx")
    suite = load(tiny)
    assert suite.examine is not None
    suite.examine(["x-1"])
    with pytest.raises(SuiteError, match=r"record 1 \(id '7'\): .*3_7_answer\.xlsx: .*broken XML") as found:
        suite.examine(["7", "x-1"])
    assert "skip: ['7']" in found.value.hint


def test_all_records_that_cannot_be_used_are_named_at_once(tiny: Path) -> None:
    edit(
        tiny,
        lambda records: records.extend(
            [{"id": "w", "instruction": "i", "answer_position": "A:G"}, {"id": 9, "answer_position": "A1"}, "more"]
        ),
    )
    (tiny / "spreadsheet" / "7" / "2_7_answer.xlsx").write_bytes(b"oops")
    with pytest.raises(SuiteError) as found:
        load(tiny)
    said = [each.message.partition("dataset.json: ")[2] for each in found.value.all]
    assert len(said) == 4
    assert all(
        any(f"record {place} (id '{name}')" in one for one in said) for place, name in ((1, 7), (3, "w"), (4, 9))
    )
    assert found.value.hint.endswith("`suite: {skip: ['7', 'w', '9']}`")
    edit(tiny, lambda records: records.pop())
    assert [task.id for task in load(tiny, skip=["7", "w", "9"]).tasks] == ["x-1"]


def test_a_folder_without_its_workbooks_is_not_answered_with_a_list_of_all_records(tiny: Path) -> None:
    records = [{"id": number, "instruction": "i", "answer_position": "A1"} for number in range(100, 160)]
    (tiny / "dataset.json").write_text(json.dumps(records))
    with pytest.raises(SuiteError) as found:
        load(tiny)
    assert len(found.value.all) == 60
    assert "60 records cannot be used: does the folder hold the workbooks" in found.value.hint


def test_a_line_of_jsonl_ends_at_a_line_feed_alone(tiny: Path) -> None:
    records = json.loads((tiny / "dataset.json").read_text("utf-8"))
    records[0]["instruction"] = "Add\u2028the values\u0085up."
    (tiny / "dataset.json").unlink()
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    (tiny / "dataset.jsonl").write_bytes(("\r\n".join(lines) + "\n\n").encode())
    assert load(tiny).task("7").instruction.startswith("Add\u2028the values\u0085up.")
    (tiny / "dataset.jsonl").write_bytes(f"{lines[0]}\n\n{{".encode())
    with pytest.raises(SuiteError, match="line 3 is not JSON"):
        load(tiny)


def test_workbooks_named_without_number_and_id_are_the_only_case(tiny: Path) -> None:
    folder = tiny / "spreadsheet" / "7"
    (folder / "1_7_input.xlsx").rename(folder / "initial.xlsx")
    (folder / "1_7_answer.xlsx").rename(folder / "golden.xlsx")
    for case in (2, 3):
        (folder / f"{case}_7_input.xlsx").unlink()
    task = load(tiny).task("7")
    assert task.metadata["cases"] == 1
    assert "initial.xlsx" in task.environment.files
    assert "about the workbook initial.xlsx" in task.instruction


@pytest.mark.parametrize(("record", "works"), [("42930", True), ("42931", False)])
def test_the_one_answer_that_was_published_under_another_id_is_found_and_no_other(
    tiny: Path, record: str, works: bool
) -> None:
    edit(tiny, lambda records: records[0].update(id=record))
    folder = tiny / "spreadsheet" / "7"
    (folder / "1_7_input.xlsx").rename(folder / f"1_{record}_init.xlsx")
    (folder / "1_7_answer.xlsx").rename(folder / "1_43930_golden.xlsx")
    if works:
        assert load(tiny).task(record).metadata["cases"] == 1
    else:
        with pytest.raises(SuiteError, match="no pair of workbooks"):
            load(tiny)


@pytest.mark.parametrize(
    ("sheet", "given"),
    [("Bob's", "'Bob''s'!A2"), ("Bob's", "'Bob's'!A2"), ("Data ", "'Data '!A2"), ("Data'", "Data'!A2")],
)
def test_a_sheet_is_found_whatever_quotes_and_blanks_its_name_holds(
    tiny: Path, sheet: str, given: str, workbook: Callable[..., bytes]
) -> None:
    for case in (1, 2):
        for kind, cells in (("input", {"A1": "x"}), ("answer", {"A1": "x", "A2": "y"})):
            (tiny / "other" / "x-1" / f"{case}_x-1_{kind}.xlsx").write_bytes(workbook(cells, sheet=sheet))
    edit(tiny, lambda records: records[1].update(answer_position=given))
    assert load(tiny, ids=["x-1"]).task("x-1").tests["expected.txt"].count(b"\nsy") == 2


def test_the_digest_follows_the_content_and_not_the_place(tiny: Path, tmp_path: Path) -> None:
    first = load(tiny)
    copy = tmp_path / "copy"
    shutil.copytree(tiny, copy)
    assert load(copy).hash == first.hash
    assert load(tiny, score="soft").hash != first.hash
    (copy / "spreadsheet" / "7" / "3_7_answer.xlsx").write_bytes(
        (copy / "spreadsheet" / "7" / "2_7_answer.xlsx").read_bytes()
    )
    changed = load(copy)
    assert changed.task("x-1").digest == first.task("x-1").digest
    assert changed.task("7").digest != first.task("7").digest


def test_a_task_can_be_sent_to_another_process(tiny: Path) -> None:
    task = load(tiny).task("7")
    sent = pickle.loads(pickle.dumps(task))
    assert sent == task
    assert dict(sent.tests) == dict(task.tests)
    assert dict(sent.solution) == dict(task.solution)
    assert dict(sent.metadata) == dict(task.metadata)


def test_every_real_task_is_read_at_once_and_brings_slips_and_answers(sample: Path, sample_suite: Suite) -> None:
    began = time.process_time()
    load_suite({"kind": "spreadsheetbench", "path": str(sample)}, sample)
    assert time.process_time() - began < 1.0
    assert len(sample_suite.tasks) == 90
    for task in sample_suite.tasks:
        slips = task.metadata["slips"]
        assert 3 <= len(slips) <= 4, task.id
        assert set(slips) <= set(SLIPS)
        assert set(task.solution) == {"solve.sh", *(f"slips/{name}.sh" for name in slips)}
        assert task.metadata["answer_keys"]
        assert all(key not in task.instruction for key in task.metadata["answer_keys"])
        assert max(map(len, task.solution.values())) < 80_000
