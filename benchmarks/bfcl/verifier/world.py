"""The toy APIs of one task: made anew from their first state, and brought on by calls.

A folder holds `scenario.json` (`classes`: name -> module, `state`: name -> first state, `long_context`, `never`:
functions that are not offered, `later`: function -> first turn that offers it) and `classes/`, the modules. Calls are
written as BFCL writes them: `cd(folder='x')`; arguments are literals.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PACKAGE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
"""Where the published modules look for each other."""


class World:
    """Hold the objects of one task."""

    def __init__(self, folder: Path) -> None:
        scenario = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
        _make_package(folder / "classes")
        self.objects = {name: _made(name, module, scenario) for name, module in scenario["classes"].items()}
        self._never, self._later = scenario["never"], scenario["later"]

    def functions(self, turn: int) -> dict[str, Callable[..., object]]:
        """List what is offered in a turn, by name."""
        return {
            name: method
            for name, method in self._methods().items()
            if name not in self._never and self._later.get(name, 1) <= turn
        }

    def call(self, text: str) -> str:
        """Make one call and give its result as text; what is wrong with it is a result too.

        As in the published evaluator, a function that is not offered runs all the same when it is called.
        """
        try:
            name, args, named = parse(text)
            result = self._methods()[name](*args, **named)
        except KeyError as problem:
            return f"Error during execution: no function {problem}"
        except Exception as problem:
            return f"Error during execution: {problem}"
        return _written(result)

    def is_as(self, right: World) -> bool:
        """Say whether all that counts of `right`, the public attributes of its objects, is equal here."""
        return all(
            hasattr(self.objects[name], key) and getattr(self.objects[name], key) == value
            for name, thing in right.objects.items()
            for key, value in vars(thing).items()
            if not key.startswith("_")
        )

    def _methods(self) -> dict[str, Callable[..., object]]:
        return {
            name: method
            for thing in self.objects.values()
            for name, method in inspect.getmembers(thing, inspect.ismethod)
            if not name.startswith("_")
        }


def parse(text: str) -> tuple[str, list[object], dict[str, object]]:
    """Read a call whose arguments are literals.

    Raises:
        ValueError: It is something else.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
    except SyntaxError as problem:
        raise ValueError(f"{text!r} is not a call: {problem.msg}") from None
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
        raise ValueError(f"{text!r} is not a call such as name(argument='value')")
    named = {key.arg: ast.literal_eval(key.value) for key in node.keywords if key.arg is not None}
    return node.func.id, [ast.literal_eval(arg) for arg in node.args], named


def _made(name: str, module: str, scenario: Mapping[str, Any]) -> object:  # Any: JSON
    """Make one object in its first state; a class without `_load_scenario` has none to be put in."""
    thing: object = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)()
    load: Callable[..., object] | None = getattr(thing, "_load_scenario", None)
    if load is not None:
        state = copy.deepcopy(scenario["state"].get(name, {}))
        load(state, **({"long_context": True} if scenario["long_context"] else {}))
    return thing


def _written(result: object) -> str:
    """Write a result as the published evaluator does."""
    if isinstance(result, dict):
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)


def _make_package(folder: Path) -> None:
    """Let the modules of a folder be imported under their published name, once: classes must stay what they are."""
    if str(folder) in getattr(sys.modules.get(PACKAGE), "__path__", ()):
        return
    name = ""
    for part in PACKAGE.split("."):
        name = f"{name}.{part}".lstrip(".")
        package = types.ModuleType(name)
        package.__path__ = [str(folder)] if name == PACKAGE else []
        sys.modules[name] = package
    for known in [known for known in sys.modules if known.startswith(f"{PACKAGE}.")]:
        del sys.modules[known]
