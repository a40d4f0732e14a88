"""What is wrong with a harness."""

from __future__ import annotations

from .bad import Bad, hold, link_at, lose, one_by_one, swap

ROWS = [
    Bad(
        "a harness without harness.yaml", ("mine/harness.yaml", "a harness needs this file"), lose("mine/harness.yaml")
    ),
    Bad(
        "a harness without a prompt",
        ("mine/prompts/system.md", "a harness needs this file"),
        lose("mine/prompts/system.md"),
    ),
    Bad("an empty prompt", ("mine/prompts/system.md", "empty"), hold("mine/prompts/system.md", " \n")),
    Bad("a prompt that is no text", ("mine/prompts/system.md:1", "not UTF-8"), hold("mine/prompts/system.md", b"\xff")),
    Bad(
        "a mistyped limit",
        ("mine/harness.yaml:3:3", "did you mean `turns`"),
        swap("turns:", "turn:", "mine/harness.yaml"),
    ),
    Bad("no turns", ("mine/harness.yaml:3:10", "`limits.turns`"), swap("turns: 9", "turns: 0", "mine/harness.yaml")),
    Bad(
        "an unknown pattern",
        ("mine/harness.yaml", "unknown pattern 'magic'", "`react`"),
        hold("mine/harness.yaml", "name: mine\norchestration: {pattern: magic}\n"),
    ),
    Bad(
        "orchestration code that nothing runs",
        ("mine/orchestration.py", "nothing runs this file", "pattern: code"),
        hold("mine/orchestration.py", "async def orchestrate(ctx): ...\n"),
    ),
    Bad(
        "a pattern without its code",
        ("mine/harness.yaml:2:26", "`code` needs a file `orchestration.py`", "async def orchestrate(ctx)"),
        hold("mine/harness.yaml", "name: mine\norchestration: {pattern: code}\n"),
    ),
    Bad(
        "orchestration code that does not parse",
        ("mine/orchestration.py:1:3", "not valid Python"),
        one_by_one(
            hold("mine/harness.yaml", "name: mine\norchestration: {pattern: code}\n"),
            hold("mine/orchestration.py", "if\n"),
        ),
    ),
    Bad(
        "a range that its key cannot take",
        ("mine/harness.yaml:4:10", "`limits.turns` cannot be 0"),
        hold("mine/harness.yaml", "name: mine\nlimits:\n  turns: 9\nsearch: {limits.turns: {low: 0, high: 9}}\n"),
    ),
    Bad(
        "a range with a step that does not fit",
        ("mine/harness.yaml:2:24", "`step` must divide the 9 between"),
        hold("mine/harness.yaml", "name: mine\nsearch: {limits.turns: {low: 1, high: 10, step: 4}}\n"),
    ),
    Bad(
        "a tuner without ranges",
        (
            "night.yaml:11:10",
            "there is nothing to tune: the harness 'mine'",
            "search: {limits.turns: {low: 10, high: 60}}",
        ),
        swap("gate:\n", "tuner:\n  every: 2\ngate:\n"),
    ),
    Bad(
        "a tuner of what is locked",
        ("`models.main.effort` be tuned", "make its area editable"),
        one_by_one(
            swap("gate:\n", "tuner: {every: 2}\ngate:\n"),
            hold("mine/harness.yaml", "name: mine\nsearch: {models.main.effort: {choices: [low, high]}}\n"),
        ),
    ),
    Bad(
        "a tool without a schema",
        ("mine/tools/look/tool.yaml", "`input_schema`"),
        swap("input_schema: {type: object}\n", "", "mine/tools/look/tool.yaml"),
    ),
    Bad(
        "a tool with a broken schema",
        ("mine/tools/look/tool.yaml", "`type: object`"),
        swap("{type: object}", "{type: objekt}", "mine/tools/look/tool.yaml"),
    ),
    Bad(
        "a tool that cannot be run",
        ("mine/tools/look/run:1", "must start with `#!`"),
        hold("mine/tools/look/run", "cat\n"),
    ),
    Bad("a tool without its script", ("mine/tools/look/run", "needs this file"), lose("mine/tools/look/run")),
    Bad("a link in a harness", ("mine/README.md", "no links"), link_at("mine/README.md", "/etc/passwd")),
    Bad("a stray file in a harness", ("mine/promts", "did you mean `prompts/`"), hold("mine/promts/a.md", "x")),
    Bad("a harness that is a file", ("no such harness folder",), swap("harness: mine", "harness: prices.yaml")),
]
