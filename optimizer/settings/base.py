"""What every section of a run file is made of: kinds of numbers, and a base that refuses unknown keys."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, WithJsonSchema

MOST_AT_ONCE = 1024
"""More attempts at once in one process than this is a slip of the finger."""
MOST_AGAIN = 1000
"""More attempts on one task than this is, too."""


def _size(given: object) -> float | int:
    """Take a share of the suite or a number of tasks; a union's own words would name both, and confuse."""
    if isinstance(given, float) and 0 < given < 1:
        return given
    if isinstance(given, int) and not isinstance(given, bool) and given >= 1:
        return given
    raise ValueError(f"must be a share of the suite (above 0, below 1) or a number of tasks, not {given!r}")


# Strict numbers: `k_max: true` and `hours: "8"` are slips of the pen, not a count and a time.
Share = Annotated[float, Field(gt=0, lt=1, strict=True)]
Amount = Annotated[float, Field(gt=0, strict=True)]
Count = Annotated[int, Field(ge=1, strict=True)]
Repeats = Annotated[int, Field(ge=1, le=MOST_AGAIN, strict=True)]
Size = Annotated[
    float | int,
    PlainValidator(_size),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
                {"type": "integer", "minimum": 1},
            ]
        }
    ),
]
Ratio = Annotated[float, Field(ge=1, strict=True)]
Area = Literal["prompts", "tools", "skills", "orchestration", "limits", "context", "search", "model", "name"]


class Settings(BaseModel):
    """Refuse unknown keys and never change after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)
