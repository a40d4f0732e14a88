"""JSON from outside, made so that it can be written, sent and read again anywhere."""

from __future__ import annotations

import re
from typing import Any

MOST_DEEP = 100
"""How deep lists and objects may stand in one another; readers and writers of JSON differ in where they give up."""
PUT_INSTEAD = "\ufffd"

_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


def well_formed(value: Any, most_deep: int = MOST_DEEP) -> Any:  # Any: JSON in, JSON out
    """Put U+FFFD for halves of surrogate pairs, which no encoding can write, and for what is nested too deeply.

    JSON can spell such halves (the escape of D83D alone), so a model or a program can put one into anything it says.
    """
    if isinstance(value, str):
        return value if value.isascii() else _HALF_A_PAIR.sub(PUT_INSTEAD, value)
    if isinstance(value, dict):
        if most_deep == 0:
            return PUT_INSTEAD
        return {well_formed(key): well_formed(item, most_deep - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [well_formed(item, most_deep - 1) for item in value] if most_deep else PUT_INSTEAD
    return value
