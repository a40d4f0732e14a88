"""Orchestration written as code, in its real jail."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from task_agent.errors import AgentCrashedError, OutOfTimeError, OutOfTurnsError
from task_agent.harness import HarnessBundle
from task_agent.meter import Meter
from task_agent.models.scripted import ScriptedModel, Step, call, say
from task_agent.orchestration import Outcome, TaskView, budget_for, run_harness
from task_agent.orchestration.code import open_jails
from task_agent.orchestration.opening import first_message
from task_agent.sandbox.code_jail import CodeJails
from task_agent.tools import ScriptedSandbox
from task_agent.tools.scripted_sandbox import printed
from traces.event import EventKind
from traces.recorder import MemoryRecorder

pytestmark = pytest.mark.bubblewrap

ROOT = Path(__file__).parents[3]
TASK = TaskView("Sum the column.", "/app")


@pytest.fixture
async def jails() -> AsyncIterator[CodeJails]:
    opened = open_jails()
    yield opened
    await opened.close()


class Attempt:
    """One attempt of a harness that is one piece of code."""

    def __init__(self, code: str, *steps: Step, spec: str = "", sandbox: ScriptedSandbox | None = None) -> None:
        orchestration = "" if "orchestration:" in spec else "orchestration: {pattern: code}\n"
        files = {
            "harness.yaml": f"name: coded\n{orchestration}{spec}",
            "prompts/system.md": "Be brief.\n",
            "prompts/planner.md": "Plan.\n",
            "orchestration.py": code,
        }
        self.bundle = HarnessBundle({path: text.encode() for path, text in files.items()})
        self.model = ScriptedModel(steps)
        self.recorder = MemoryRecorder()
        self.meter = Meter(budget_for(self.bundle.spec), grace_s=0.0)
        self.sandbox = sandbox or ScriptedSandbox()

    async def run(self, jails: CodeJails | None) -> Outcome:
        return await run_harness(
            self.bundle,
            TASK,
            client=self.model,
            model="m",
            sandbox=self.sandbox,
            recorder=self.recorder,
            user_id="token",
            meter=self.meter,
            jails=jails,
        )

    def said(self, kind: EventKind) -> list[tuple[str, str | None]]:
        return [(event.agent, event.text) for event in self.recorder.events if event.kind is kind]


REACT = "async def orchestrate(ctx):\n    return await ctx.agent().run(ctx.opening())\n"


async def test_code_can_do_what_a_built_in_pattern_does(jails: CodeJails) -> None:
    attempt = Attempt(REACT, call("bash", {"command": "ls"}), say("Done."))
    outcome = await attempt.run(jails)
    assert (outcome.text, outcome.turns) == ("Done.", 2)
    request = attempt.model.requests[0]
    first = "<task>\nSum the column.\n</task>\nWorking directory: /app"
    assert request.messages[0].content == [{"type": "text", "text": first}]
    assert (request.system, request.user_id, [tool.name for tool in request.tools]) == (
        "Be brief.\n",
        "token",
        ["bash"],
    )


EVERYTHING = """\
import asyncio

async def orchestrate(ctx):
    ctx.note("begun")
    print("printed", ctx.task.workdir)
    assert ctx.budget.turns == 30
    plan = await ctx.agent("planner", tools=[]).run("Plan " + ctx.task.instruction)
    assert ctx.budget.turns == 29
    listed = await ctx.exec("ls")
    used = await ctx.tool("bash", {"command": "cat plan"})
    judged = await ctx.model("Which?", system="Judge.", role="chooser")
    verifier = ctx.agent("verifier")
    await verifier.run(ctx.opening("verifier"))
    seen = f"{listed.output}|{listed.exit_code}|{used.text}"
    return f"{plan}|{seen}|{judged}|{verifier.report.problem}|{ctx.params['tries']}"
