"""What is wrong in a run file, or with what it names."""

from __future__ import annotations

from .bad import Bad, hold, lose, one_by_one, swap
from .desk import TRIAL

ROWS = [
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
