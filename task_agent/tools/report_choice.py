"""The `report_choice` tool: how a chooser says which of several drafts is the best."""

from __future__ import annotations

from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult

REPORT_CHOICE = ToolSchema(
    name="report_choice",
    description="Report which draft does best what the task asks for. Call it once, at the end.",
    input_schema={
        "type": "object",
        "properties": {
            "draft": {"type": "integer", "description": "The number of the draft."},
            "reason": {"type": "string", "description": "Why, in a sentence."},
        },
        "required": ["draft"],
        "additionalProperties": False,
    },
)


class ReportChoiceTool:
    """Take one choice among drafts 1 to `count` and end the chooser's run; `choice` is None until then."""

    schema = REPORT_CHOICE

    def __init__(self, count: int) -> None:
        self.choice: int | None = None
        self._count = count

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Keep the choice; a number that no draft has is an error result."""
        draft = int(tool_input["draft"])
        if not 1 <= draft <= self._count:
            return ToolResult(f"there is no draft {draft}; there are 1 to {self._count}", is_error=True)
        self.choice = draft
        return ToolResult("reported", ends_run=True)