"""


async def test_code_reaches_agents_the_model_commands_tools_its_budget_and_its_parameters(jails: CodeJails) -> None:
    attempt = Attempt(
        EVERYTHING,
        say("a plan"),
        say("the first"),
        call("report_check", {"passed": False, "problem": "empty"}),
        spec="orchestration: {pattern: code, params: {tries: 3}}\n",
        sandbox=ScriptedSandbox([printed("a.csv\n"), printed("read\n")]),
    )
    assert (await attempt.run(jails)).text == "a plan|a.csv\n|0|read\n[exit code 0]|the first|empty|3"
    assert attempt.said(EventKind.NOTE) == [("orchestration", "begun"), ("orchestration", "printed /app")]
    agents = {event.agent for event in attempt.recorder.events if event.kind is EventKind.MODEL}
    assert agents == {"planner", "chooser", "verifier"}


async def test_agents_of_code_work_side_by_side_with_names_of_their_own(jails: CodeJails) -> None:
    code = (
        "import asyncio\nasync def orchestrate(ctx):\n"
        "    return '|'.join(await asyncio.gather(*(ctx.agent('planner', tools=[]).run(str(n)) for n in range(3))))\n"
    )
    attempt = Attempt(code, say("a"), say("b"), say("c"))
    assert sorted((await attempt.run(jails)).text.split("|")) == ["a", "b", "c"]
    assert {agent for agent, _ in attempt.said(EventKind.MODEL)} == {"planner", "planner-2", "planner-3"}


async def test_a_refused_call_is_an_error_that_code_may_catch_and_a_trace_holds(jails: CodeJails) -> None:
    code = (
        "async def orchestrate(ctx):\n    try:\n        await ctx.tool('magic', {})\n"
        "    except ctx.CallError as error:\n        return str(error)\n"
    )
    attempt = Attempt(code)
    assert (await attempt.run(jails)).text == "the harness has no tool 'magic'; it has: bash, edit_file, view"
    assert [event.data["refused"] for event in attempt.recorder.events if event.name == "refused"] == ["tool"]


async def test_a_crash_of_code_is_the_harnesss_fault_and_shows_its_own_lines_alone(jails: CodeJails) -> None:
    attempt = Attempt("async def orchestrate(ctx):\n    return ctx.params['tries'] / 0\n")
    with pytest.raises(AgentCrashedError) as crashed:
        await attempt.run(jails)
    assert "KeyError: 'tries'" in str(crashed.value)
    assert '/bundle/orchestration.py", line 2, in orchestrate' in str(crashed.value)
    assert "client.py" not in str(crashed.value)


async def test_a_budget_that_is_used_up_ends_the_attempt_whatever_the_code_catches(jails: CodeJails) -> None:
    code = (
        "async def orchestrate(ctx):\n    while True:\n        try:\n            await ctx.model('again')\n"
        "        except BaseException:\n            pass\n"
    )
    attempt = Attempt(code, say("a"), say("b"), say("c"), spec="limits: {turns: 2}\n")
    with pytest.raises(OutOfTurnsError):
        await attempt.run(jails)
    assert attempt.meter.turns == 2


@pytest.mark.parametrize("body", ["    while True: pass\n", "    import asyncio\n    await asyncio.sleep(600)\n"])
async def test_code_that_never_ends_is_ended_when_time_is_up(jails: CodeJails, body: str) -> None:
    attempt = Attempt(f"async def orchestrate(ctx):\n{body}", spec="limits: {time_s: 0.5}\n")
    with pytest.raises(OutOfTimeError):
        await attempt.run(jails)


async def test_what_one_attempt_leaves_in_memory_no_other_finds(jails: CodeJails) -> None:
    code = (
        "import asyncio, builtins, random, sys\nSEEN = []\nasync def orchestrate(ctx):\n    SEEN.append(1)\n"
        "    builtins.left = getattr(builtins, 'left', 0) + 1\n    sys.modules['left'] = sys\n"
        "    await asyncio.sleep(0.05)\n    return f'{len(SEEN)} {builtins.left} {random.random()}'\n"
    )
    outcomes = await asyncio.gather(*(Attempt(code).run(jails) for _ in range(4)))
    (text,) = {outcome.text for outcome in outcomes}
    assert text.startswith("1 1 ")


HALVES = """\
import json

