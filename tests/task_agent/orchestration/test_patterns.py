"""The patterns with a scripted model, and in a real sandbox where what they do to files is the point."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from task_agent.harness import HarnessBundle, validate
from task_agent.meter import Meter
from task_agent.models.base import ModelRequest
from task_agent.models.scripted import ScriptedModel, Step, call, say
from task_agent.orchestration import Outcome, TaskView, budget_for, render_first_request, run_harness
from task_agent.sandbox import Sandbox, SandboxKind, open_sandbox, probe
from task_agent.sandbox.base import SandboxSpec
from task_agent.sandbox.process import ProcessSandbox
from traces.recorder import MemoryRecorder

INPUTS = {"in.txt": b"2\n3\n", "sub/deep.txt": b"deep\n"}


@dataclass
class Scene:
    """Hold one attempt in a real sandbox."""

    sandbox: Sandbox

    async def run(self, spec: str, *steps: Step, **files: bytes) -> Outcome:
        texts = {"harness.yaml": f"name: a\n{spec}".encode(), "prompts/system.md": b"Be brief.\n"}
        self.bundle = HarnessBundle({**texts, **files})
        validate(self.bundle)
        self.model, self.recorder = ScriptedModel(steps), MemoryRecorder()
        self.meter = Meter(budget_for(self.bundle.spec))
        return await run_harness(
            self.bundle,
            self.view(),
            client=self.model,
            model="m",
            sandbox=self.sandbox,
            recorder=self.recorder,
            meter=self.meter,
        )

    def view(self, environment: str = "") -> TaskView:
        return TaskView("Sum the column.", self.sandbox.path("/app"), environment)

    async def files(self) -> list[str]:
        found = await self.sandbox.exec(f"cd {self.sandbox.path('/app')} && find . -type f | sort", timeout_s=5)
        return found.output.split()

    def said(self, request: int, block: int = -1) -> str:
        content = self.model.requests[request].messages[-1].content[block]
        return str(content.get("text", content.get("content")))

    def offered(self, request: int) -> list[str]:
        return [tool.name for tool in self.model.requests[request].tools]

    @property
    def notes(self) -> list[str | None]:
        return [event.text for event in self.recorder.events if str(event.kind) == "note"]


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    sandbox = ProcessSandbox(SandboxSpec(files=INPUTS))
    yield Scene(sandbox)
    await sandbox.close()


def bash(command: str) -> Step:
    return call("bash", {"command": command})


PLAN = "orchestration: {pattern: plan_then_act}\n"


async def test_the_worker_gets_the_plan_and_nothing_else_of_the_planner(scene: Scene) -> None:
    look = call("view", {"path": "."}, text="SECRET musing")
    outcome = await scene.run(PLAN, look, say("1. Add up."), bash("echo 5 > out.txt"), say("Done."))
    assert outcome.text == "Done."
    assert (scene.offered(0), scene.offered(2)) == (["view"], ["bash"])
    assert "in.txt" in scene.said(1)
    assert scene.said(2).endswith("<plan>\n1. Add up.\n</plan>")
    assert "SECRET" not in repr(scene.model.requests[2])
    assert await scene.files() == ["./in.txt", "./out.txt", "./sub/deep.txt"]


async def test_the_planners_tool_shows_folders_and_files_and_can_change_none(scene: Scene) -> None:
    paths = ("in.txt", "no.txt", "x; touch hacked", "$(touch hacked)", "-la")
    await scene.run(PLAN, *(call("view", {"path": path}) for path in paths), say("Plan."), say("Done."))
    assert scene.said(1) == "2\n3\n"
    assert [scene.model.requests[n].messages[-1].content[0].get("is_error") for n in range(1, 6)] == [None] + [True] * 4
    assert await scene.files() == ["./in.txt", "./sub/deep.txt"]


async def test_a_planner_may_be_kept_from_looking_and_told_by_its_own_prompt(scene: Scene) -> None:
    spec = "orchestration: {pattern: plan_then_act, params: {look: false}}\n"
    await scene.run(spec, say(" "), say("Done."), **{"prompts/planner.md": b"Plan well.\n"})
    assert (scene.offered(0), scene.model.requests[0].system) == ([], "Plan well.\n")
    assert "<plan>" not in scene.said(1)
    assert scene.notes == ["the planner wrote no plan; the work begins without one"]


BEST = "orchestration: {pattern: best_of_n, params: {n: 3}}\n"


def drafts() -> list[Step]:
    """Three drafts: one adds a file, one removes what it was given, one leaves the directory it works in."""
    return [
        bash("echo SECRET; echo 1 > out.txt"),
        say("First."),
        bash("ls; rm -r *; echo 5 > out.txt; cd /"),
        say("Second."),
        bash("pwd; echo 7 > sub/deep.txt"),
        say("Third."),
    ]


@pytest.mark.parametrize(
    ("draft", "files", "words"),
    [
        (1, ["./in.txt", "./out.txt", "./sub/deep.txt"], "First."),
        (2, ["./out.txt"], "Second."),
        (3, ["./in.txt", "./sub/deep.txt"], "Third."),
    ],
)
async def test_the_chosen_draft_becomes_the_result(scene: Scene, draft: int, files: list[str], words: str) -> None:
    outcome = await scene.run(BEST, *drafts(), call("report_choice", {"draft": draft}))
    assert outcome.text == words
    assert await scene.files() == files
    left = await scene.sandbox.exec(f"ls {scene.sandbox.path('/tmp')}", timeout_s=5)
    assert left.output == ""


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param("docker", marks=pytest.mark.docker),
    ],
)
async def test_drafts_and_snapshots_work_in_real_jails(kind: SandboxKind) -> None:
    if not (tried := probe(kind)).ok:
        pytest.skip(f"no {kind} here: {tried.reason}")
    jail = open_sandbox(kind, SandboxSpec(files=INPUTS, image="ratchet-base:bookworm" if kind == "docker" else None))
    try:
        scene = Scene(jail)
        outcome = await scene.run(f"{SNAPSHOT}{BEST}", *drafts(), call("report_choice", {"draft": 2}))
        assert (outcome.text, await scene.files()) == ("Second.", ["./out.txt"])
        assert "==> ./in.txt <==" in scene.said(0)
        assert "Removed from start: in.txt" in scene.said(6)
        await scene.run(PLAN, call("view", {"path": "out.txt"}), say("Plan."), say("Done."))
        assert scene.said(1) == "5\n"
    finally:
        await jail.close()


async def test_every_draft_begins_from_the_same_files_without_knowing_of_the_others(scene: Scene) -> None:
    await scene.run(BEST, *drafts(), call("report_choice", {"draft": 1}))
    assert scene.said(3) == "in.txt\nsub\n[exit code 0]"
    firsts = [scene.model.requests[n] for n in (0, 2, 4)]
    assert [len(request.messages) for request in firsts] == [1, 1, 1]
    assert [scene.said(n).splitlines()[-1][:15] for n in (0, 2, 4)] == [f"This is draft {n}" for n in (1, 2, 3)]
    assert {event.agent for event in scene.recorder.events} >= {"main", "main-2", "main-3", "chooser"}


async def test_the_chooser_sees_what_each_draft_changed_and_no_reasoning(scene: Scene) -> None:
    wrong = call("report_choice", {"draft": 4})
    look = bash("cat /dev/null")
    await scene.run(BEST, *drafts(), look, wrong, call("report_choice", {"draft": 2}))
    request = scene.model.requests[6]
    assert [tool.name for tool in request.tools] == ["bash", "report_choice"]
    told = scene.said(6)
    for part in ("Draft 1: ", "New in 1: out.txt", "+1", "Removed from start: in.txt", "+7", "-deep"):
        assert part in told, part
    assert not any(word in repr(request) for word in ("SECRET", "First.", "Second."))
    assert "there are 1 to 3" in scene.said(8)


async def test_a_chooser_without_a_choice_takes_the_first_draft(scene: Scene) -> None:
    assert (await scene.run(BEST, *drafts(), say("All fine."))).text == "First."
    assert scene.notes == ["the chooser ended without a choice; the first draft stands"]


async def test_no_draft_is_begun_that_the_budget_cannot_pay(scene: Scene) -> None:
    spec = f"limits: {{turns: 9}}\n{BEST}"
    outcome = await scene.run(spec, *drafts()[:4], call("report_choice", {"draft": 2}))
    assert (outcome.text, outcome.turns) == ("Second.", 5)
    assert scene.notes == ["too little of the budget is left for draft 3"]


async def test_where_the_directory_cannot_be_copied_aside_the_work_is_done_once(scene: Scene) -> None:
    inside = f"export TMPDIR={scene.sandbox.path('/app')}"
    await scene.sandbox.exec(inside, timeout_s=5)
    assert (await scene.run(BEST, say("Only."))).text == "Only."
    assert scene.notes == ["the working directory cannot be copied aside; the work is done once"]
    assert await scene.files() == ["./in.txt", "./sub/deep.txt"]


DELEGATE = """\
orchestration:
  pattern: delegate
  params:
    agents:
      helper: {}
      reader: {about: Reads files., tools: [view]}
    most: 2
    depth: DEPTH
