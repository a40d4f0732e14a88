from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from task_agent.errors import OutOfTurnsError
from task_agent.harness import HarnessBundle, HarnessError, validate
from task_agent.harness.pattern import CODE, PATTERNS
from task_agent.meter import Budget, Meter
from task_agent.models.base import ModelRequest
from task_agent.models.scripted import ScriptedModel, Step, call, reply, say
from task_agent.orchestration import Outcome, TaskView, budget_for, render_first_request, roles, run_harness
from task_agent.orchestration.run import PATTERN_FUNCTIONS
from task_agent.tools import ScriptedSandbox
from task_agent.tools.scripted_sandbox import printed
from traces.recorder import MemoryRecorder

TASK = TaskView("Sum the column.", "/app")
SEED = {"harness.yaml": b"name: tiny\n", "prompts/system.md": b"Be brief.\n"}
VERIFYING = {**SEED, "harness.yaml": b"name: tiny\norchestration: {pattern: verify_then_finish}\n"}
TOOL = {
    "tools/count/tool.yaml": b"name: count\ndescription: Count.\ninput_schema: {type: object, required: [path]}\n",
    "tools/count/run": b"#!/bin/sh\n",
    "tools/count/lib/words.txt": b"a\n",
}
SKILL = {"skills/csv/SKILL.md": b"Read headers first.\nThen the rest.\n"}
TASK_BLOCK = "<task>\nSum the column.\n</task>\nWorking directory: /app"


class Attempt:
    def __init__(self, files: dict[str, bytes], *steps: Step, sandbox: ScriptedSandbox | None = None) -> None:
        self.bundle = HarnessBundle(files)
        self.model = ScriptedModel(steps)
        self.sandbox = sandbox or ScriptedSandbox()
        self.recorder = MemoryRecorder()
        self.meter = Meter(budget_for(self.bundle.spec))

    async def run(self) -> Outcome:
        return await run_harness(
            self.bundle,
            TASK,
            client=self.model,
            model="m",
            effort="low",
            sandbox=self.sandbox,
            recorder=self.recorder,
            user_id="token",
            meter=self.meter,
        )

    def last_said(self, request: int) -> Any:
        block = self.model.requests[request].messages[-1].content[-1]
        return block.get("text", block.get("content"))


def timeless(request: ModelRequest) -> ModelRequest:
    return replace(request, timeout_s=0)


def rendered(bundle: HarnessBundle, role: str) -> ModelRequest:
    return timeless(render_first_request(bundle, TASK, role=role, model="m", effort="low", user_id="token"))


def test_every_pattern_of_the_format_has_a_function() -> None:
    assert PATTERN_FUNCTIONS.keys() | {CODE} == PATTERNS.keys()


async def test_react_gives_the_task_to_one_agent() -> None:
    attempt = Attempt(SEED, call("bash", {"command": "ls"}), say("Done."))
    outcome = await attempt.run()
    assert (outcome.text, outcome.turns, outcome.unpriced_requests) == ("Done.", 2, 0)
    request = attempt.model.requests[0]
    assert request.messages[0].content == [{"type": "text", "text": TASK_BLOCK}]
    assert (request.system, request.model, request.effort, request.user_id) == ("Be brief.\n", "m", "low", "token")
    assert [tool.name for tool in request.tools] == ["bash"]


async def test_the_harness_sets_effort_and_output_size_over_the_run_file() -> None:
    spec = b"name: a\nmodels: {main: {effort: high}}\nlimits: {max_output_tokens: 100}\n"
    attempt = Attempt({**SEED, "harness.yaml": spec}, say("Done."))
    await attempt.run()
    assert (attempt.model.requests[0].effort, attempt.model.requests[0].max_tokens) == ("high", 100)


async def test_usage_can_be_read_after_an_attempt_that_ended_early() -> None:
    spec = b"name: a\nlimits: {turns: 1}\n"
    attempt = Attempt({**SEED, "harness.yaml": spec}, call("bash", {"command": "ls"}))
    with pytest.raises(OutOfTurnsError):
        await attempt.run()
    assert (attempt.meter.turns, attempt.meter.usage.total) == (1, 15)


def test_a_tasks_own_time_can_only_shorten_the_harnesss() -> None:
    spec = HarnessBundle(SEED).spec
    assert budget_for(spec, time_s=10).time_s == 10
    assert budget_for(spec, time_s=10_000).time_s == 600
    assert budget_for(spec) == Budget(turns=30, tokens=200_000, cost_usd=None, time_s=600)


async def test_a_finished_check_ends_the_attempt_with_the_workers_words() -> None:
    attempt = Attempt(VERIFYING, say("Done."), call("report_check", {"passed": True, "problem": ""}))
    outcome = await attempt.run()
    assert (outcome.text, outcome.turns) == ("Done.", 2)


async def test_a_found_problem_goes_back_into_the_same_conversation() -> None:
    attempt = Attempt(
        VERIFYING,
        say("Done."),
        call("bash", {"command": "cat out"}),
        call("report_check", {"passed": False, "problem": "out is empty"}),
        say("Mended."),
        call("report_check", {"passed": True}),
    )
    outcome = await attempt.run()
    assert outcome.text == "Mended."
    assert [message.role for message in attempt.model.requests[3].messages] == ["user", "assistant", "user"]
    assert attempt.last_said(3) == "A check of the result found a problem: out is empty"
    assert {event.agent for event in attempt.recorder.events} == {"main", "verifier", "verifier-2"}


