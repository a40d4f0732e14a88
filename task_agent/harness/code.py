"""What can be known of `orchestration.py` without running it."""

from __future__ import annotations

import ast
import warnings
from pathlib import Path

from task_agent.harness.bundle import HarnessBundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.pattern import CODE
from task_agent.harness.spec import HarnessSpec
from task_agent.harness.yaml_source import YamlSource
from traces.errors import Place

CODE_PATH = "orchestration.py"
MOST_BYTES = 100_000
_SHAPE = "needs `async def orchestrate(ctx)` at its top level"


def check_code(bundle: HarnessBundle, spec: HarnessSpec, source: YamlSource, root: Path | None = None) -> None:
    """Refuse code that no pattern runs, a pattern without its code, and code that cannot be run.

    Raises:
        HarnessError: The first fault found.
    """
    place = Place((root or Path()) / CODE_PATH)
    named = spec.orchestration.pattern == CODE
    if CODE_PATH not in bundle.files:
        if named:
            raise HarnessError(
                f"pattern `{CODE}` needs a file `{CODE_PATH}`",
                place=source.place(("orchestration", "pattern")),
                key="orchestration.pattern",
                hint=f"add `{CODE_PATH}` with `async def orchestrate(ctx)`, or name a built-in pattern",
            )
        return
    if not named:
        raise HarnessError(
            f"nothing runs this file: the pattern is `{spec.orchestration.pattern}`",
            place=place,
            hint=f"set `orchestration: {{pattern: {CODE}}}` in harness.yaml, or remove the file",
        )
    _check_shape(_parsed(bundle.files[CODE_PATH], place), place)


def _parsed(content: bytes, place: Place) -> ast.Module:
    if len(content) > MOST_BYTES:
        raise HarnessError(f"has {len(content):,} bytes; the most is {MOST_BYTES:,}", place=place)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HarnessError("not UTF-8 text", place=Place(place.path, line)) from None
    try:
        with warnings.catch_warnings(action="ignore"):
            compile(text, CODE_PATH, "exec", dont_inherit=True)
            return ast.parse(text)
    except SyntaxError as error:
        where = Place(place.path, error.lineno, error.offset)
        raise HarnessError(f"not valid Python: {error.msg}", place=where) from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise HarnessError(f"not valid Python: {error}", place=place) from None


def _check_shape(module: ast.Module, place: Place) -> None:
    """Look at the last definition: it is the one that runs."""
    kinds = ast.AsyncFunctionDef | ast.FunctionDef | ast.ClassDef
    found = [node for node in module.body if isinstance(node, kinds) and node.name == "orchestrate"]
    if not found:
        raise HarnessError(_SHAPE, place=place)
    function = found[-1]
    where = Place(place.path, function.lineno, function.col_offset + 1)
    if not isinstance(function, ast.AsyncFunctionDef):
        raise HarnessError(f"{_SHAPE}; this one is not `async`", place=where)
    arguments = function.args
    if len(arguments.posonlyargs + arguments.args) - len(arguments.defaults) != 1 or _needs_keyword(arguments):
        raise HarnessError(f"{_SHAPE}; this one takes other arguments", place=where)


def _needs_keyword(arguments: ast.arguments) -> bool:
    return any(default is None for default in arguments.kw_defaults)
