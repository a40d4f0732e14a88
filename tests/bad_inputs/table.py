"""The table of bad inputs.

Every row starts from the desk's run file, which works. `says` must stand in the message or in its hint.
"""

from __future__ import annotations

from .bad import NAMED, NIGHT, Bad, folder_at, hold, link_at, lose, one_by_one, swap

TRIAL = """\
{"id": "1", "task_name": "a", "trial_name": "a__1", "agent_info": {"name": "other"},
 "verifier_result": {"rewards": {"reward": 0.5}}}
"""

RUN_FILES = [
    Bad(
        "an unknown key",
        ("night.yaml:18:8", "`stop.iteratons`", "did you mean `iterations`", "valid here: "),
        swap("iterations", "iteratons"),
    ),
    Bad("an unknown section", ("night.yaml:18:1", "did you mean `stop`"), swap("stop:", "stopp:")),
    Bad(
        "a number for a section",
        ("night.yaml:10:7", "`gate`: must be a mapping of keys, not 5"),
        swap(
            "gate:\n  mode: explore\n  k_max: 4\n  stages: [1, 2]\n  futility: [0.0]\n  min_tasks: 2\n  force: true\n",
            "gate: 5\n",
        ),
    ),
    Bad(
        "an empty section",
        ("night.yaml:18:", "`stop`: must be a mapping of keys"),
        swap("stop: {iterations: 1}", "stop:"),
    ),
    Bad(
        "a word for a number",
        ("night.yaml:12:10", "`gate.k_max`: must be a whole number, not 'many'"),
        swap("k_max: 4", "k_max: many"),
    ),
    Bad("a number in quotes", ("night.yaml:12:10", "whole number, not '4'"), swap("k_max: 4", "k_max: '4'")),
    Bad("yes for a number", ("night.yaml:12:10", "whole number, not True"), swap("k_max: 4", "k_max: true")),
    Bad(
        "a wrong choice",
        ("night.yaml:11:9", "'default', 'strict' or 'explore'", "did you mean `explore`"),
        swap("mode: explore", "mode: explor"),
    ),
    Bad(
        "a key given twice",
        ("night.yaml:13:3", "`gate.k_max` is given twice", "line 12"),
        swap("k_max: 4", "k_max: 4\n  k_max: 5"),
    ),
    Bad("a key that is no text", ("night.yaml:18:8", "a key must be text"), swap("{iterations: 1}", "{7: 1}")),
    Bad("YAML that ends too soon", ("night.yaml:", "not valid YAML"), swap("sandbox: {kind: process}", "sandbox: {")),
    Bad("a tab", ("night.yaml:11:1", "not valid YAML"), swap("  mode: explore", "\tmode: explore")),
    Bad(
        "an anchor",
        ("night.yaml:5:9", "anchors and aliases are not allowed"),
        swap("{model: simulated}", "&all {model: simulated}"),
    ),
    Bad("no tests planned", ("night.yaml:12:10", "greater than or equal to 1, not 0"), swap("k_max: 4", "k_max: 0")),
    Bad(
        "more futility than stages",
        ("night.yaml:11:3", "futility needs 1 values"),
        swap("futility: [0.0]", "futility: [0.0, 0.7]"),
    ),
    Bad("stages that fall", ("night.yaml:11:3", "stages must rise"), swap("[1, 2]", "[2, 1]")),
    Bad("no attempts to screen with", ("night.yaml:17:49", "`replicates.screen`"), swap("screen: 1", "screen: 0")),
    Bad("no attempts to certify with", ("night.yaml:17:61", "`replicates.certify`"), swap("certify: 1", "certify: 0")),
    Bad(
        "absurdly many at once",
        ("night.yaml:19:37", "less than or equal to 1024, not 1000000"),
        swap("{kind: inline}", "{kind: inline, in_flight: 1000000}"),
    ),
    Bad(
        "a budget of nothing",
        ("night.yaml:18:35", "`stop.budget_usd`", "greater than 0"),
        swap("iterations: 1", "iterations: 1, budget_usd: 0"),
    ),
    Bad(
        "a proposer that is to see held-out tasks",
        ("night.yaml:21:34", "`visibility.proposer.heldout`: input should be 'nothing', not 'all'"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nvisibility: {proposer: {heldout: all}}\n"),
    ),
    Bad(
        "a judge that is to see the test split",
        ("night.yaml:21:32", "`visibility.reflector.test`: input should be 'nothing', not 'aggregate'"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nvisibility: {reflector: {test: aggregate}}\n"),
    ),
    Bad(
        "tries of tasks that nobody may see",
        ("night.yaml:21:32", "`proposer.try_attempts` needs train attempts", "`visibility.proposer.train: all`"),
        swap(
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nvisibility: {proposer: {train: aggregate}}\nproposer: {try_attempts: 4}\n",
        ),
    ),
    Bad(
        "more sessions at once than there are",
        ("night.yaml:21:22", "`proposer.parallel`", "greater than or equal to 1, not 0"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nproposer: {parallel: 0}\n"),
    ),
    Bad(
        "a pivot that never comes",
        ("night.yaml:21:25", "`proposer.pivot_after` (8) is not below `stop.no_progress` (8)", "make it smaller"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nproposer: {pivot_after: 8}\n"),
    ),
    Bad(
        "probes on a suite without variants",
        ("night.yaml:21:27", "makes no variants of its tasks", "leave it at 0"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nreflection: {probe_tasks: 4}\n"),
    ),
    Bad(
        "a surface that locks everything",
        ("night.yaml:21:10", "every part of the harness is locked"),
        lambda desk: desk.edit(
            "night.yaml",
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nsurface: {editable: [prompts], locked: [prompts]}\n",
        ),
    ),
    Bad(
        "a view of digests that nobody writes",
        ("night.yaml:21:1", "set digests.per_round to 1 or more"),
        lambda desk: desk.edit(
            "night.yaml", "sandbox: {kind: process}\n", "sandbox: {kind: process}\nproposer: {view: digests}\n"
        ),
    ),
    Bad(
        "a missing role",
        ("night.yaml:5:3", "`models.reflector`: field required"),
        swap("  reflector: {model: simulated}\n", ""),
    ),
    Bad("a mistyped role", ("night.yaml:7:3", "did you mean `reflector`"), swap("reflector:", "reflectr:")),
    Bad(
        "a fallback for the simulated model",
        ("night.yaml:5:9", "`simulated` is not"),
        swap("task: {model: simulated}", "task: {model: simulated, fallback: [claude-haiku-5-5]}"),
    ),
    Bad(
        "a fallback to the model itself",
        ("night.yaml:6:13", "names a model twice, or the role's own"),
        swap("proposer: {model: simulated}", "proposer: {model: claude-opus-5-5, fallback: [claude-opus-5-5]}"),
    ),
    Bad(
        "a fallback that is never asked",
        ("night.yaml:6:13", "is never asked"),
        swap(
            "proposer: {model: simulated}",
            "proposer: {model: claude-opus-5-5, fallback: [claude-haiku-5-5], on_refusal: surface}",
        ),
    ),
    Bad(
        "an outage without a fallback",
        ("night.yaml:6:13", "needs `fallback`, the models to ask"),
        swap("proposer: {model: simulated}", "proposer: {model: claude-opus-5-5, on_outage: fallback}"),
    ),
    Bad(
        "a task that changes its model in mid-night",
        ("night.yaml:5:3", "`task.on_outage` must be `wait`"),
        swap(
            "task: {model: simulated}",
            "task: {model: claude-opus-5-5, fallback: [claude-haiku-5-5], on_outage: fallback}",
        ),
    ),
    Bad("the same as nobody", ("night.yaml:5:9", "`models.task`"), swap("task: {model: simulated}", "task: same")),
    Bad("no suite", ("night.yaml:1:1", "`suite`: field required"), swap("suite: {kind: harbor, path: tasks}\n", "")),
    Bad(
        "more tasks split than there are",
        ("night.yaml:9:9", "13 tasks asked for, 7 there are"),
        swap("heldout: 3", "heldout: 9"),
    ),
    Bad(
        "shares above one",
        ("night.yaml:9:9", "add up to at most 1"),
        swap("{train: 2, heldout: 3, test: 2}", "{train: 0.5, heldout: 0.5, test: 0.5}"),
    ),
    Bad("a split of no tasks", ("night.yaml:9:17", "`splits.train`", "not 0"), swap("train: 2", "train: 0")),
    Bad(
        "fewer held-out tasks than the gate needs",
        ("night.yaml:9:", "3 held-out tasks are fewer than", "min_tasks"),
        swap("min_tasks: 2", "min_tasks: 4"),
    ),
    Bad(
        "a design that can certify nothing",
        ("night.yaml:9:", "cannot certify", "--force"),
        swap("  force: true\n", ""),
    ),
    Bad("a mix that does not add up", ("night.yaml:8:", "add up to 1.5, not 1"), swap("good: 0.4", "good: 0.9")),
    Bad("an unknown simulated key", ("night.yaml:8:", "did you mean `overfit`"), swap("overfit:", "overfits:")),
    Bad(
        "a harness that is not there",
        ("night.yaml:2:10", "does not exist", "relative paths count from"),
        swap("harness: mine", "harness: yours"),
    ),
    Bad("prices that are not there", ("night.yaml:3:9", "`prices` names"), lose("prices.yaml")),
    Bad(
        "a warm start from nowhere",
        ("night.yaml:2:13", "`warm_start` names no folder"),
        swap("harness: mine", "warm_start: [gone]\nharness: mine"),
    ),
    Bad(
        "a job whose trial is malformed",
        ("job/a__1/result.json: `agent_info`", "take the trial's folder out"),
        one_by_one(
            swap("harness: mine", "warm_start: [job]\nharness: mine"),
            hold("job/a__1/result.json", TRIAL.replace("agent_info", "agent")),
        ),
    ),
    Bad("tasks that are not there", ("night.yaml:1:29", "`suite.path` names"), lose("tasks")),
    Bad("an unknown kind of suite", ("night.yaml:1:15", "'harbour'", "known kinds: "), swap("harbor", "harbour")),
    Bad(
        "an unknown key of the suite",
        ("night.yaml:1:42", "`suite.onyl`", "did you mean `only`"),
        swap("path: tasks", "path: tasks, onyl: [t0]"),
    ),
    Bad("a task that is not there", ("no task folder 't9'",), swap("path: tasks", "path: tasks, only: [t9]")),
    Bad(
        "an unknown sandbox",
        ("night.yaml:20:17", "'process', 'bubblewrap' or 'docker'"),
        swap("sandbox: {kind: process}", "sandbox: {kind: vm}"),
    ),
    Bad(
        "a real model without a key",
        ("role `proposer` uses 'claude-opus-5-5'", "set ANTHROPIC_API_KEY"),
        swap("proposer: {model: simulated}", "proposer: {model: claude-opus-5-5}"),
        code=4,
    ),
    Bad(
        "a program's folder that is not there",
        ("night.yaml:21:45", "`proposer.program.folder` names", "relative paths count from"),
        swap(
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nproposer: {program: {command: [sh], folder: gone}}\n",
        ),
    ),
    Bad(
        "a program that gets a variable nobody set",
        ("night.yaml:21:42", "$RATCHET_NO_KEY is not set", "export RATCHET_NO_KEY"),
        swap(
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nproposer: {program: {command: [sh], env: [RATCHET_NO_KEY]}}\n",
        ),
    ),
    Bad(
        "a program without a sandbox",
        ("night.yaml:21:11", "a `program` needs a sandbox"),
        swap(
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nproposer: {sandbox: none, program: {command: [sh]}}\n",
        ),
    ),
    Bad(
        "a program with a network in bubblewrap",
        ("night.yaml:21:11", "only docker gives a program a network"),
        swap(
            "sandbox: {kind: process}\n",
            "sandbox: {kind: process}\nproposer: {sandbox: bubblewrap, program: {command: [sh], network: true}}\n",
        ),
    ),
    Bad("a list", ("night.yaml:1:1", "a run file is a mapping of keys"), hold("night.yaml", "- a\n")),
    Bad(
        "a webhook in no variable",
        ("night.yaml:21:23", "`notify.webhook_env`: $RATCHET_NO_HOOK is not set"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nnotify: {webhook_env: RATCHET_NO_HOOK}\n"),
    ),
    Bad(
        "a program to tell that is not there",
        ("night.yaml:21:19", "`notify.command`"),
        swap("sandbox: {kind: process}\n", "sandbox: {kind: process}\nnotify: {command: [ratchet-no-such-program]}\n"),
    ),
]
FILES = [
    Bad("no run file", ("no run file 'night.yaml'", "configs/"), lose("night.yaml"), code=3),
    Bad("a folder for a run file", ("night.yaml: is a folder",), folder_at("night.yaml")),
    Bad("an empty run file", ("night.yaml:1:1", "mapping of keys", "configs/quickstart.yaml"), hold("night.yaml", "")),
    Bad("a picture for a run file", ("night.yaml:1: not UTF-8 text",), hold("night.yaml", b"\x89PNG\r\n\x1a\n\0\0")),
    Bad(
        "a run file in Latin 1",
        ("night.yaml:3: not UTF-8 text",),
        hold("night.yaml", "a: 1\nb: 2\nc: \xe9\n".encode("latin-1")),
    ),
    Bad("a control character", ("night.yaml:1", "not valid YAML"), hold("night.yaml", b"suite: \x07\n")),
    Bad("a huge run file", ("1,000,000 bytes are too many",), hold("night.yaml", b"#" * 1_000_000)),
    Bad("a device for a run file", ("/dev/zero: is not a plain file",), words=("run", "/dev/zero")),
    Bad("a link to itself", ("night.yaml: cannot be read",), link_at("night.yaml", "night.yaml")),
    Bad("a folder for prices", ("prices.yaml: cannot be read",), folder_at("prices.yaml")),
    Bad(
        "prices in words",
        ("prices.yaml:4:34", "`models.simulated.0.input`", "'cheap'"),
        swap("input: 1", "input: cheap", "prices.yaml"),
    ),
    Bad(
        "prices with a mistyped key",
        ("prices.yaml:4:37", "did you mean `output`"),
        swap("output:", "outptu:", "prices.yaml"),
    ),
    Bad("prices that are no YAML", ("prices.yaml:", "not valid YAML"), hold("prices.yaml", "models: [")),
]
HARNESSES = [
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
TASKS = [
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
]
FLAGS = [
    Bad("a live check of nothing", ("--live needs a run file",), words=("doctor", "--live")),
    Bad("no such command", ("No such command 'rnu'",), words=("rnu", "night.yaml")),
    Bad("no such option", ("No such option", "--budget"), words=(*NIGHT, "--budgt", "5")),
    Bad("no file", ("Missing argument 'RUN_FILE'",), words=("run",)),
    Bad("a seed in words", ("--seed", "valid integer"), words=(*NIGHT, "--seed", "x")),
    Bad("no iterations", ("--max-iterations", "greater than or equal to 1"), words=(*NIGHT, "--max-iterations", "0")),
    Bad("a budget below nothing", ("--budget-usd", "-5"), words=(*NIGHT, "--budget-usd", "-5")),
    Bad("a budget that is no number", ("--budget-usd", "nan"), words=(*NIGHT, "--budget-usd", "nan")),
    Bad("a deadline that is no time", ("--deadline 'soon' is no time", "06:30"), words=(*NIGHT, "--deadline", "soon")),
    Bad("a deadline at once", ("--deadline", "greater than 0"), words=(*NIGHT, "--deadline", "0h")),
    Bad("another harness that is not there", ("--harness", "does not exist"), words=(*NIGHT, "--harness", "gone")),
    Bad("a limit below nothing", ("--limit",), words=("runs", "list", "--limit", "-1")),
]
RUNS = [
    Bad(
        "a run that is not there",
        ("no run 'gone'", "ratchet runs list"),
        words=("status", "gone"),
        code=3,
        needs_run=True,
    ),
    Bad("the last of no runs", ("no run 'last'",), words=("status",), code=3),
    Bad("resume of nothing", ("no run 'gone'",), words=("resume", "gone"), code=3),
    Bad("a nearly right run", ("no run 'dome'", "`done`"), words=("status", "dome"), code=3, needs_run=True),
    Bad(
        "a run id that is taken",
        ("run 'done' exists", "ratchet resume done"),
        words=(*NIGHT, "--run-id", "done"),
        needs_run=True,
    ),
    Bad("a run id with a way out", ("'../out' is not a plain name",), words=(*NIGHT, "--run-id", "../out")),
    Bad("a run id that is a path", ("is not a plain name", "letters, digits"), words=(*NIGHT, "--run-id", "/tmp/out")),
    Bad("a run id that is empty", ("is not a plain name",), words=(*NIGHT, "--run-id", "")),
    Bad(
        "a candidate that is not there",
        ("no candidate 'c099'", "ratchet candidates list"),
        words=("candidates", "show", "done", "c099"),
        code=3,
        needs_run=True,
    ),
    Bad(
        "a word on what does not wait for one",
        ("c000 does not wait for a word: it is the baseline", "waiting now: none"),
        words=("review", "done", "c000", "--accept"),
        needs_run=True,
    ),
    Bad(
        "a word without a candidate",
        ("which candidate is meant?", "ratchet review done CANDIDATE --accept"),
        words=("review", "done", "--accept"),
        needs_run=True,
    ),
    Bad(
        "two words at once",
        ("--accept and --refuse exclude each other",),
        words=("review", "done", "c001", "--accept", "--refuse"),
        needs_run=True,
    ),
    Bad(
        "a book of lessons that is not there",
        ("no book of lessons 'gone'", "ratchet lessons"),
        words=("lessons", "gone"),
        code=3,
    ),
    Bad(
        "a book of lessons that is none",
        ("office.yaml is no book of lessons", "schema_version", "mend it or move it away"),
        one_by_one(hold("runs/lessons/office.yaml", "lessons: []\n"), swap("stop:", "lessons: {book: office}\nstop:")),
        words=(*NIGHT, "--run-id", "b"),
    ),
    Bad(
        "a book of lessons with a way out",
        ("lessons.book", "night.yaml:"),
        swap("stop:", "lessons: {book: ../office}\nstop:"),
    ),
    Bad(
        "an attempt that is not there",
        ("no attempt",),
        words=("trace", "show", "done", "c000/gone/a00"),
        code=3,
        needs_run=True,
    ),
    Bad(
        "a broken pattern",
        ("`(` is no regular expression", "character 1"),
        words=("trace", "show", "done", "c000/csv-totals-01/a00", "--grep", "("),
        needs_run=True,
    ),
    Bad(
        "a lost run.lock",
        ("runs/done/run.lock: is missing", "copy"),
        lose("runs/done/run.lock"),
        words=("status", "done"),
        needs_run=True,
    ),
    Bad(
        "a damaged run.lock",
        ("runs/done/run.lock: is damaged",),
        hold("runs/done/run.lock", "{"),
        words=("status", "done"),
        needs_run=True,
    ),
    Bad(
        "a run.lock of another shape",
        ("runs/done/run.lock: is damaged: it lacks uid",),
        hold("runs/done/run.lock", "[]"),
        words=("resume", "done"),
        needs_run=True,
    ),
    Bad(
        "a damaged run.yaml",
        ("runs/done/run.yaml:1:1", "mapping of keys"),
        hold("runs/done/run.yaml", "- a\n"),
        words=("resume", "done"),
        needs_run=True,
    ),
    Bad(
        "a lost run.yaml",
        ("runs/done/run.yaml",),
        lose("runs/done/run.yaml"),
        words=("resume", "done"),
        code=3,
        needs_run=True,
    ),
    Bad(
        "a run.yaml of another seed",
        ("runs/done/run.lock: run 'done' was begun with other config", "put back what changed"),
        lambda desk: desk.edit("runs/done/run.yaml", "seed: 1\n", "seed: 2\n"),
        words=("resume", "done"),
        needs_run=True,
    ),
    Bad(
        "a ledger of noise",
        ("runs/done/ledger.sqlite",),
        hold("runs/done/ledger.sqlite", b"noise " * 999),
        words=("status", "done"),
        code=10,
        needs_run=True,
    ),
    Bad(
        "an empty ledger",
        ("runs/done/ledger.sqlite",),
        hold("runs/done/ledger.sqlite", b""),
        words=("status", "done"),
        code=10,
        needs_run=True,
    ),
    Bad("an export of nothing", ("no run 'gone'",), words=("export", "gone", "-o", "out"), code=3),
    Bad("an export to nowhere", ("needs a folder to make", "-o DIR"), words=("export", "done"), needs_run=True),
    Bad(
        "an export over something",
        ("mine exists and is not empty",),
        words=("export", "done", "-o", "mine"),
        needs_run=True,
    ),
    Bad("verifying what is no export", ("no export 'mine'",), words=("export", "verify", "mine"), code=3),
    Bad(
        "a manifest that is no JSON",
        ("mine/manifest.json", "not JSON"),
        hold("mine/manifest.json", "{"),
        words=("export", "verify", "mine"),
    ),
    Bad("one harness to compare", ("2 to 12 harnesses",), words=("compare", "done"), needs_run=True),
    Bad("nothing to compare with", ("no run 'gone'",), words=("compare", "mine", "gone"), code=3),
    Bad("harnesses on no tasks", ("on which tasks", "--config"), words=("compare", "mine", "mine", "--attempts", "1")),
    Bad(
        "the same harness twice",
        ("the same harness twice", "--attempts"),
        words=("compare", "done", "done"),
        needs_run=True,
    ),
    Bad(
        "a budget for nothing to be made",
        ("are for attempts to be made",),
        words=("compare", "done", "mine", "--budget-usd", "3"),
        needs_run=True,
    ),
    Bad(
        "attempts written nowhere",
        ("needs a folder to make", "-o DIR"),
        words=("attempts", "export", "done"),
        needs_run=True,
    ),
    Bad(
        "attempts written over something",
        ("mine exists and is not empty",),
        words=("attempts", "export", "done", "-o", "mine"),
        needs_run=True,
    ),
    Bad("a regrade of nothing", ("no run 'gone'",), words=("regrade", "gone"), code=3),
    Bad(
        "a regrade of nobody's attempts",
        ("no candidate 'c999'",),
        words=("regrade", "done", "--candidate", "c999"),
        code=3,
        needs_run=True,
    ),
    Bad(
        "a regrade of a task that nobody attempted",
        ("no attempt of these has ended", "attempts list"),
        words=("regrade", "done", "--task", "gone"),
        needs_run=True,
    ),
    Bad(
        "a job that is not there",
        ("no Harbor job 'gone'",),
        words=("attempts", "import", "gone", "done"),
        code=3,
        needs_run=True,
    ),
    Bad(
        "a folder that is no job",
        ("mine: holds no trials", "right below it"),
        lose("mine/tools"),
        words=("attempts", "import", "mine", "done"),
        needs_run=True,
    ),
    Bad(
        "a trial's result that is no JSON",
        ("job/a__1/result.json: cannot be read as JSON",),
        hold("job/a__1/result.json", "{"),
        words=("attempts", "import", "job", "done"),
        needs_run=True,
    ),
    Bad(
        "a trial's reward that is no number",
        ("job/a__1/result.json: `verifier_result.rewards.reward`",),
        hold("job/a__1/result.json", TRIAL.replace("0.5", '"good"')),
        words=("compare", "done", "job"),
        needs_run=True,
    ),
    Bad(
        "fresh attempts of an imported agent",
        ("nothing here can run its agent", "--attempts"),
        hold("job/a__1/result.json", TRIAL),
        words=("compare", "done", "job", "--attempts", "1"),
        needs_run=True,
    ),
    Bad("tasks to check that are not there", ("no file or folder 'gone'",), words=("tasks", "check", "gone"), code=3),
]
PLACES = [
    Bad(
        "a runs folder that is a file",
        ("prices.yaml", "--runs-dir"),
        words=(*NAMED, "--runs-dir", "prices.yaml"),
    ),
    Bad(
        "a runs folder below a file",
        ("prices.yaml/runs",),
        words=(*NAMED, "--runs-dir", "prices.yaml/runs"),
    ),
    Bad(
        "runs listed in a file",
        ("is a file, not a folder of runs",),
        words=("runs", "list", "--runs-dir", "prices.yaml"),
    ),
    Bad(
        "a variable that names a file",
        ("prices.yaml",),
        words=NAMED,
        env={"RATCHET_RUNS_DIR": "prices.yaml"},
    ),
    Bad(
        "a read-only place",
        ("/proc/ratchet",),
        words=NAMED,
        env={"RATCHET_RUNS_DIR": "/proc/ratchet"},
    ),
    Bad(
        "no docker engine",
        ("the docker sandbox does not work here", "ratchet doctor"),
        swap("sandbox: {kind: process}", "sandbox: {kind: docker}"),
        env={"DOCKER_HOST": "unix:///nowhere/docker.sock"},
        code=6,
    ),
    Bad(
        "no sandbox for a real model",
        ("the process sandbox isolates nothing", "allow_unsafe"),
        swap("task: {model: simulated}", "task: {model: claude-haiku-5-5}"),
        env={"ANTHROPIC_API_KEY": "not-a-key"},
        code=6,
    ),
]
BAD_INPUTS = [*RUN_FILES, *FILES, *HARNESSES, *TASKS, *FLAGS, *RUNS, *PLACES]
