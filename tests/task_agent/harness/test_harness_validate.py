from __future__ import annotations

from pathlib import Path

import pytest

from task_agent.harness import (
    EditSurface,
    HarnessBundle,
    HarnessError,
    load_bundle,
    save_bundle,
    validate,
    violations,
    with_setting,
)

SEED = {"harness.yaml": b"name: tiny\n", "prompts/system.md": b"Be brief.\n"}
TOOL = b"name: count\ndescription: Count lines.\ninput_schema: {type: object}\n"


def fault(**changes: str | bytes | None) -> str:
    """Validate the seed with files changed (`__` stands for `/`, None removes) and give the error's text."""
    files: dict[str, bytes] = dict(SEED)
    for key, content in changes.items():
        path = key.replace("__", "/").replace("_DOT_", ".")
        if content is None:
            del files[path]
        else:
            files[path] = content.encode() if isinstance(content, str) else content
    with pytest.raises(HarnessError) as caught:
        validate(HarnessBundle(files), root=Path("h"))
    return str(caught.value)


def yaml_fault(text: str) -> str:
    return fault(harness_DOT_yaml=text)


def test_an_unknown_key_is_placed_and_the_nearest_valid_one_named() -> None:
    text = yaml_fault("name: a\nlimits:\n  turn: 5\n")
    assert text == "h/harness.yaml:3:3: unknown key `limits.turn`; did you mean `turns`?"


def test_a_wrong_value_is_placed() -> None:
    assert yaml_fault("name: a\nlimits:\n  turns: 0\n").startswith("h/harness.yaml:3:10: `limits.turns`: input should")
    assert "whole number" in yaml_fault("name: a\nlimits: {turns: '5'}\n")
    assert "whole number" in yaml_fault("name: a\nlimits: {turns: true}\n")
    assert "`name`: field required" in yaml_fault("limits: {}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [a\n", "h/harness.yaml:2:1: not valid YAML"),
        ("name: a\nname: b\n", "h/harness.yaml:2:1: `name` is given twice"),
        ("name: &x a\n", "h/harness.yaml:1:7: anchors and aliases"),
        ("name: a\n1: b\n", "h/harness.yaml:2:1: a key must be text"),
        ("name: " + "[" * 5000, "nested deeper"),
        ("name: a\ntools: 2024-99-99\n", "a value cannot be read"),
        ("- a\n", "h/harness.yaml:1:1: "),
        ("", "`name`: field required"),
        ("name: a\ntools: [bash, bash]\n", "listed twice"),
        ("name: a\ntools: [bsh]\n", "'bash', 'edit_file' or 'view'"),
        ("name: a\x00\n", "not valid YAML"),
        ("name: a\n--- \nname: b\n", "not valid YAML"),
    ],
)
def test_what_is_not_a_spec_is_refused_with_its_place(text: str, said: str) -> None:
    assert said in yaml_fault(text)


def test_a_huge_or_binary_spec_is_refused() -> None:
    assert "at most 64,000" in fault(harness_DOT_yaml=b"#" * 70_000)
    assert "h/harness.yaml:2: not UTF-8" in fault(harness_DOT_yaml=b"\n\xff")


def test_an_unknown_pattern_is_refused_with_the_list() -> None:
    text = yaml_fault("name: a\norchestration:\n  pattern: reakt\n")
    assert text == "h/harness.yaml:3:12: unknown pattern 'reakt'; there are " + ", ".join(
        f"`{name}`" for name in ("react", "verify_then_finish", "plan_then_act", "best_of_n", "delegate", "code")
    )


def test_pattern_parameters_are_checked_and_placed() -> None:
    head = "name: a\norchestration:\n  pattern: verify_then_finish\n  params:\n"
    assert yaml_fault(head + "    round: 3\n").startswith(
        "h/harness.yaml:5:5: unknown key `orchestration.params.round`; did you mean `rounds`?"
    )
    assert "`orchestration.params.rounds`" in yaml_fault(head + "    rounds: 99\n")
    assert "unknown key" in yaml_fault("name: a\norchestration: {params: {rounds: 1}}\n")


