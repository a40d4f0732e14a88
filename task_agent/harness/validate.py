"""Say whether a bundle's files make a harness that works, and if not, where the first fault stands."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from task_agent.harness.bundle import SPEC_PATH, SYSTEM_PATH, HarnessBundle, read_folder
from task_agent.harness.code import check_code
from task_agent.harness.errors import HarnessError
from task_agent.harness.knob import put
from task_agent.harness.pattern import CODE, HELPER, PATTERNS, DelegateParams
from task_agent.harness.script_tool import ScriptToolSpec
from task_agent.harness.spec import BuiltinTool, Checks, HarnessSpec, parse_spec, spec_source
from task_agent.harness.yaml_source import YamlSource, check_model, dotted, nearest
from traces.errors import Place

TOP_LEVEL = ("harness.yaml", "prompts/", "tools/", "skills/", "orchestration.py", "README.md")

# Agents of a run are told apart by the tools they are offered, so a harness may not lend itself another's.
RESERVED_TOOLS = frozenset(
    {"bash", "edit_file", "view", "read_skill", "delegate"}
    | {"report_check", "report_choice", "report_reflection", "report_review", "submit_change"}
)


def load_bundle(path: Path) -> HarnessBundle:
    """Read and validate the harness in the folder `path`.

    Raises:
        HarnessError: It is not a valid harness; the error says where.
    """
    bundle = read_folder(path)
    validate(bundle, root=path)
    return bundle


def validate(bundle: HarnessBundle, *, root: Path | None = None) -> None:
    """Check everything that can be known before the first attempt.

    Args:
        bundle: The harness.
        root: The folder it was read from, for the places in errors.

    Raises:
        HarnessError: The first fault found.
    """
    root = root or Path()
    _check_layout(bundle, root)
    _check_prompts(bundle, root)
    source = spec_source(bundle.files[SPEC_PATH], root / SPEC_PATH)
    spec = parse_spec(bundle.files[SPEC_PATH], root / SPEC_PATH)
    _check_orchestration(spec, source, bundle)
    check_code(bundle, spec, source, root)
    _check_search(spec, source, bundle)
    _check_skills(bundle, root)
    _check_tools(bundle, root)
    _check_agents(bundle, spec, source)


def _check_layout(bundle: HarnessBundle, root: Path) -> None:
    for required in (SPEC_PATH, SYSTEM_PATH):
        if required not in bundle.files:
            raise HarnessError("a harness needs this file", place=Place(root / required))
    for path in bundle.files:
        top, _, rest = path.partition("/")
        if (f"{top}/" if rest else top) not in TOP_LEVEL:
            raise HarnessError(f"not part of a harness; {nearest(top, TOP_LEVEL)}", place=Place(root / path))


def _check_prompts(bundle: HarnessBundle, root: Path) -> None:
    for path in bundle.files:
        if not path.startswith("prompts/"):
            continue
        if path.count("/") != 1 or not path.endswith(".md"):
            raise HarnessError("prompts are `prompts/<role>.md`", place=Place(root / path))
        _check_text(bundle, path, root)
    if not bundle.files[SYSTEM_PATH].strip():
        raise HarnessError("the system prompt is empty", place=Place(root / SYSTEM_PATH))


def _check_orchestration(spec: HarnessSpec, source: YamlSource, bundle: HarnessBundle) -> None:
    name = spec.orchestration.pattern
    pattern = PATTERNS.get(name)
    if pattern is None:
        raise HarnessError(
            f"unknown pattern {name!r}; there are {', '.join(f'`{each}`' for each in PATTERNS)}",
            place=source.place(("orchestration", "pattern")),
            key="orchestration.pattern",
        )
    if name == CODE and spec.orchestration.checks != Checks():
        raise HarnessError(
            "pattern `code` runs no forced checks: `orchestrate` says itself when the work is done",
            place=source.place(("orchestration", "checks"), of_key=True),
            key="orchestration.checks",
        )
    check_model(pattern.params, source, at=("orchestration", "params"), data=spec.orchestration.params)
    own = pattern.roles_under(spec.orchestration.params)
    roles = (*own, *bundle.roles) if pattern.open_roles else own
    for role in spec.models:
        if role not in roles:
            raise HarnessError(
                f"pattern `{name}` has no role `{role}`; {nearest(role, roles)}",
                place=source.place(("models", role), of_key=True),
                key=f"models.{role}",
            )


def _check_search(spec: HarnessSpec, source: YamlSource, bundle: HarnessBundle) -> None:
    """Try the ends of each search range in its key's place."""
    plain = spec.model_dump(mode="json", exclude={"search"})
    for key, search in spec.search.items():
        loc = ("search", key)
        if key.split(".")[0] in ("name", "search"):
            raise HarnessError(
                f"`{key}` changes nothing of what the harness does, so it cannot be tuned",
                place=source.place(loc, of_key=True),
                key=dotted(loc),
            )
        for sample in search.samples:
            changed = json.loads(json.dumps(plain))
            try:
                put(changed, key, sample)
                varied = check_model(HarnessSpec, source, at=loc, data=changed)
                _check_orchestration(varied, source, bundle)
                check_code(bundle, varied, source)
            except HarnessError as error:
                raise HarnessError(
                    f"`{key}` cannot be {sample!r}: {error.message.partition(': ')[2] or error.message}",
                    place=source.place(loc, of_key=True),
                    key=dotted(loc),
                ) from None


