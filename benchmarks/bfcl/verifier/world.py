"""The toy APIs of one task: made anew from their first state, and brought on by calls.

A folder holds `scenario.json` (`classes`: name -> module, `state`: name -> first state) and `classes/`, the
modules. Calls are written as BFCL writes them: `cd(folder='x')`; arguments are literals.
"""

from __future__ import annotations

import ast
import copy
import importlib
import inspect
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path

PACKAGE = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
"""Where the published modules look for each other."""


class World:
    """Hold the objects of one task."""

    def __init__(self, folder: Path) -> None:
        scenario = json.loads((folder / "scenario.json").read_text(encoding="utf-8"))
        _make_package(folder / "classes")
        self.objects: dict[str, object] = {}
        for name, module in scenario["classes"].items():
            thing = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)()
            load: Callable[..., object] | None = getattr(thing, "_load_scenario", None)
            if load is not None:
                load(copy.deepcopy(scenario["state"].get(name, {})))
            self.objects[name] = thing

    def functions(self) -> dict[str, Callable[..., object]]:
        """List what can be called, by name."""
        return {
            name: method
            for thing in self.objects.values()
            for name, method in inspect.getmembers(thing, inspect.ismethod)
            if not name.startswith("_")
        }

    def call(self, text: str) -> str:
        """Make one call and give its result as text; what is wrong with it is a result too."""
        try:
            name, args, named = parse(text)
            result = self.functions()[name](*args, **named)
        except KeyError as problem:
            return f"Error during execution: no function {problem}"
        except Exception as problem:
            return f"Error during execution: {problem}"
        return result if isinstance(result, str) else json.dumps(result, default=str)

    def state(self) -> dict[str, dict[str, object]]:
        """Give what counts of every object: its public attributes."""
        return {
            name: {key: value for key, value in vars(thing).items() if not key.startswith("_")}
            for name, thing in self.objects.items()
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


def _make_package(folder: Path) -> None:
    """Let the modules of a folder be imported under their published name."""
    name = ""
    for part in PACKAGE.split("."):
        name = f"{name}.{part}".lstrip(".")
        package = types.ModuleType(name)
        package.__path__ = [str(folder)] if name == PACKAGE else []
        sys.modules[name] = package
    for known in [known for known in sys.modules if known.startswith(f"{PACKAGE}.")]:
        del sys.modules[known]