def agents_fault(agents: str, **files: str) -> str:
    text = f"name: a\norchestration:\n  pattern: delegate\n  params:\n    agents:\n      {agents}\n"
    return fault(harness_DOT_yaml=text, **files)


def test_a_sub_agent_needs_a_name_of_its_own_a_prompt_and_tools_that_exist() -> None:
    assert "cannot be called `verifier`" in agents_fault("verifier: {}")
    assert agents_fault("reader: {}") == "h/harness.yaml:6:7: the sub-agent `reader` needs `prompts/reader.md`"
    assert agents_fault("reader: {tools: [bsh]}", prompts__reader_DOT_md="Read.\n") == (
        "h/harness.yaml:6:23: the harness has no tool `bsh`; did you mean `bash`?"
    )
    assert "`orchestration.params.agents" in agents_fault("'no name': {}")
    text = b"name: a\nmodels: {helper: {effort: low}}\norchestration: {pattern: delegate, params: {depth: 2}}\n"
    validate(HarnessBundle({**SEED, "harness.yaml": text}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("orchestration: {pattern: best_of_n, params: {n: 1}}", "`orchestration.params.n`"),
        ("orchestration: {pattern: plan_then_act, params: {look: maybe}}", "must be true or false"),
        ("orchestration: {checks: {commands: ls}}", "`orchestration.checks.commands`: must be a list"),
        ("orchestration: {checks: {rounds: 0}}", "`orchestration.checks.rounds`"),
        ("context: {snapshot: {max_chars: 10}}", "`context.snapshot.max_chars`"),
        ("context: {snapshot: {command: [ls]}}", "did you mean `commands`?"),
        ("context: {trim: {above_tokens: 5}}", "`context.trim.above_tokens`"),
    ],
)
def test_patterns_checks_and_context_are_bounded(text: str, said: str) -> None:
    assert said in yaml_fault(f"name: a\n{text}\n")


def test_forced_checks_are_refused_where_code_decides_when_work_is_done() -> None:
    text = "name: a\norchestration:\n  pattern: code\n  checks: {prompt: Look again.}\n"
    said = fault(harness_DOT_yaml=text, orchestration_DOT_py="async def orchestrate(ctx): ...\n")
    assert said.startswith("h/harness.yaml:4:3: pattern `code` runs no forced checks")


def test_what_is_a_number_of_the_new_parts_can_be_tuned() -> None:
    text = b"""\
name: a
orchestration: {pattern: best_of_n, checks: {prompt: Look again.}}
search:
  orchestration.params.n: {low: 2, high: 5}
  orchestration.checks.rounds: {low: 1, high: 4}
  context.snapshot.enabled: {choices: [true, false]}
  context.snapshot.max_chars: {low: 500, high: 8000, log: true}
  context.trim.above_tokens: {choices: [null, 20000, 60000]}
  context.trim.keep_results: {low: 4, high: 20}
"""
    bundle = HarnessBundle({**SEED, "harness.yaml": text})
    validate(bundle)
    turned = with_setting(bundle, {"orchestration.params.n": 5, "context.trim.above_tokens": 20000})
    assert turned.spec.orchestration.params == {"n": 5}
    assert turned.spec.context.trim.above_tokens == 20000
    surface = EditSurface(frozenset({"orchestration"}))
    assert violations(surface, bundle, turned) == [
        "harness.yaml: `context.trim.above_tokens`: area `context` is not editable"
    ]


def test_a_role_the_pattern_lacks_is_refused() -> None:
    assert "has no role `verifier`" in yaml_fault("name: a\nmodels:\n  verifier: {effort: low}\n")
    validate(HarnessBundle({**SEED, "harness.yaml": b"name: a\nmodels: {main: {effort: low}}\n"}))


