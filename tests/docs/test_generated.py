"""What is generated from the code is up to date, and says something about every key."""

from __future__ import annotations

import json

from . import errors, reference
from .generated import PAGE, REFERENCE, SCHEMA, page_text, schema_text

STALE = "out of date: run `make generate`"


def test_the_schema_of_run_files_is_the_codes() -> None:
    assert SCHEMA.read_text() == schema_text(), STALE


def test_the_tables_of_the_run_file_page_are_the_codes() -> None:
    page = PAGE.read_text()
    assert page == page_text(page), STALE


def test_the_reference_of_the_command_line_is_the_command_lines_own() -> None:
    page = REFERENCE.read_text()
    assert page == reference.page_text(page), STALE


def test_every_command_option_and_argument_says_what_it_is_for() -> None:
    for entry in reference.entries():
        assert "Example: ratchet" in entry.command.help, entry.path
        for param in entry.command.params:
            assert getattr(param, "help", ""), f"{entry.path}: {param.name} has no help"


def test_every_section_and_key_of_a_run_file_is_explained() -> None:
    schema = json.loads(schema_text())
    page = PAGE.read_text()
    for name, model in schema["$defs"].items():
        for key, field in model["properties"].items():
            assert field.get("description") or field.get("$ref"), f"{name}.{key} has no docstring"
            assert f"| `{key}` |" in page, f"{name}.{key} is in no table"


def test_the_page_of_errors_is_the_codes_and_the_table_of_bad_inputs() -> None:
    page = errors.PAGE.read_text()
    assert page == errors.page_text(page), STALE
    assert [name for name in errors.GROUPS if f"<!-- table: {name} -->" not in page] == []


def test_every_error_has_a_mend_on_the_page_or_a_reason_to_have_none() -> None:
    page = errors.PAGE.read_text()
    names = {kind.__name__: {base.__name__ for base in kind.__mro__} for kind in errors.classes()}
    missing = [name for name, bases in names.items() if name not in errors.MENDS and not bases & set(errors.INSIDE)]
    assert missing == []
    assert [name for name in errors.MENDS if name not in names] == []
    assert [name for name in errors.MENDS if f"| `{name}` |" not in page] == []
