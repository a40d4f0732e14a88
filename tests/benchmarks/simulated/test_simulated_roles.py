from __future__ import annotations

import itertools
import json
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from benchmarks.simulated import ProposalMix, RefereeRates, ReflectorRates, SimulatedModel, SimulatedSettings
from benchmarks.simulated._look_tool import SCRIPT, tool_yaml
from benchmarks.simulated.catalogue import SLIPS
from benchmarks.simulated.detector import read_request
from benchmarks.simulated.fault_script import FaultFile, FaultScript
from benchmarks.simulated.profile import knows_answer, profile
from benchmarks.simulated.proposer import drawn_kind
from benchmarks.simulated.settings import ContractSlips, ReviewerRates
from benchmarks.simulated.tool_trial import try_tools
from benchmarks.simulated.truth import read_harness
from task_agent.harness import HarnessBundle, validate
from task_agent.models.base import WireRequest
from task_agent.models.loopback import LoopbackServer
from task_agent.sandbox.process import ProcessSandbox

YAML = tool_yaml(SLIPS["header_offset"])
TOOLS = ("list_attempts", "read_trace", "query_traces", "read_file", "edit_file", "submit_change")
KINDS = ("good", "useless", "harmful", "overfit")
SYSTEM, SPEC = "prompts/system.md", "harness.yaml"
PROMPT = "You solve tasks on a Linux machine with the bash tool.\n"


def _model(suite, kind: str = "good", **rates: float) -> SimulatedModel:
    mix = ProposalMix(**{name: float(name == kind) for name in KINDS})
    return SimulatedModel(suite, SimulatedSettings(mix=mix, reflector=ReflectorRates(**rates)))


@dataclass
class Desk:
    """Answer a proposer's tools from a few made-up traces, and keep what it does."""

    traces: Mapping[str, tuple[str, str]]
    overview: str = "Champion: c000 (harness abc)\nSlot: 1"
    refusals: int = 0
    objections: int = 0
    tries: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=lambda: {SYSTEM: PROMPT, SPEC: "name: bash-only\n"})
    log: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    mechanisms: list[set[str]] = field(default_factory=list)

    def use(self, name: str, given: dict[str, Any]) -> tuple[str, bool]:
        self.log.append((name, given))
        if name == "submit_change":
            self.mechanisms.append({path.split("/")[0] for path, text in self.files.items() if _is_new(path, text)})
        if name == "try_change":
            said = self.tries.pop(0)
            return said, said == "error"
        if name == "list_attempts":
            rows = [attempt for attempt, (outcome, _) in self.traces.items() if outcome == given["outcome"]]
            return "\n".join(json.dumps({"attempt": row, "task": row.split("/")[1]}) for row in rows), False
        if name in ("read_trace", "read_digest"):
            return self.traces[given["attempt"]][1], False
        if name == "read_file":
            return self.files.get(given["path"], "\n".join(self.files)), False
        if name == "edit_file":
            self.files[given["path"]] = given["new"]
        elif name == "submit_change" and self.refusals:
            self.refusals -= 1
            return "outside the edit surface", True
        elif name == "submit_change" and self.objections:
            self.objections -= 1
            return "not submitted yet; a reviewer objects: leave the tool out", False
        return "ok", False

    def submissions(self) -> list[dict[str, Any]]:
        return [given for name, given in self.log if name == "submit_change"]


def _is_new(path: str, text: str) -> bool:
    """Say whether a file of the working copy differs from the seed's."""
    return bool(text) and text not in (PROMPT, "name: bash-only\n")


def _work(model: SimulatedModel, desk: Desk, user_id: str, offered: Sequence[str] = TOOLS) -> dict[str, Any]:
    """Let the proposer work until it stops; gives its last submission."""
    messages: list[dict[str, Any]] = [{"role": "user", "content": desk.overview}]
    tools = [{"name": name, "description": "", "input_schema": {}} for name in offered]
    body = {"model": "simulated", "system": "", "tools": tools, "messages": messages, "metadata": {"user_id": user_id}}
    while True:
        reply = model(WireRequest("/v1/messages", body)).body
        calls = [block for block in reply["content"] if block["type"] == "tool_use"]
        answers = [(call["id"], *desk.use(call["name"], call["input"])) for call in calls]
        if not calls or (calls[-1]["name"] == "submit_change" and answers[-1][1] == "ok"):
            return desk.submissions()[-1]
        results = [
            {"type": "tool_result", "tool_use_id": made, "content": text, "is_error": bad}
            for made, text, bad in answers
        ]
        messages += [{"role": "assistant", "content": reply["content"]}, {"role": "user", "content": results}]