def test_search_ranges_name_real_keys_and_valid_values() -> None:
    good = b"name: a\nsearch:\n  limits.turns: {low: 10, high: 60}\n  models.main.effort: {choices: [low, high]}\n"
    good += (
        b"  limits.time_s: {low: 1.0, high: 2.5, step: 0.5}\n  limits.tokens: {low: 1000, high: 9000000, log: true}\n"
    )
    validate(HarnessBundle({**SEED, "harness.yaml": good}))
    assert "`limits.turn` cannot be 1" in yaml_fault("name: a\nsearch: {limits.turn: {low: 1, high: 2}}\n")
    assert "cannot be 0" in yaml_fault("name: a\nsearch: {limits.turns: {low: 0, high: 2}}\n")
    assert "low < high" in yaml_fault("name: a\nsearch: {limits.turns: {low: 3, high: 2}}\n")
    assert "`step` must divide the 9 between" in yaml_fault(
        "name: a\nsearch: {limits.turns: {low: 1, high: 10, step: 4}}\n"
    )
    assert "`step`" in yaml_fault("name: a\nsearch: {limits.turns: {low: 1, high: 10, step: 0}}\n")
    assert "`log` needs" in yaml_fault("name: a\nsearch: {limits.turns: {low: 1, high: 9, step: 2, log: true}}\n")
    assert "`log` needs" in yaml_fault("name: a\nsearch: {limits.time_s: {low: 0, high: 9, log: true}}\n")
    assert "alone" in yaml_fault("name: a\nsearch: {limits.turns: {choices: [2], step: 1}}\n")
    assert "either" in yaml_fault("name: a\nsearch: {limits.turns: {low: 3, choices: [2]}}\n")
    assert "`name.first` changes nothing" in yaml_fault("name: a\nsearch: {name.first: {choices: [a]}}\n")
    assert "`limits.first` cannot be" in yaml_fault("name: a\nsearch: {limits.first: {choices: [a]}}\n")
    assert "unknown pattern" in yaml_fault("name: a\nsearch: {orchestration.pattern: {choices: [nope]}}\n")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("prompt__system_DOT_md", "h/prompt/system.md: not part of a harness; did you mean `prompts/`?"),
        ("prompts__deep__a_DOT_md", "prompts are"),
        ("prompts__a_DOT_txt", "prompts are"),
        ("tools__run", "a script tool is a folder"),
        ("skills__csv_DOT_md", "a skill is"),
        ("skills__csv__data_DOT_csv", "a skill is"),
        ("_DOT_git__config", "not part of a harness"),
    ],
)
def test_files_a_harness_does_not_know_are_refused(path: str, said: str) -> None:
    assert said in fault(**{path: "x"})


CODED = "name: coded\norchestration: {pattern: code}\n"


def code_fault(code: str | bytes) -> str:
    return fault(harness_DOT_yaml=CODED, orchestration_DOT_py=code)


