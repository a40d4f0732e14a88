"""Where a reader sits: an agent in a context of its own, asked for one report through one tool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from task_agent.agent import Agent, AgentSetup
from task_agent.errors import (
    AgentRefusedError,
    AttemptError,
    OutOfMoneyError,
    OutOfTimeError,
    OutOfTokensError,
    OutOfTurnsError,
)
from task_agent.meter import Meter
from task_agent.models.base import ModelClient
from task_agent.tools.base import Tool
from traces.recorder import Recorder

SILENT = (AgentRefusedError, OutOfTurnsError, OutOfTokensError, OutOfTimeError, OutOfMoneyError)
"""What ends a reader without a report; anything else is an outage, and it is asked again later."""


class ReportTool(Tool, Protocol):
    """Take a reader's report."""

    @property
    def reported(self) -> bool:
        """Say whether there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Seat:
    """Hold what one reader speaks through: a client, a trace and an opaque token of its own."""

    client: ModelClient
    model: str
    effort: str | None
    recorder: Recorder
    user_id: str

    async def hear(
        self,
        asked: str,
        tool: ReportTool,
        meter: Meter,
        *,
        system: str,
        name: str,
        silent: tuple[type[AttemptError], ...] = SILENT,
    ) -> str:
        """Have a reader answer `asked` with `tool`, reminded once; give why it did not, empty when it did.

        Args:
            asked: Its one message.
            tool: Its one tool.
            meter: Counts and bounds what it uses.
            system: What it is told first.
            name: The agent's name in the trace.
            silent: The errors that leave the question without an answer.

        Raises:
            AttemptError: The provider failed: an outage is no answer, ask again later.
        """
        setup = AgentSetup(model=self.model, system=system, name=name, effort=self.effort, user_id=self.user_id)
        agent = Agent(setup, [tool], client=self.client, recorder=self.recorder, meter=meter)
        problem = "did not report, not even when reminded"
        try:
            for message in (asked, f"Report with the tool `{tool.schema.name}`; nothing else is read."):
                await agent.run(message)
                if tool.reported:
                    break
        except silent as error:
            problem = f"ended without a report: {error}"
        return "" if tool.reported else problem
