"""The `read_skill` tool: a skill's text, of which the system prompt shows one line, and then its further files."""

from __future__ import annotations

from collections.abc import Sequence

from task_agent.harness.skill import MAIN_FILE, Skill
from task_agent.models.base import ToolSchema
from task_agent.tools.base import ToolInput, ToolResult

READ_SKILL = ToolSchema(
    name="read_skill",
    description="Read one of the skills listed in the system prompt. Do it before work the skill is about.",
    input_schema={
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "The skill's name."},
            "file": {"type": "string", "description": "A further file of the skill; its main text when left out."},
        },
        "required": ["name"],
        "additionalProperties": False,
    },
)


class ReadSkillTool:
    """Hand out the texts of a harness's skills."""

    schema = READ_SKILL

    def __init__(self, skills: Sequence[Skill]) -> None:
        self._skills = {skill.name: skill for skill in skills}

    async def call(self, tool_input: ToolInput) -> ToolResult:
        """Give the text and the names of further files, or one of those; an unknown name is an error result."""
        skill = self._skills.get(str(tool_input["name"]))
        if skill is None:
            return ToolResult(f"no skill {tool_input['name']!r}; there are: {', '.join(self._skills)}", is_error=True)
        file = str(tool_input.get("file", "")) or MAIN_FILE
        if file == MAIN_FILE:
            return ToolResult(skill.text, _further(skill))
        if file not in skill.files:
            return ToolResult(f"skill {skill.name!r} has no file {file!r}\n{_further(skill)}".rstrip(), is_error=True)
        return ToolResult(skill.files[file])


def _further(skill: Skill) -> str:
    return f"[further files, to be read by `file`: {', '.join(skill.files)}]" if skill.files else ""


def skill_list(skills: Sequence[Skill]) -> str:
    """Word the part of the system prompt that lists the skills."""
    lines = "\n".join(f"- {skill.name}: {skill.summary}" for skill in skills)
    return f"Skills (read one with read_skill before work it is about):\n{lines}"
