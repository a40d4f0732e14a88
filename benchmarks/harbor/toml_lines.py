"""Where a key of a TOML file stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator


def find_line(text: str, key: str) -> int | None:
    """Find the line that sets the dotted `key`, or else the line of the table it would stand in.

    A table of a list is meant by its number (`steps.1.name`); without one, the first that fits is taken.
    """
    best, best_size = None, 0
    for number, names in _keys(text):
        for found in names:
            if (key == found or key.startswith(found + ".")) and len(found) > best_size:
                best, best_size = number, len(found)
    return best


def _keys(text: str) -> Iterator[tuple[int, set[str]]]:
    """Give each line that names a key, with its full name: without the numbers of lists, and with them."""
    counts: Counter[str] = Counter()
    table = numbered = ""
    for number, line in enumerate(text.splitlines(), 1):
        header = re.match(r"\s*(\[\[?)\s*([^\]]+?)\s*\]", line)
        entry = re.match(r"\s*([\w.\"'-]+)\s*=", line)
        if header:
            table = re.sub(r"[\"'\s]", "", header[2])
            counts[table] += header[1] == "[["
            numbered = _numbered(table, counts)
            yield number, {table, numbered}
        elif entry:
            name = re.sub(r"[\"']", "", entry[1])
            yield number, {".".join(filter(None, (before, name))) for before in (table, numbered)}


def _numbered(table: str, counts: Counter[str]) -> str:
    done, written = "", ""
    for part in table.split("."):
        done, written = f"{done}.{part}".lstrip("."), f"{written}.{part}".lstrip(".")
        if counts[done]:
            written += f".{counts[done] - 1}"
    return written