async def orchestrate(ctx):
    half = json.loads('"cut \\\\ud83d"')
    print(half)
    ctx.note(half)
    ran = await ctx.exec("echo " + half)
    used = await ctx.tool("bash", {"command": half})
    told = await ctx.model(half, system=half)
    told += await ctx.agent(prompt=half).run(half)
    try:
        open("/nowhere/" + "\\udc80")
    except OSError:
        pass
    return half + told
"""


async def test_half_a_surrogate_pair_in_what_code_says_is_a_mistake_and_no_tampering(jails: CodeJails) -> None:
    sandbox = ScriptedSandbox([printed("a\n"), printed("b\n")])
    attempt = Attempt(HALVES, say("one"), say("two"), sandbox=sandbox)
    assert (await attempt.run(jails)).text == "cut \ufffdonetwo"
    assert attempt.said(EventKind.NOTE)[:2] == [("orchestration", "cut \ufffd")] * 2
    assert [request.system for request in attempt.model.requests] == ["cut \ufffd"] * 2
    assert [ran.text for ran in sandbox.commands] == ["echo cut \ufffd", "cut \ufffd"]


async def test_an_error_with_half_a_surrogate_pair_is_a_crash_and_no_tampering(jails: CodeJails) -> None:
    with pytest.raises(AgentCrashedError, match="no file cut \ufffd"):
        await Attempt("async def orchestrate(ctx):\n    raise ValueError('no file cut \\ud83d')\n").run(jails)


@pytest.mark.parametrize("made", ["tool('bash', nested)", "exec(nested)", "agent().run([nested])"])
@pytest.mark.parametrize("deep", [150, 5_000])
async def test_what_is_nested_too_deeply_is_refused_and_no_tampering(jails: CodeJails, made: str, deep: int) -> None:
    code = (
        "async def orchestrate(ctx):\n    nested = {}\n"
        f"    for _ in range({deep}):\n        nested = {{'a': [nested]}}\n"
        f"    try:\n        await ctx.{made}\n    except ctx.CallError as error:\n        return str(error)\n"
    )
    assert (
        await Attempt(code).run(jails)
    ).text == "what is given to the call is nested too deeply; the most is 100 levels"


ROLES = """\
async def orchestrate(ctx):
    plan = await ctx.agent("planner").run(ctx.opening("planner"))
    verifier, chooser = ctx.agent("verifier"), ctx.agent("chooser")
    await verifier.run(ctx.opening("verifier"))
    await chooser.run(ctx.opening("chooser", "Draft 1: /a\\n\\nDraft 2: /b"))
    await ctx.agent().run(ctx.opening(said=plan))
    return f"{verifier.report.passed} {chooser.report.draft}"