async def test_the_verifier_sees_the_task_and_none_of_the_work() -> None:
    attempt = Attempt(VERIFYING, say("SECRET thoughts"), call("report_check", {"passed": True}))
    await attempt.run()
    request = attempt.model.requests[1]
    assert attempt.last_said(1) == f"{TASK_BLOCK}\nWork finished; check the result in the working directory."
    assert [tool.name for tool in request.tools] == ["bash", "report_check"]
    assert "report_check" in request.system
    assert len(request.messages) == 1
    assert "SECRET" not in repr(request)


async def test_checks_end_after_the_rounds_given_and_the_worker_has_the_last_word() -> None:
    spec = b"name: a\norchestration: {pattern: verify_then_finish, params: {rounds: 1}}\n"
    bad = call("report_check", {"passed": False, "problem": "no"})
    attempt = Attempt({**SEED, "harness.yaml": spec}, say("Done."), bad, say("Tried again."))
    assert (await attempt.run()).text == "Tried again."


async def test_a_verifier_without_a_report_lets_the_result_stand() -> None:
    attempt = Attempt(VERIFYING, say("Done."), say("Looks fine."))
    assert (await attempt.run()).text == "Done."
    assert attempt.recorder.events[-1].text == "the verifier ended without a report; the result stands"


@pytest.mark.parametrize("files", [SEED, {**SEED, **TOOL, **SKILL}, VERIFYING, {**VERIFYING, **SKILL, **TOOL}])
async def test_a_rendered_first_request_is_the_one_the_loop_sends(files: dict[str, bytes]) -> None:
    attempt = Attempt(files, say("Done."), call("report_check", {"passed": True}))
    await attempt.run()
    for number, role in enumerate(roles(attempt.bundle)):
        assert rendered(attempt.bundle, role) == timeless(attempt.model.requests[number])


def test_a_role_the_pattern_lacks_cannot_be_rendered() -> None:
    with pytest.raises(HarnessError, match="has no role 'verifier'"):
        render_first_request(HarnessBundle(SEED), TASK, role="verifier")


async def test_an_own_verifier_prompt_replaces_the_built_in_one() -> None:
    files = {**VERIFYING, "prompts/verifier.md": b"Look twice.\n"}
    assert rendered(HarnessBundle(files), "verifier").system == "Look twice.\n"


async def test_a_script_tool_is_put_once_and_run_with_json_on_its_input() -> None:
    sandbox = ScriptedSandbox([printed("3\n"), printed("no such file\n", exit_code=2)], root="/tmp/box")
    calls = [call("count", {"path": name}) for name in ("a.txt", "b.txt")]
    attempt = Attempt({**SEED, **TOOL}, *calls, say("Done."), sandbox=sandbox)
    await attempt.run()
    assert [(each.text, each.stdin) for each in sandbox.commands] == [
        ("/tmp/box/harness/tools/count/run", b'{"path": "a.txt"}'),
        ("/tmp/box/harness/tools/count/run", b'{"path": "b.txt"}'),
    ]
    assert sorted(sandbox.files) == ["/harness/tools/count/lib/words.txt", "/harness/tools/count/run"]
    assert attempt.last_said(1) == "3\n"
    assert attempt.last_said(2) == "no such file\n[exit code 2]"
    assert attempt.model.requests[2].messages[-1].content[0]["is_error"] is True


async def test_a_skill_is_one_line_until_it_is_read() -> None:
    steps = [call("read_skill", {"name": "csv"}), call("read_skill", {"name": "xml"}), say("Done.")]
    attempt = Attempt({**SEED, **SKILL}, *steps)
    await attempt.run()
    system = attempt.model.requests[0].system
    assert system.startswith("Be brief.\n\nSkills")
    assert "- csv: Read headers first." in system
    assert "Then the rest." not in system
    assert attempt.last_said(1) == "Read headers first.\nThen the rest.\n"
    assert attempt.last_said(2) == "no skill 'xml'; there are: csv"


async def test_further_files_of_a_skill_are_named_by_its_text_and_read_one_by_one() -> None:
    calls = [call("read_skill", {"name": "csv", "file": file}) for file in ("", "refs/odd.md", "../other/SKILL.md")]
    files = {**SEED, **SKILL, "skills/csv/refs/odd.md": b"ODD things.\n"}
    validate(HarnessBundle(files))
    attempt = Attempt(files, *calls, say("Done."))
    await attempt.run()
    assert "ODD" not in attempt.model.requests[0].system
    assert attempt.last_said(1) == (
        "Read headers first.\nThen the rest.\n[further files, to be read by `file`: refs/odd.md]"
    )
    assert attempt.last_said(2) == "ODD things.\n"
    assert attempt.last_said(3).startswith("skill 'csv' has no file '../other/SKILL.md'")


async def test_unpriced_requests_are_counted_and_never_free() -> None:
    attempt = Attempt(SEED, reply([{"type": "text", "text": "Done."}], cost_usd=None))
    outcome = await attempt.run()
    assert (outcome.cost_usd, outcome.unpriced_requests) == (None, 1)


async def test_an_unknown_pattern_is_refused_with_the_list() -> None:
    attempt = Attempt({**SEED, "harness.yaml": b"name: a\norchestration: {pattern: swarm}\n"})
    with pytest.raises(HarnessError, match="`react`, `verify_then_finish`"):
        await attempt.run()
