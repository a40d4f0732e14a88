"""The harness: the versioned folder of prompts, tools, skills and settings that is being tuned."""

from __future__ import annotations

from task_agent.harness.bundle import HarnessBundle, read_folder, save_bundle
from task_agent.harness.errors import HarnessError
from task_agent.harness.knob import Knob, knobs, with_setting, written
from task_agent.harness.normalised import normalised_hash
from task_agent.harness.patch import FileChange, Patch, PatchStat, apply, diff, unified
from task_agent.harness.reverse import reverse
from task_agent.harness.script_tool import ScriptToolSpec
from task_agent.harness.skill import Skill
from task_agent.harness.spec import HarnessSpec
from task_agent.harness.surface import AREAS, EditSurface, allows_key, changed_keys, violations
from task_agent.harness.validate import load_bundle, validate

__all__ = [
    "AREAS",
    "EditSurface",
    "FileChange",
    "HarnessBundle",
    "HarnessError",
    "HarnessSpec",
    "Knob",
    "Patch",
    "PatchStat",
    "ScriptToolSpec",
    "Skill",
    "allows_key",
    "apply",
    "changed_keys",
    "diff",
    "knobs",
    "load_bundle",
    "normalised_hash",
    "read_folder",
    "reverse",
    "save_bundle",
    "unified",
    "validate",
    "violations",
    "with_setting",
    "written",
]