"""


async def test_code_has_the_roles_of_the_built_in_patterns_with_their_tools_and_openings(jails: CodeJails) -> None:
    reports = [call("report_check", {"passed": True}), call("report_choice", {"draft": 0})]
    attempt = Attempt(ROLES, say("a plan"), *reports, call("report_choice", {"draft": 2}), say("done"))
    assert (await attempt.run(jails)).text == "True 2"
    planner, verifier, chooser, again, main = attempt.model.requests
    offered = [[tool.name for tool in request.tools] for request in attempt.model.requests]
    assert offered == [["view"], ["bash", "report_check"], *[["bash", "report_choice"]] * 2, ["bash"]]
    openings = [first_message(role, TASK) for role in ("planner", "verifier")]
    openings += [first_message("chooser", TASK, "Draft 1: /a\n\nDraft 2: /b"), first_message("main", TASK, "a plan")]
    told = [request.messages[0].content[0]["text"] for request in (planner, verifier, chooser, main)]
    assert told == openings
    assert "Choose one.\n\nDraft 1: /a" in told[2]
    assert again.messages[-1].content[0]["content"] == "there is no draft 0; there are 1"


async def test_runs_of_one_agent_wait_for_one_another(jails: CodeJails) -> None:
    code = (
        "import asyncio\nasync def orchestrate(ctx):\n    agent = ctx.agent()\n"
        "    return '|'.join(await asyncio.gather(*(agent.run(str(n)) for n in range(3))))\n"
    )
    steps = [step for n in range(3) for step in (call("bash", {"command": f"echo {n}"}), say(str(n)))]
    attempt = Attempt(code, *steps)
    assert (await attempt.run(jails)).text == "0|1|2"
    roles = [message.role for message in attempt.model.requests[-1].messages]
    assert roles == ["user", "assistant"] * 5 + ["user"]
    for request in attempt.model.requests:
        calls = [block["id"] for said in request.messages for block in said.content if block["type"] == "tool_use"]
        answers = [b["tool_use_id"] for said in request.messages for b in said.content if b["type"] == "tool_result"]
        assert calls == answers


LONG = """\
async def orchestrate(ctx):
    try:
        await read(ctx)
    except KeyError as error:
        raise ValueError("cannot read " + "x" * 100_000 + " to its end") from error

async def read(ctx):
    return ctx.params["path"]
"""


async def test_a_long_error_keeps_the_lines_of_the_code_and_how_it_ends(jails: CodeJails) -> None:
    with pytest.raises(AgentCrashedError) as crashed:
        await Attempt(LONG).run(jails)
    said = str(crashed.value)
    assert all(f"line {number}, in" in said for number in (3, 5, 8))
    assert "ValueError: cannot read xxx" in said
    assert said.rstrip().endswith("xxx to its end")
    assert len(said) < 5_000


async def test_errors_behind_an_error_show_the_codes_own_lines_alone(jails: CodeJails) -> None:
    code = "import asyncio\nasync def orchestrate(ctx):\n    await asyncio.to_thread(print)\n"
    with pytest.raises(AgentCrashedError) as crashed:
        await Attempt(code).run(jails)
    assert 'orchestration.py", line 3, in orchestrate' in str(crashed.value)
    assert not [word for word in ("asyncio/", "threading.py", "client.py") if word in str(crashed.value)]


@pytest.mark.parametrize(
    ("returned", "says"),
    [
        ("ctx.agent().run(ctx.opening())", "was not awaited; await it"),
        ("asyncio.ensure_future(ctx.model('x'))", "was not awaited; await it"),
        ("ctx.agent()", "returned an agent; return what it says"),
        ("await ctx.agent(tools='bash').run('go')", r"a list of names, as in tools=\['bash'\]"),
    ],
)
async def test_what_beginners_forget_is_said_plainly(jails: CodeJails, returned: str, says: str) -> None:
    with pytest.raises(AgentCrashedError, match=says):
        await Attempt(f"import asyncio\nasync def orchestrate(ctx):\n    return {returned}\n", say("x")).run(jails)


async def test_without_a_jail_code_is_refused() -> None:
    with pytest.raises(Exception, match="runs in a jail only"):
        await Attempt(REACT).run(None)


PLAIN = """
import asyncio, sys
from task_agent.orchestration.code import open_jails
from tests.task_agent.orchestration.test_code import REACT, Attempt
from task_agent.models.scripted import say

async def main():
    jails = open_jails(allow_unsafe=sys.argv[1] == "unsafe")
    try:
        print((await Attempt(REACT, say("Done.")).run(jails)).text)
    finally:
        await jails.close()

asyncio.run(main())
"""


@pytest.mark.parametrize(("mode", "says"), [("safe", "there is no `bwrap` here"), ("unsafe", "Done.")])
def test_where_no_jail_works_code_is_refused_unless_that_is_allowed(mode: str, says: str) -> None:
    env = {"PATH": "/nowhere", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", PLAIN, mode], env=env, capture_output=True, text=True, check=False)
    assert says in (done.stderr if mode == "safe" else done.stdout).splitlines()[-1]