def _traces(**causes: int) -> dict[str, tuple[str, str]]:
    return {
        f"c000/{slip}-{number}/a00": ("failed", f"I think. {SLIPS[slip].telltales[number % 3]}")
        for slip, count in causes.items()
        for number in range(count)
    }


def _slips_of(desk: Desk) -> set[str]:
    added = {finding.slip for finding in read_request(desk.files[SYSTEM], ()).findings if finding.helps}
    tools = {slip for slip in SLIPS if f"tools/show_{slip}/run" in desk.files}
    checker = {f.slip for f in read_request(desk.files.get("prompts/verifier.md", ""), ()).findings}
    return added | tools | checker


def test_a_good_proposal_remedies_the_commonest_cause_it_read(suite):
    about = Counter[str]()
    for user in range(40):
        desk = Desk(_traces(wrong_path=6, date_format=2))
        claim = _work(_model(suite), desk, str(user))
        about.update(_slips_of(desk))
        assert set(claim["evidence"]) <= set(desk.traces)
        assert claim["prediction"]["fixes"]
    assert about["wrong_path"] >= 28
    assert about["wrong_path"] + about["date_format"] == 40


@pytest.mark.parametrize(
    ("brief", "slip", "path"),
    [("tools", "header_offset", "tools/show_header_offset/run"), ("orchestration", "wrong_path", SPEC)],
)
def test_a_good_proposal_is_of_the_kind_its_brief_asks_for(suite, brief, slip, path):
    for user in range(8):
        opening = f"Champion: c000 (harness abc)\nBrief: {brief}. So.\nSlot: 1"
        desk = Desk(_traces(**{slip: 6}), overview=opening)
        before = dict(desk.files)
        _work(_model(suite), desk, str(user))
        assert desk.files.get(path) != before.get(path)


def test_structures_are_proposed_only_where_a_run_file_lets_it_and_are_valid_harnesses(suite):
    opening = "Champion: c000 (harness abc)\nBrief: orchestration. So.\nSlot: 1"
    titles: dict[bool, set[str]] = {False: set(), True: set()}
    for allowed, cause, user in itertools.product((False, True), ("stops_early", "header_offset"), range(12)):
        mix = ProposalMix(good=1.0, useless=0.0, harmful=0.0, overfit=0.0)
        model = SimulatedModel(suite, SimulatedSettings(mix=mix, structures=allowed))
        desk = Desk(_traces(**{cause: 6}), overview=opening)
        titles[allowed].add(_work(model, desk, str(user))["title"])
        bundle = HarnessBundle({path: text.encode() for path, text in desk.files.items()})
        validate(bundle)
        assert read_harness(bundle) is not None
    structures = {
        "Show the environment first",
        "Ask for a last look",
        "Plan before the work",
        "Choose among three drafts",
        "Let a helper look at the inputs",
    }
    assert titles[True] >= structures
    assert not titles[False] & structures


def test_asked_to_simplify_it_takes_out_what_says_nothing_first(suite):
    desk = Desk(_traces(wrong_path=6), overview="Champion: c000 (harness abc)\nBrief: simplify. So.\nSlot: 1")
    desk.files[SYSTEM] = f"{PROMPT}Be proud of your work and of your colleagues.\n"
    _work(_model(suite), desk, "u")
    assert desk.files[SYSTEM] == PROMPT


def test_a_claim_says_what_would_refute_it(suite):
    claim = _work(_model(suite), Desk(_traces(header_offset=5)), "u")
    named = ", ".join(claim["prediction"]["fixes"][:3])
    assert claim["refuted_by"] == f"Fresh attempts at {named} fail as often as before."


