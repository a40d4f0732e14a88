"""The section of a run file that says which model plays which role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from optimizer.settings.base import Settings

THEN = ", then "
"""Stands between the models that may answer for a role, where they are named in one line."""
SAME = "same"
"""Written for a role's model: the one that works on the tasks."""


class Role(Settings):
    """Name the model that plays a role, and where it is served."""

    model: str
    """A model id of the provider, or `simulated`."""
    base_url: str | None = None
    """Where the Messages API is served; the provider's own address when empty."""
    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    """How hard the model thinks; its own default when empty."""
    fallback: tuple[str, ...] = ()
    """Models asked instead, in order, with the same address and effort; a conversation stays with who answered."""
    on_refusal: Literal["fallback", "surface"] = "fallback"
    """What follows a refusal or a safety block: ask the `fallback`, where there is one, or surface it at once."""
    on_outage: Literal["wait", "fallback"] = "wait"
    """What follows an outage of the model: the run waits it out, or the `fallback` is asked; `task` must wait."""

    @model_validator(mode="after")
    def _fallback_fits(self) -> Role:
        if self.fallback and (self.simulated or "simulated" in self.fallback):
            raise ValueError("`fallback` is for models served at one address, and `simulated` is not")
        if len({self.model, *self.fallback}) <= len(self.fallback):
            raise ValueError("`fallback` names a model twice, or the role's own")
        if self.fallback and self.on_refusal == "surface" and self.on_outage == "wait":
            raise ValueError("`fallback` is never asked: `on_refusal` is `surface` and `on_outage` is `wait`")
        if self.on_outage == "fallback" and not self.fallback:
            raise ValueError("`on_outage: fallback` needs `fallback`, the models to ask")
        return self

    @property
    def named(self) -> str:
        """Name who answers: one model, or several in their order."""
        return THEN.join(self.models)

    @property
    def models(self) -> tuple[str, ...]:
        """List every model that may answer for this role, its own first."""
        return (self.model, *self.fallback)

    @property
    def simulated(self) -> bool:
        """Say whether the seeded stand-in plays this role."""
        return self.model == "simulated"


class Models(Settings):
    """Give every role its model."""

    task: Role
    """Works on tasks, inside the harness under test."""
    proposer: Role
    """Reads train traces and proposes changes; `same` is the model of `task`, all its settings included."""
    reflector: Role
    """Judges in a fresh context whether a change is overfitted; `same` is the model of `task`."""
    analyst: Role | None = None
    """Writes digests of single traces, if `proposer.digests` asks for any; the model of `task` when empty."""
    reviewer: Role | None = None
    """Asks once, before anything is spent, whether a proposal can be tested; the model of `reflector` when empty."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Let the schema allow `same` for every role but `task`."""
        schema = handler.resolve_ref_schema(handler(core))
        for name, part in schema["properties"].items():
            if name != "task":
                part["anyOf"] = [*part.get("anyOf", [{"$ref": part.pop("$ref", None)}]), {"const": SAME}]
        return schema

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, given: Any) -> Any:  # Any: whatever the run file holds, before it is checked
        """Put the model of `task` where a role says `same`."""
        if not isinstance(given, Mapping) or not isinstance(given.get("task"), Mapping):
            return given
        task = given["task"]
        return {name: {**task} if role == SAME and name != "task" else role for name, role in given.items()}

    @model_validator(mode="after")
    def _task_waits(self) -> Models:
        if self.task.on_outage != "wait":
            raise ValueError(
                "`task.on_outage` must be `wait`: another model in the middle of a night would change what is measured"
            )
        return self

    @property
    def roles(self) -> Mapping[str, Role]:
        """Give every role that a run may need its model, those left empty included."""
        return {
            "task": self.task,
            "proposer": self.proposer,
            "reflector": self.reflector,
            "analyst": self.analyst or self.task,
            "reviewer": self.reviewer or self.reflector,
        }
