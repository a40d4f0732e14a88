"""What a model found wrong in a file, worded for the person who wrote it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

Loc = tuple[str | int, ...]
"""Keys and list indices that lead to one value."""

_SHOWN_CHARS = 40
_WORDS = {
    "model_type": "must be a mapping of keys",
    "dict_type": "must be a mapping of keys",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "path_type": "must be a path",
    "string_type": "must be text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
}
"""Pydantic's words for types are Python's, not YAML's."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Hold one thing wrong: where, in which words, what helps, and what may stand there (empty = not a closed set)."""

    loc: Loc
    message: str
    hint: str = ""
    allowed: tuple[str, ...] = ()
    unknown: bool = False
    missing: bool = False


def faults_in(error: ValidationError, model: type[BaseModel], at: Loc = ()) -> list[Fault]:
    """Word everything a validation found wrong; a mistyped key explains a missing one, so that is left out.

    Args:
        error: What the validation raised.
        model: The model that was asked.
        at: Keys that lead to the part it was asked about.
    """
    found = [_worded(each, model, at) for each in error.errors(include_url=False) if each["type"] != "invalid_key"] or [
        Fault(at, "a key must be text; put it in quotes")
    ]
    typos = [fault for fault in found if fault.unknown]
    return [*typos, *(fault for fault in found if not fault.unknown and not _explained(fault, typos))]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Word a hint: the valid name closest to `name`, else all of them."""
    names = sorted(valid)
    if close := closest(name, names):
        return f"did you mean `{close}`?"
    return listed(names) or "nothing is valid here"


def closest(name: str, valid: Iterable[str], least: float = 0.6) -> str:
    """Give the valid name that `name` was probably meant to be, or nothing."""
    return next(iter(difflib.get_close_matches(name, sorted(valid), n=1, cutoff=least)), "")


def listed(valid: Iterable[str]) -> str:
    """Say what is valid, or nothing where nothing is."""
    names = ", ".join(f"`{each}`" for each in valid)
    return f"valid here: {names}" if names else ""


def dotted(loc: Sequence[str | int]) -> str:
    """Write a location as a dotted key."""
    return ".".join(str(part) for part in loc)


def _worded(fault: Mapping[str, Any], model: type[BaseModel], at: Loc) -> Fault:  # Any: pydantic's ErrorDetails
    loc = (*at, *fault["loc"])
    if fault["type"] == "extra_forbidden":
        return _unknown(loc, list(_valid_keys(model, fault["loc"][:-1])))
    text = _WORDS.get(fault["type"], str(fault["msg"]).removeprefix("Value error, "))
    text = text[:1].lower() + text[1:]
    if fault["type"] == "missing":
        return Fault(loc, f"`{dotted(loc)}`: {text}", missing=True)
    text += _given(fault)
    allowed = tuple(_choices(fault))
    near = closest(str(fault["input"]), allowed) if allowed else ""
    return Fault(loc, f"`{dotted(loc)}`: {text}" if loc else text, f"did you mean `{near}`?" if near else "", allowed)


def _unknown(loc: Loc, valid: list[str]) -> Fault:
    name = str(loc[-1])
    hint = listed(valid) if closest(name, valid) else ""
    return Fault(loc, f"unknown key `{dotted(loc)}`; {nearest(name, valid)}", hint, tuple(valid), unknown=True)


def _given(fault: Mapping[str, Any]) -> str:  # Any: pydantic's ErrorDetails
    """Show a short plain value that was refused; the checks of our own already name it."""
    value = fault["input"]
    if fault["type"] in ("value_error", "missing") or isinstance(value, dict | list | tuple):
        return ""
    return f", not {value!r}" if len(repr(value)) <= _SHOWN_CHARS else ""


def _choices(fault: Mapping[str, Any]) -> Iterator[str]:  # Any: pydantic's ErrorDetails
    if fault["type"] == "literal_error":
        for word in str(fault["ctx"]["expected"]).replace(" or ", ", ").split(", "):
            yield word.strip("'")


def _explained(fault: Fault, typos: Iterable[Fault]) -> bool:
    return fault.missing and any(
        typo.loc[:-1] == fault.loc[:-1] and closest(str(typo.loc[-1]), [str(fault.loc[-1])]) for typo in typos
    )


def _valid_keys(model: type[BaseModel], loc: Sequence[str | int]) -> Iterator[str]:
    """List the keys of the model that stands at `loc` inside `model`."""
    here = model
    for part in loc:
        info = here.model_fields.get(str(part))
        if info is not None and (inner := _inner_model(info.annotation)):
            here = inner
    for name, info in here.model_fields.items():
        alias = info.validation_alias
        yield str(alias) if isinstance(alias, str) else name


def _inner_model(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((inner for part in get_args(annotation) if (inner := _inner_model(part))), None)