def test_code_and_the_pattern_that_runs_it_come_together() -> None:
    stray = fault(orchestration_DOT_py="async def orchestrate(ctx): ...\n")
    assert stray == "h/orchestration.py: nothing runs this file: the pattern is `react`"
    assert yaml_fault(CODED) == "h/harness.yaml:2:26: pattern `code` needs a file `orchestration.py`"
    validate(
        HarnessBundle(SEED | {"harness.yaml": CODED.encode(), "orchestration.py": b"async def orchestrate(ctx): ...\n"})
    )


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("async def orchestrate(ctx:\n", "orchestration.py:1:22: not valid Python: '(' was never closed"),
        ("(" * 5_000, "not valid Python"),
        ("-" * 90_000 + "1", "not valid Python"),
        ("x = 1\0", "not valid Python"),
        (b"x = '\xff'\n", "orchestration.py:1: not UTF-8 text"),
        ("def main(ctx): ...\n", "needs `async def orchestrate(ctx)` at its top level"),
        ("x = 1\ndef orchestrate(ctx): ...\n", "orchestration.py:2:1: needs"),
        ("async def orchestrate(ctx): ...\ndef orchestrate(): ...\n", "orchestration.py:2:1: needs"),
        ("async def orchestrate(ctx): ...\nclass orchestrate: ...\n", "orchestration.py:2:1: needs"),
        ("await x\nasync def orchestrate(ctx): ...\n", "orchestration.py:1:1: not valid Python: 'await' outside"),
        ("async def orchestrate(): ...\n", "takes other arguments"),
        ("async def orchestrate(ctx, more): ...\n", "takes other arguments"),
        ("async def orchestrate(ctx, *, more): ...\n", "takes other arguments"),
        ("#" * 100_001, "has 100,001 bytes; the most is 100,000"),
    ],
)
def test_code_that_cannot_run_is_refused_with_its_place(code: str | bytes, says: str) -> None:
    assert says in code_fault(code)


def test_settings_of_codes_roles_need_a_prompt_of_that_role() -> None:
    code = b"async def orchestrate(ctx, *, more=1): ...\n"
    files = SEED | {"harness.yaml": f"{CODED}models: {{planner: {{effort: low}}}}\n".encode(), "orchestration.py": code}
    validate(HarnessBundle(files | {"prompts/planner.md": b"Plan.\n"}))
    with pytest.raises(HarnessError, match="has no role `planner`"):
        validate(HarnessBundle(files))


def test_required_files_are_named() -> None:
    assert fault(harness_DOT_yaml=None) == "h/harness.yaml: a harness needs this file"
    assert fault(prompts__system_DOT_md=None) == "h/prompts/system.md: a harness needs this file"
    assert "empty" in fault(prompts__system_DOT_md=" \n")
    assert "not UTF-8" in fault(prompts__system_DOT_md=b"\xff")


def test_a_script_tool_needs_its_two_files_and_an_interpreter() -> None:
    assert "h/tools/count/run: a script tool needs" in fault(tools__count__tool_DOT_yaml=TOOL)
    assert "h/tools/count/tool.yaml: a script tool needs" in fault(tools__count__run="#!/bin/sh\n")
    assert "h/tools/count/run:1: must start with" in fault(tools__count__tool_DOT_yaml=TOOL, tools__count__run="wc\n")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: count", "name: cont", "`name` is 'cont' but the folder is 'count'"),
        ("description", "descripton", "h/tools/count/tool.yaml:2:1: unknown key `descripton`; did you mean"),
        ("{type: object}", "{type: string}", "`type: object`"),
        ("{type: object}", "{type: object, required: yes}", "list of names"),
        ("{type: object}", "{type: object, default: 2024-01-01}", "JSON cannot"),
    ],
)
def test_a_wrong_tool_file_is_refused_with_its_place(old: str, new: str, said: str) -> None:
    assert said in fault(tools__count__tool_DOT_yaml=TOOL.decode().replace(old, new), tools__count__run="#!/bin/sh\n")


def test_a_script_tool_may_not_take_a_built_in_name() -> None:
    text = TOOL.replace(b"name: count", b"name: submit_change")
    assert "built-in" in fault(tools__submit_change__tool_DOT_yaml=text, tools__submit_change__run="#!/bin/sh\n")


def test_a_skill_needs_a_first_line() -> None:
    assert "first line" in fault(skills__csv__SKILL_DOT_md="\n\n")


def test_errors_name_the_file_on_disk(tmp_path: Path) -> None:
    save_bundle(HarnessBundle({**SEED, "harness.yaml": b"nme: a\n"}), tmp_path / "h")
    with pytest.raises(HarnessError) as caught:
        load_bundle(tmp_path / "h")
    assert str(caught.value).startswith(f"{tmp_path}/h/harness.yaml:1:1: unknown key `nme`; did you mean `name`?")
