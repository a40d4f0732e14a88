from __future__ import annotations

import pytest

from task_agent.errors import OutOfTimeError
from task_agent.harness import HarnessBundle, HarnessError
from task_agent.meter import Budget, Meter
from task_agent.models.scripted import ScriptedModel, call, say
from task_agent.orchestration import Ctx, TaskView
from task_agent.orchestration.opening import ModelChoice
from task_agent.tools import ScriptedSandbox
from task_agent.tools.scripted_sandbox import printed
from traces.recorder import MemoryRecorder

BUNDLE = HarnessBundle(
    {
        "harness.yaml": b"name: tiny\nlimits: {command_timeout_s: 5}\n",
        "prompts/system.md": b"Be brief.\n",
        "prompts/planner.md": b"Plan.\n",
    }
)


class Scene:
    def __init__(self, *steps: object, budget: Budget | None = None) -> None:
        self.model = ScriptedModel(steps)  # type: ignore[arg-type]
        self.sandbox = ScriptedSandbox([printed("out\n")])
        self.recorder = MemoryRecorder()
        self.ctx = Ctx(
            BUNDLE,
            TaskView("Sum.", "/app"),
            ModelChoice("m"),
            client=self.model,
            sandbox=self.sandbox,
            recorder=self.recorder,
            meter=Meter(budget or Budget(turns=10)),
        )

    @property
    def record(self) -> list[tuple[str, str, str | None]]:
        return [(str(event.kind), event.agent, event.text) for event in self.recorder.events]


async def test_agents_have_contexts_of_their_own_and_share_the_budget() -> None:
    scene = Scene(say("a plan"), say("done"))
    assert await scene.ctx.agent("planner").run("Plan it.") == "a plan"
    assert await scene.ctx.agent("main").run("Do it.") == "done"
    assert [request.system for request in scene.model.requests] == ["Plan.\n", "Be brief.\n"]
    assert [len(request.messages) for request in scene.model.requests] == [1, 1]
    assert scene.ctx.budget.remaining.turns == 8


async def test_prompt_and_tools_can_be_chosen() -> None:
    scene = Scene(say("done"))
    await scene.ctx.agent("helper", prompt="Help.", tools=["edit_file"]).run("Go.")
    assert scene.model.requests[0].system == "Help."
    assert [tool.name for tool in scene.model.requests[0].tools] == ["edit_file"]


async def test_one_question_to_the_model_offers_no_tools() -> None:
    scene = Scene(say("42"))
    assert await scene.ctx.model("What is it?", system="Know all.") == "42"
    assert (scene.model.requests[0].tools, scene.model.requests[0].system) == ((), "Know all.")


async def test_commands_and_tools_of_the_pattern_stand_in_the_trace() -> None:
    scene = Scene()
    assert (await scene.ctx.exec("ls")).output == "out\n"
    await scene.ctx.tool("bash", {"command": "pwd"})
    scene.ctx.note("looks right")
    assert scene.record == [
        ("tool_call", "orchestration", None),
        ("tool_result", "orchestration", "out\n"),
        ("tool_call", "orchestration", None),
        ("tool_result", "orchestration", "[exit code 0]"),
        ("note", "orchestration", "looks right"),
    ]
    assert [command.timeout_s for command in scene.sandbox.commands] == [5, 5]


async def test_wrong_input_to_a_tool_is_an_error_result() -> None:
    scene = Scene()
    assert (await scene.ctx.tool("bash", {"cmd": "ls"})).is_error


async def test_time_bounds_commands_of_the_pattern_too() -> None:
    scene = Scene(budget=Budget(time_s=1e-9))
    with pytest.raises(OutOfTimeError):
        await scene.ctx.exec("ls")


def test_unknown_tools_and_roles_without_a_prompt_are_named() -> None:
    scene = Scene()
    with pytest.raises(HarnessError, match="no tool 'python'; it has: bash, edit_file, view"):
        scene.ctx.agent(tools=["python"])
    with pytest.raises(HarnessError, match=r"prompts/critic\.md"):
        scene.ctx.agent("critic")


async def test_an_agent_of_the_pattern_can_use_the_shell() -> None:
    scene = Scene(call("bash", {"command": "ls"}), say("done"))
    await scene.ctx.agent().run("Go.")
    assert scene.sandbox.commands[0].text == "ls"
