"""The keys under `suite` of a run file, read into the model of a kind of suite."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from benchmarks.errors import SuiteError
from task_agent.harness.faults import dotted, faults_in

_Model = TypeVar("_Model", bound=BaseModel)


def read_settings(model: type[_Model], settings: Mapping[str, object]) -> _Model:
    """Validate a suite's own keys.

    Raises:
        SuiteError: A key is unknown or a value wrong; it holds everything else that is.
    """
    try:
        return model.model_validate(dict(settings))
    except ValidationError as error:
        first, *more = (
            SuiteError(fault.message, key=dotted(fault.loc), hint=fault.hint, allowed=fault.allowed)
            for fault in faults_in(error, model, ("suite",))
        )
        first.more = tuple(more)
        raise first from None