def test_evidence_and_prediction_name_what_it_saw_failing_that_way(suite):
    desk = Desk(_traces(header_offset=5))
    claim = _work(_model(suite), desk, "u")
    read = [given["attempt"] for name, given in desk.log if name == "read_trace"]
    assert len(read) >= 3
    assert set(claim["evidence"]) <= set(read)
    assert all(task.startswith("header_offset") for task in claim["prediction"]["fixes"])


def test_with_blanked_traces_it_guesses_no_better_than_chance(suite):
    hits = 0
    for user in range(240):
        blank = {attempt: (outcome, "") for attempt, (outcome, _) in _traces(wrong_path=8).items()}
        desk = Desk(blank)
        _work(_model(suite), desk, str(user))
        hits += "wrong_path" in _slips_of(desk)
    assert hits / 240 < 2.2 / len(SLIPS)


def test_what_is_remedied_is_not_proposed_again(suite):
    for user in range(12):
        desk = Desk(_traces(wrong_path=6, date_format=2))
        desk.files[SYSTEM] += SLIPS["wrong_path"].guidance[0]
        _work(_model(suite), desk, str(user))
        assert "date_format" in _slips_of(desk)


def test_the_title_of_an_earlier_candidate_is_not_used_again(suite):
    overview, titles = "Champion: c000 (x)\nSlot: 1", []
    for number in range(5):
        desk = Desk(_traces(encoding=4), overview)
        titles.append(_work(_model(suite), desk, f"same-{number}")["title"])
        overview += f"\n- c00{number} {titles[-1]!r}: reject"
    assert len(set(titles)) == 5


def test_a_refused_change_is_taken_back_and_another_one_made(suite):
    desk = Desk(_traces(wrong_path=6), refusals=2)
    _work(_model(suite), desk, "u")
    titles = [claim["title"] for claim in desk.submissions()]
    assert len(set(titles)) == 3
    assert len(_slips_of(desk)) == 1


def test_useless_proposals_change_nothing_the_agent_heeds(suite):
    for user in range(20):
        desk = Desk(_traces(wrong_path=6))
        _work(_model(suite, "useless"), desk, str(user))
        reading = read_request(desk.files[SYSTEM], ())
        assert (reading.findings, reading.cost) == ((), 0.0)


def test_harmful_proposals_ask_for_slips_take_remedies_away_or_flood(suite):
    for user in range(20):
        desk = Desk(_traces(wrong_path=6))
        desk.files[SYSTEM] += SLIPS["rounding"].guidance[0] + "\n"
        _work(_model(suite, "harmful"), desk, str(user))
        reading = read_request(desk.files[SYSTEM], ())
        lost = not any(finding.slip == "rounding" and finding.helps for finding in reading.findings)
        assert lost or reading.cost > 0.02 or any(not finding.helps for finding in reading.findings)


def test_overfit_proposals_copy_what_stood_in_train_traces(suite):
    task = suite.tasks[0]
    answer = task.metadata["answer_keys"][0]
    text = f"<task>\n    {task.instruction}</task>\n[9] tool_result · bash\n    {answer}\n    [exit code 0]\n"
    desk = Desk({**_traces(header_offset=2), "c000/one/a00": ("passed", text)})
    _work(_model(suite, "overfit"), desk, "u")
    assert knows_answer(read_request(desk.files[SYSTEM], ()), profile(task))
    assert not any(knows_answer(read_request(desk.files[SYSTEM], ()), profile(other)) for other in suite.tasks[1:])


async def test_the_tool_it_writes_gives_a_result_on_every_family(suite, harness):
    files = {f"tools/show_header_offset/{name}": text for name, text in (("tool.yaml", YAML), ("run", SCRIPT.decode()))}
    bundle = harness(files=files)
    claimed = [task for task in suite.tasks if "header_offset" in task.metadata["slips"]]
    one_each = list({task.category: task for task in claimed}.values())
    works = await try_tools(bundle, one_each, ProcessSandbox)
    assert all(works("show_header_offset", task) for task in one_each)


