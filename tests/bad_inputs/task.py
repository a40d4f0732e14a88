"""What is wrong with a task or its folder."""

from __future__ import annotations

from .bad import Bad, folder_at, hold, lose, one_by_one, swap

ROWS = [
    Bad("a task.toml that is no TOML", ("tasks/t3/task.toml:1:", "is not TOML"), hold("tasks/t3/task.toml", "version")),
    Bad(
        "an unknown field of a task",
        ("tasks/t3/task.toml:2", "`agent.timeout`", "is not a field", "did you mean `timeout_sec`"),
        hold("tasks/t3/task.toml", "[agent]\ntimeout = 9\n"),
    ),
    Bad(
        "a task that never ends",
        ("tasks/t3/task.toml:2", "`agent.timeout_sec`"),
        hold("tasks/t3/task.toml", "[agent]\ntimeout_sec = 0\n"),
    ),
    Bad(
        "answer keys of a task that are no list",
        ("tasks/t3/task.toml:2", "`metadata.answer_keys`", "is a list of texts"),
        hold("tasks/t3/task.toml", "[metadata]\nanswer_keys = 5\n"),
    ),
    Bad(
        "a task without a verifier", ("tasks/t3/tests/test.sh", "nothing can be graded"), lose("tasks/t3/tests/test.sh")
    ),
    Bad("a task without an instruction", ("tasks/t3/instruction.md", "is missing"), lose("tasks/t3/instruction.md")),
    Bad(
        "an instruction that is no text",
        ("tasks/t3/instruction.md", "is not UTF-8"),
        hold("tasks/t3/instruction.md", b"\xff\xfe"),
    ),
    Bad(
        "a folder for an instruction",
        ("tasks/t3/instruction.md", "cannot be read"),
        folder_at("tasks/t3/instruction.md"),
    ),
    Bad(
        "a task without an environment",
        ("tasks/t3/environment/Dockerfile", "is missing"),
        lose("tasks/t3/environment/Dockerfile"),
    ),
    Bad(
        "a step that is not named",
        ("tasks/t3/steps/a", "is no step that"),
        hold("tasks/t3/steps/a/instruction.md", "x"),
    ),
    Bad(
        "a folder without tasks",
        ("holds no task folders",),
        folder_at("tasks"),
    ),
    Bad(
        "a task that needs an image, in a process",
        ("some tasks need an image", "docker"),
        hold("tasks/t3/task.toml", 'version = "1.0"\n'),
        code=6,
    ),
    Bad(
        "a task that needs the network, in a jail",
        ("the bubblewrap sandbox cannot hold some tasks", "'t3' (it has no network)", "suite.without"),
        one_by_one(
            swap("sandbox: {kind: process}", "sandbox: {kind: bubblewrap}"),
            hold("tasks/t3/task.toml", "[metadata]\nany_image = true\n[environment]\nallow_internet = true\n"),
        ),
        code=6,
    ),
    Bad(
        "spreadsheet records that cannot be used",
        ("night.yaml:1:", "record 1 (id '1')", "names whole columns", "record 2 (id '2')", "skip: ['1', '2']"),
        one_by_one(
            swap("{kind: harbor, path: tasks}", "{kind: spreadsheetbench, path: tasks}"),
            hold(
                "tasks/dataset.json",
                '[{"id": 1, "instruction": "i", "answer_position": "A:G"},'
                ' {"id": 2, "instruction": "i", "answer_position": "A1"}]',
            ),
        ),
    ),
]