"""


def ask(agent: str, request: str) -> Step:
    return call("delegate", {"agent": agent, "request": request})


async def test_a_sub_agent_works_in_a_context_of_its_own_and_gives_its_last_words(scene: Scene) -> None:
    steps = [
        bash("echo SECRET"),
        ask("reader", "What is in in.txt?"),
        call("view", {"path": "in.txt"}, text="HIDDEN"),
        say("Two and three."),
        say("Done."),
    ]
    files = {"prompts/reader.md": b"Read well.\n"}
    outcome = await scene.run(DELEGATE.replace("DEPTH", "1"), *steps, **files)
    assert (outcome.text, outcome.turns) == ("Done.", 5)
    assert (scene.offered(0), scene.offered(2)) == (["bash", "delegate"], ["view"])
    assert "- reader: Reads files." in scene.model.requests[0].tools[-1].description
    assert scene.model.requests[2].system == "Read well.\n"
    assert scene.said(2).endswith("<request>\nWhat is in in.txt?\n</request>")
    assert "SECRET" not in repr(scene.model.requests[2])
    assert scene.said(4) == "Two and three."
    assert "HIDDEN" not in repr(scene.model.requests[4])


async def test_sub_agents_are_bounded_in_number(scene: Scene) -> None:
    spec = DELEGATE.replace("      reader: {about: Reads files., tools: [view]}\n", "").replace("DEPTH", "1")
    asked = [step for n in (1, 2) for step in (ask("helper", str(n)), say(f"answer {n}"))]
    await scene.run(spec, *asked, ask("helper", "3"), say("Done."))
    assert scene.offered(1) == ["bash"]
    assert scene.said(5) == "no more sub-agents may be started; do it yourself"
    assert scene.model.requests[5].messages[-1].content[0]["is_error"] is True


async def test_sub_agents_may_delegate_in_turn_as_deep_as_the_harness_says(scene: Scene) -> None:
    spec = DELEGATE.replace("      reader: {about: Reads files., tools: [view]}\n", "").replace("DEPTH", "2")
    await scene.run(spec, ask("helper", "a"), ask("helper", "b"), say("deep"), say("middle"), say("Done."))
    assert [scene.offered(n) for n in range(3)] == [["bash", "delegate"], ["bash", "delegate"], ["bash"]]
    assert (scene.said(3), scene.said(4)) == ("deep", "middle")


async def test_an_unknown_sub_agent_is_an_error_the_agent_sees(scene: Scene) -> None:
    spec = "orchestration: {pattern: delegate}\n"
    await scene.run(spec, ask("oracle", "Say."), say("Done."))
    assert "must be one of 'helper'" in scene.said(1)


CHECKS = """\
orchestration:
  checks:
    prompt: Compare the result with the task.
    commands: [test -s out.txt, "cd sub; X=1; ! test -e bad"]
    rounds: 2