def test_the_mix_of_the_run_file_is_what_comes(suite):
    settings = SimulatedSettings(mix=ProposalMix(good=0.5, useless=0.25, harmful=0.15, overfit=0.1))
    counts = Counter(drawn_kind(str(user), settings) for user in range(4000))
    assert [counts[kind] / 4000 for kind in KINDS] == pytest.approx([0.5, 0.25, 0.15, 0.1], abs=0.025)


def test_a_mix_that_does_not_add_up_is_refused():
    with pytest.raises(ValueError, match=r"add up to 1\.2"):
        ProposalMix(good=0.6, useless=0.2, harmful=0.2, overfit=0.2)


def _judged(model: SimulatedModel, added: str, user_id: str, more: str = "") -> dict[str, Any]:
    diff = f"--- a/{SYSTEM}\n+++ b/{SYSTEM}\n@@ -1 +1,2 @@\n {PROMPT}+{added}\n"
    body = {
        "model": "simulated",
        "tools": [{"name": "report_reflection", "description": "", "input_schema": {}}],
        "messages": [{"role": "user", "content": f"<diff>\n{diff}</diff>\n<tasks>\nsome\n</tasks>{more}"}],
        "metadata": {"user_id": user_id},
    }
    found: dict[str, Any] = model(WireRequest("/v1/messages", body)).body["content"][-1]["input"]
    return found


def test_the_reflector_errs_at_the_configured_rates(suite):
    model = _model(suite, detection=0.8, false_alarm=0.1)
    leak = f"The answer is {suite.tasks[0].metadata['answer_keys'][0]}."
    caught = [_judged(model, leak, str(user)) for user in range(1500)]
    alarms = [_judged(model, SLIPS["encoding"].guidance[0], str(user)) for user in range(1500)]
    assert sum(report["overfit"] for report in caught) / 1500 == pytest.approx(0.8, abs=0.03)
    assert sum(report["overfit"] for report in alarms) / 1500 == pytest.approx(0.1, abs=0.025)
    assert all(report["quotes"] == [leak] for report in caught if report["overfit"])


def test_the_referee_errs_at_rates_of_its_own_whatever_it_is_told(suite):
    referee = RefereeRates(detection=0.7, false_alarm=0.2)
    model = SimulatedModel(
        suite, SimulatedSettings(reflector=ReflectorRates(detection=0, false_alarm=1), referee=referee)
    )
    leak = f"The answer is {suite.tasks[0].metadata['answer_keys'][0]}."
    for finds in ("OVERFITTED", "WORTH HAVING"):
        told = f'<finding name="A">\nfinds: {finds}\nbecause: so\nquoted: no line of the diff\n</finding>'
        caught = [_judged(model, leak, str(user), told)["overfit"] for user in range(1500)]
        alarms = [_judged(model, SLIPS["encoding"].guidance[0], str(user), told)["overfit"] for user in range(1500)]
        assert sum(caught) / 1500 == pytest.approx(0.7, abs=0.035)
        assert sum(alarms) / 1500 == pytest.approx(0.2, abs=0.035)


@pytest.mark.parametrize("side", ["OVERFITTED", "WORTH HAVING"])
def test_the_advocate_argues_the_side_it_is_given(suite, side):
    model = _model(suite, detection=0.0, false_alarm=0.0)
    told = f"\n\n<side>\nYou argue: {side}\n</side>"
    report = _judged(model, "Look twice.", "u", told)
    assert report["overfit"] is (side == "OVERFITTED")
    assert bool(report["quotes"]) is (side == "OVERFITTED")


def test_the_reflector_knows_file_names_and_wordings_of_tasks(suite):
    model = _model(suite, detection=1.0, false_alarm=0.0)
    task = suite.tasks[0]
    words = " ".join(task.instruction.split()[:14])
    assert _judged(model, f"When it says: {words}, be quick.", "u")["overfit"]
    assert _judged(model, f"Mind {min(task.environment.files)} in particular.", "u")["overfit"]
    for slip in SLIPS.values():
        assert not any(_judged(model, text, "u")["overfit"] for text in slip.guidance)


# The reviewer ------------------------------------------------------------------------------------