def _check_skills(bundle: HarnessBundle, root: Path) -> None:
    for path in bundle.files:
        if path.startswith("skills/"):
            folder, _, file = path.removeprefix("skills/").partition("/")
            if not file or f"skills/{folder}/SKILL.md" not in bundle.files:
                raise HarnessError("a skill is a folder with `skills/<name>/SKILL.md`", place=Place(root / path))
            _check_text(bundle, path, root)
    for skill in bundle.skills:
        if not skill.summary:
            raise HarnessError("a skill needs a first line that says when to read it", place=_skill(skill.name, root))


def _skill(name: str, root: Path) -> Place:
    return Place(root / "skills" / name / "SKILL.md", 1)


def _check_tools(bundle: HarnessBundle, root: Path) -> None:
    for name in _tool_folders(bundle, root):
        folder = f"tools/{name}"
        for needed in ("tool.yaml", "run"):
            if f"{folder}/{needed}" not in bundle.files:
                raise HarnessError("a script tool needs this file", place=Place(root / folder / needed))
        if not bundle.files[f"{folder}/run"].startswith(b"#!"):
            raise HarnessError("must start with `#!` and its interpreter", place=Place(root / folder / "run", 1))
    try:
        tools = bundle.tools
    except HarnessError as error:
        place = error.place and Place(root / error.place.path, error.place.line, error.place.column)
        text = error.message.removeprefix(f"{error.place}: ")
        raise HarnessError(text, place=place, key=error.key, hint=error.hint) from None
    for folder_name, tool in zip(_tool_folders(bundle, root), tools, strict=True):
        _check_tool(folder_name, tool, root)


def _tool_folders(bundle: HarnessBundle, root: Path) -> Iterator[str]:
    last = None
    for path in bundle.files:
        if path.startswith("tools/"):
            if path.count("/") < 2:
                raise HarnessError("a script tool is a folder `tools/<name>/`", place=Place(root / path))
            name = path.split("/")[1]
            if name != last:
                yield name
            last = name


def _check_tool(folder_name: str, tool: ScriptToolSpec, root: Path) -> None:
    place = Place(root / "tools" / folder_name / "tool.yaml")
    if tool.name != folder_name:
        raise HarnessError(f"`name` is {tool.name!r} but the folder is {folder_name!r}", place=place, key="name")
    if tool.name in RESERVED_TOOLS:
        raise HarnessError(f"`{tool.name}` is the name of a built-in tool", place=place, key="name")
    schema = tool.input_schema
    if schema.get("type") != "object" or not isinstance(schema.get("properties", {}), dict):
        raise HarnessError("`input_schema` must be a JSON Schema of `type: object`", place=place, key="input_schema")
    required = schema.get("required", [])
    if not isinstance(required, list) or not all(isinstance(each, str) for each in required):
        raise HarnessError("`required` must be a list of names", place=place, key="input_schema.required")
    try:
        json.dumps(schema, allow_nan=False)
    except (TypeError, ValueError):
        raise HarnessError("`input_schema` holds what JSON cannot", place=place, key="input_schema") from None


def _check_agents(bundle: HarnessBundle, spec: HarnessSpec, source: YamlSource) -> None:
    """Ask for each sub-agent's prompt and tools."""
    if spec.orchestration.pattern != "delegate":
        return
    there = [*get_args(BuiltinTool), *(tool.name for tool in bundle.tools), *(["read_skill"] if bundle.skills else [])]
    for name, agent in DelegateParams.model_validate(spec.orchestration.params).agents.items():
        loc = ("orchestration", "params", "agents", name)
        if name != HELPER and f"prompts/{name}.md" not in bundle.files:
            text = f"the sub-agent `{name}` needs `prompts/{name}.md`"
            raise HarnessError(text, place=source.place(loc, of_key=True), key=dotted(loc))
        for tool in agent.tools or ():
            if tool not in there:
                text = f"the harness has no tool `{tool}`; {nearest(tool, there)}"
                raise HarnessError(text, place=source.place((*loc, "tools")), key=dotted((*loc, "tools")))


def _check_text(bundle: HarnessBundle, path: str, root: Path) -> None:
    content = bundle.files[path]
    try:
        content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise HarnessError("not UTF-8 text", place=Place(root / path, line)) from None