"""


async def test_what_fails_before_the_end_goes_back_into_the_same_conversation(scene: Scene) -> None:
    steps = [say("Done."), say("Compared."), bash("echo 5 > out.txt; touch sub/bad"), say("Now."), say("Never.")]
    outcome = await scene.run(CHECKS, *steps)
    assert outcome.text == "Never."
    assert scene.said(1) == "Compare the result with the task."
    assert scene.said(2) == "A check before finishing failed; mend it.\n$ test -s out.txt\n[exit code 1]"
    assert "! test -e bad" in scene.said(4)
    assert len(scene.model.requests[4].messages) == 9


async def test_checks_leave_the_attempts_shell_where_it_was(scene: Scene) -> None:
    steps = [bash("cd /; echo 5 > ~-/out.txt"), say("Done."), say("Compared.")]
    await scene.run(CHECKS, *steps)
    after = await scene.sandbox.exec('pwd; echo "x$X"', timeout_s=5)
    assert after.output == "/\nx\n"


@pytest.mark.parametrize("pattern", ["verify_then_finish", "plan_then_act", "best_of_n", "delegate"])
async def test_forced_checks_hold_under_every_pattern(scene: Scene, pattern: str) -> None:
    spec = CHECKS.replace("orchestration:\n", f"orchestration:\n  pattern: {pattern}\n")
    before = [say("A plan.")] if pattern == "plan_then_act" else []
    work = [say("Done."), say("Compared."), bash("echo 5 > out.txt"), say("Mended.")]
    after = {
        "verify_then_finish": [call("report_check", {"passed": True})],
        "best_of_n": [*work, *work, call("report_choice", {"draft": 1})],
    }
    outcome = await scene.run(spec, *before, *work, *after.get(pattern, []))
    assert outcome.text == "Mended."
    assert "./out.txt" in await scene.files()


SNAPSHOT = "context: {snapshot: {enabled: true}}\n"


async def test_the_first_message_shows_the_environment_before_the_first_turn(scene: Scene) -> None:
    await scene.run(SNAPSHOT, say("Done."))
    told = scene.said(0)
    environment = told.partition("<environment>\n")[2].partition("\n</environment>")[0]
    for part in ("$ ls -A | head -n 30\nin.txt\nsub\n", "==> ./in.txt <==\n2\n3", "python3"):
        assert part in environment, part
    assert [str(event.kind) for event in scene.recorder.events][:2] == ["tool_call", "tool_result"]
    assert rendered(scene, "main", environment) == timeless(scene.model.requests[0])


async def test_a_snapshot_is_bounded_and_its_commands_are_the_harnesss_own(scene: Scene) -> None:
    spec = "context: {snapshot: {enabled: true, commands: [seq 10000, 'false'], max_chars: 500}}\n"
    await scene.run(spec, say("Done."))
    assert scene.said(0).count("characters left out") == 1
    assert len(scene.said(0)) < 800
    assert "$ seq 10000\n1\n2\n" in scene.said(0)


async def test_planner_worker_and_helper_are_shown_the_snapshot_and_who_checks_is_not(scene: Scene) -> None:
    passed = call("report_check", {"passed": True})
    await scene.run(f"{SNAPSHOT}orchestration: {{pattern: verify_then_finish}}\n", say("Done."), passed)
    assert ["<environment>" in scene.said(n) for n in (0, 1)] == [True, False]
    await scene.run(f"{SNAPSHOT}{PLAN}", say("Plan."), say("Done."))
    assert ["<environment>" in scene.said(n) for n in (0, 1)] == [True, True]
    await scene.run(f"{SNAPSHOT}orchestration: {{pattern: delegate}}\n", ask("helper", "a"), say("b"), say("Done."))
    assert ["<environment>" in scene.said(n, 0) for n in (0, 1)] == [True, True]


def timeless(request: ModelRequest) -> ModelRequest:
    return ModelRequest(**{**{name: getattr(request, name) for name in request.__slots__}, "timeout_s": 0})


def rendered(scene: Scene, role: str, environment: str) -> ModelRequest:
    return timeless(render_first_request(scene.bundle, scene.view(environment), role=role, model="m"))


ROLE_STEPS: dict[str, Callable[[], list[Step]]] = {
    "plan_then_act": lambda: [say("Plan."), say("Done.")],
    "delegate": lambda: [ask("helper", "a"), say("b"), say("Done.")],
}


@pytest.mark.parametrize(("pattern", "role", "number"), [("plan_then_act", "planner", 0), ("delegate", "main", 0)])
async def test_a_rendered_first_request_is_the_one_the_pattern_sends(
    scene: Scene, pattern: str, role: str, number: int
) -> None:
    await scene.run(f"orchestration: {{pattern: {pattern}}}\n", *ROLE_STEPS[pattern]())
    assert rendered(scene, role, "") == timeless(scene.model.requests[number])