PROMPT_ONLY = "--- a/prompts/system.md\n+++ b/prompts/system.md\n@@\n+Look first.\n"
WITH_TOOL = f"{PROMPT_ONLY}--- /dev/null\n+++ b/tools/show/tool.yaml\n--- /dev/null\n+++ b/tools/show/run\n"
PATTERN = "--- a/harness.yaml\n+++ b/harness.yaml\n--- /dev/null\n+++ b/prompts/verifier.md\n"


def _review(suite, diff: str, refuted_by: str = "sum-01 fails again", user_id: str = "u", **rates: float):
    settings = SimulatedSettings(reviewer=ReviewerRates(**{"detection": 1.0, "false_alarm": 0.0, **rates}))
    contract = json.dumps({"predicted_fixes": ["sum-01"], "refuted_by": refuted_by})
    asked = f"<contract>\n{contract}\n</contract>\n\n<diff>\n{diff}</diff>"
    body = {
        "model": "simulated",
        "system": "",
        "tools": [{"name": "report_review", "description": "", "input_schema": {}}],
        "messages": [{"role": "user", "content": asked}],
        "metadata": {"user_id": user_id},
    }
    reply = SimulatedModel(suite, settings)(WireRequest("/v1/messages", body)).body
    found = next(block["input"] for block in reply["content"] if block["type"] == "tool_use")
    return found["one_mechanism"], found["refutable"], found["objection"]


@pytest.mark.parametrize(("diff", "single"), [(PROMPT_ONLY, True), (PATTERN, True), (WITH_TOOL, False)])
def test_the_reviewer_counts_mechanisms(suite, diff, single):
    assert _review(suite, diff)[:2] == (single, True)
    assert bool(_review(suite, diff)[2]) is not single


def test_the_reviewer_asks_for_something_one_could_see(suite):
    single, refutable, objection = _review(suite, PROMPT_ONLY, "it does not help")
    assert (single, refutable) == (True, False)
    assert "Name the tasks" in objection


def test_the_reviewer_errs_as_often_as_the_settings_say(suite):
    seen = [_review(suite, PROMPT_ONLY, user_id=str(n), false_alarm=0.3)[2] for n in range(200)]
    missed = [_review(suite, WITH_TOOL, user_id=str(n), detection=0.6)[2] for n in range(200)]
    assert 40 <= sum(map(bool, seen)) <= 80
    assert 60 <= sum(not text for text in missed) <= 100


def test_a_proposer_amends_what_a_reviewer_objects_to(suite):
    contract = ContractSlips(vague=1.0, mixed=1.0)
    mix = ProposalMix(**{name: float(name == "good") for name in KINDS})
    desk = Desk(_traces(wrong_path=6), objections=1)
    claim = _work(SimulatedModel(suite, SimulatedSettings(mix=mix, contract=contract)), desk, "3")
    first = desk.submissions()[0]
    assert claim["title"] == first["title"]
    assert "wrong_path" in claim["refuted_by"]
    assert "wrong_path" not in first["refuted_by"]
    assert len(desk.mechanisms[0]) == 2
    assert len(desk.mechanisms[1]) == 1


# The analyst, and proposers that see less ---------------------------------------------------------

TELLTALE = SLIPS["header_offset"].telltales[0]
TRACE = f"""c000/one/a00
15 events

== main, turn 1 ==
[3] model · simulated
    First a look at the inputs.

== main, turn 2 ==
[6] model · simulated
    {TELLTALE}
[7] tool_call · bash
    $ awk 1 in.csv
"""


def _digest(suite, trace: str) -> dict[str, Any]:
    messages = [{"role": "user", "content": f"<trace>\n{trace}\n</trace>"}]
    tools = [{"name": "report_digest", "description": "", "input_schema": {}}]
    body = {"model": "simulated", "system": "", "tools": tools, "messages": messages}
    reply = SimulatedModel(suite)(WireRequest("/v1/messages", body)).body
    return dict(next(block["input"] for block in reply["content"] if block["type"] == "tool_use"))


def test_the_analyst_names_the_telltale_it_reads_and_where(suite) -> None:
    told = _digest(suite, TRACE)
    assert (told["cause"], told["event"], told["quote"]) == ("header offset", 6, TELLTALE)


