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
    """Take one choice among drafts 1 to `count`, if given, and end the chooser's run; `choice` is None until then."""

    schema = REPORT_CHOICE

    def __init__(self, count: int | None = None) -> None:
        self.choice: int | None = None
        self._count = count

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Keep the choice; a number that no draft has is an error result."""
        draft = int(tool_input["draft"])
        if draft < 1 or (self._count is not None and draft > self._count):
            last = "" if self._count is None else f" to {self._count}"
            return ToolResult(f"there is no draft {draft}; there are 1{last}", is_error=True)
        self.choice = draft
        return ToolResult("reported", ends_run=True)
