"""The manifest of an export: what the harness is, where it came from, and what its number rests on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from traces.errors import ConfigError, NotFoundError, Place

NAME = "manifest.json"
HARNESS = "harness"
BASELINE = "baseline"
DIFF = "diff.patch"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Step(_Part):
    """Name one kept change on the way from the baseline to the champion."""

    candidate: str
    harness: str
    """Content hash of the bundle after the change."""
    title: str
    hypothesis: str
    verdict: str
    reason: str


class Evidence(_Part):
    """Hold the certified number; every field is None when nothing was certified."""

    difference: float | None
    interval: tuple[float, float] | None
    level: float | None
    target: str | None
    baseline: float | None
    champion: float | None
    tasks: int | None
    attempts: int | None
    coverage: float | None
    look: int | None
    """How many times the test split had been looked at, this time included."""
    improved: bool
    best_of_n: dict[str, Any] | None = None
    """The champion against the baseline's best of as many attempts as its money buys. Any: numbers, and why not."""
    simulated: bool
    """True when a model was simulated: the number then says nothing about any real model."""


class Pruned(_Part):
    """Say which kept changes were taken out again, and what that rests on."""

    anchor: str
    """The champion that was pruned."""
    removed: tuple[str, ...]
    attempts: int
    runs: int | None
    """Attempts per held-out task and arm."""
    level: float | None
    skipped: str | None
    """Why there was no room for it."""
    note: str


class Manifest(_Part):
    """Describe an export; written as `manifest.json`."""

    format: Literal["ratchet-export"] = "ratchet-export"
    schema_version: Literal[1] = 1
    run: str
    created_at: str
    candidate: str
    harness: str
    """Content hash of `harness/`."""
    baseline: str
    """Content hash of `baseline/`."""
    lineage: tuple[Step, ...]
    evidence: Evidence
    pruned: Pruned | None = None
    """What was taken out again at the end; None when pruning was not asked for, or is still to come."""
    tests_used: int
    """Gate tests of this run."""
    keeps: int
    expected_false_keeps: float | None = None
    """The sum of the tests' levels: false keeps to expect at most if no change of the night helped."""
    gate_epoch: int | None = None
    """How often the suite's held-out tasks had been dealt anew, this deal included."""
    suite: str
    splits: str
    config: str
    models: dict[str, str]
    spend_usd: float
    unpriced_requests: int
    versions: dict[str, str]
    files: dict[str, str]
    """sha256 of every other file of the export, by its path."""


def read_manifest(folder: Path) -> Manifest:
    """Read an export's manifest.

    Raises:
        NotFoundError: There is none in `folder`.
        ConfigError: It is damaged or of another kind.
    """
    path = folder / NAME
    try:
        data: Any = json.loads(path.read_bytes())  # Any: checked below
        return Manifest.model_validate(data)
    except FileNotFoundError:
        raise NotFoundError("export", str(folder), hint="ratchet export RUN -o DIR makes one") from None
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"`{key}`: {first['msg'].lower()}", place=Place(path), key=key) from None
    except ValueError as error:
        raise ConfigError(f"not JSON: {error}", place=Place(path)) from None
