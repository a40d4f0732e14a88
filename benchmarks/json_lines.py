"""Files of JSON lines that people bring: one object on each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.errors import SuiteError
from traces.errors import Place

Line = dict[str, Any]  # Any: JSON values


def read_json_lines(text: str, path: Path) -> Iterator[tuple[Place, Line]]:
    """Give each object of a file's text with its place; a line feed ends a line, and nothing else does.

    Raises:
        SuiteError: A line holds something else, or a text that cannot be written down; says which.
    """
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield Place(path, number), _object(line, Place(path, number))


def _object(line: str, place: Place) -> Line:
    try:
        found = json.loads(line)
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise SuiteError("holds half of a surrogate pair, which is no text", place=place) from None
    except (ValueError, RecursionError) as problem:
        raise SuiteError(f"is not JSON: {problem}", place=place) from None
    if not isinstance(found, dict):
        raise SuiteError("is not an object", place=place)
    return found
