"""What is generated: the run file's JSON Schema, the tables of docs/configuration.md and docs/errors.md, docs/cli.md.

`make generate` writes them; tests/docs/test_generated.py says when they are out of date.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from optimizer.config import RunConfig

from . import errors, reference

ROOT = Path(__file__).parents[2]
SCHEMA = ROOT / "configs/run.schema.json"
PAGE = ROOT / "docs/configuration.md"
REFERENCE = ROOT / "docs/cli.md"
Json = dict[str, Any]  # Any: JSON


def schema_text() -> str:
    """Write the schema as `ratchet config schema` prints it."""
    return json.dumps(RunConfig.model_json_schema(), indent=2) + "\n"


def page_text(page: str) -> str:
    """Replace every table between `<!-- keys: NAME -->` and `<!-- end of keys -->`."""
    schema = RunConfig.model_json_schema()

    def table(found: re.Match[str]) -> str:
        name = found[1]
        model = schema if name == "RunConfig" else schema["$defs"][name]
        lines = ["| key | default | meaning |", "|---|---|---|", *_rows(model, schema)]
        return "\n".join([f"<!-- keys: {name} -->", *lines, "<!-- end of keys -->"])

    return re.sub(r"<!-- keys: (\w+) -->.*?<!-- end of keys -->", table, page, flags=re.DOTALL)


def _rows(model: Json, schema: Json) -> Iterator[str]:
    for key, field in model["properties"].items():
        meaning = re.sub(r" Any: [^.]*\.", "", field.get("description", "")).replace("|", "or")
        allowed = _allowed(field, schema)
        yield f"| `{key}` | {_default(key, field, model)} | {meaning}{f' ({allowed})' if allowed else ''} |"


def _default(key: str, field: Json, model: Json) -> str:
    if key in model.get("required", ()):
        return "must be given"
    if _is_section(field) or field.get("type") == "object":
        return "see below" if _is_section(field) else "none"
    value = field.get("default")
    if value is None:
        return "empty"
    return f"`{value if isinstance(value, str) else json.dumps(value)}`"


def _is_section(field: Json) -> bool:
    return "$ref" in field or any("$ref" in part for part in field.get("allOf", ()))


def _allowed(field: Json, schema: Json) -> str:
    """Say which values a key takes, when they are a closed set."""
    for part in (field, field.get("items", {}), *field.get("anyOf", ())):
        if "enum" in part:
            return ", ".join(f"`{value}`" for value in part["enum"])
    return ""


def write() -> None:
    """Write everything that is generated."""
    SCHEMA.write_text(schema_text())
    PAGE.write_text(page_text(PAGE.read_text()))
    REFERENCE.write_text(reference.page_text(REFERENCE.read_text()))
    errors.PAGE.write_text(errors.page_text(errors.PAGE.read_text()))


if __name__ == "__main__":
    write()