def test_the_analyst_names_nothing_that_does_not_stand_in_the_trace(suite) -> None:
    told = _digest(suite, TRACE.replace(TELLTALE, "I count the lines."))
    assert (told["cause"], told["quote"]) == ("", "")


def _diagnoses(suite, offered: Sequence[str], text: str) -> Counter[str]:
    """Count the slips that good proposals of 60 sessions are about, when every failure shows the same text."""
    failures = {f"c000/task-{n}/a00": ("failed", text) for n in range(4)}
    found: Counter[str] = Counter()
    for number in range(60):
        desk = Desk(failures)
        done = _work(_model(suite), desk, f"token-{number}", offered)
        assert done["evidence"], "a claim names attempts, also one that is a guess"
        title = done["title"].removesuffix(" with a tool").partition(" (")[0]
        found[title] += 1
    return found


def test_a_proposer_works_from_the_view_it_is_given(suite) -> None:
    digests, scores = (("list_attempts", *reader, *TOOLS[3:]) for reader in (("read_digest",), ()))
    cause = SLIPS["header_offset"].title
    assert _diagnoses(suite, TOOLS, TRACE)[cause] == 60
    assert _diagnoses(suite, digests, f"c000/one/a00 at [6]\ncause: header offset\nquote: {TELLTALE}")[cause] == 60
    blind = _diagnoses(suite, scores, TRACE)
    assert blind == _diagnoses(suite, TOOLS, "(this session shows no traces)")
    assert blind[cause] <= 12, "chance is 60 / 16"


# Trying ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "names"),
    [
        (("2 of 3 passed; 3 attempts are left",), ["try_change", "submit_change"]),
        (("0 of 3 passed; 3 attempts are left", "1 of 3 passed; 0 attempts are left"), ["try_change"] * 2),
        (("error",), ["try_change", "submit_change"]),
    ],
)
def test_a_proposer_tries_where_it_may_and_drops_what_comes_to_nothing(suite, outcomes, names):
    desk = Desk(_traces(header_offset=6), tries=list(outcomes))
    claim = _work(_model(suite), desk, "3", offered=(*TOOLS, "try_change"))
    asked = [given["tasks"] for name, given in desk.log if name == "try_change"]
    assert all(set(tasks) <= set(claim["prediction"]["fixes"]) for tasks in asked)
    assert [name for name, _ in desk.log if name in ("try_change", "submit_change")][: len(names)] == names
    assert len({edit["new"] for name, edit in desk.log if name == "edit_file"}) >= len(outcomes)


ASK = '{"model": "m", "messages": [{"role": "user", "content": "hi"}]'
UNREADABLE = [
    "[" * 100_000,
    f'{ASK}, "metadata": {{"a": {"[" * 300}{"]" * 300}}}}}',
    f'{ASK}, "system": "\\ud800"}}',
    "[1]",
    "{",
    f'{ASK}, "tools": "x"}}',
    f'{ASK}, "tools": [1]}}',
    f'{ASK}, "system": 5}}',
    f'{ASK}, "metadata": "me"}}',
    '{"messages": "hi"}',
    '{"messages": ["hi"]}',
    '{"messages": [{"role": "user", "content": [1]}]}',
    '{"messages": [{"role": "user", "content": [{"type": "text", "text": null}]}]}',
    '{"messages": [{"role": "user", "content": [{"type": "tool_use", "input": "x"}]}]}',
    '{"messages": [{"role": "user", "content": [{"type": "tool_result", "content": [1]}]}]}',
]


def test_a_body_that_cannot_be_read_is_a_400_in_the_apis_shape_and_no_traceback(
    model: SimulatedModel, capfd: pytest.CaptureFixture[str]
) -> None:
    script = FaultScript(FaultFile.model_validate({"faults": [{"fault": "blocked"}]}))
    with LoopbackServer(model, script=script) as server:
        for body in UNREADABLE:
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(f"{server.base_url}/v1/messages", body.encode(), timeout=20)
            said = json.load(refused.value)
            assert (refused.value.code, said["type"]) == (400, "error"), body[:80]
            assert said["error"]["type"] == "invalid_request_error"
            assert "content filtering" not in said["error"]["message"]
            refused.value.close()
    assert capfd.readouterr().err == ""
