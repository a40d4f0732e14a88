"""Asking for a change: the proposer gets train alone, public words, and one slot at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.task import Task
from optimizer.attempt_spec import AttemptSpec
from optimizer.propose import Jail
from optimizer.sessions.proposing import history, propose_change, train_attempts
from optimizer.sessions.reflecting import reflect_on
from optimizer.stages.draws import OutageError
from optimizer.stages.examine import check, diff_of, screen_on_train
from optimizer.stages.gatekeeper import look_at, reserve
from optimizer.stages.measure import baseline
from optimizer.stages.preflight import preflight
from task_agent.errors import ProviderUnavailableError
from task_agent.models.base import ModelReply
from task_agent.models.scripted import ScriptedModel, Step, call, say
from task_agent.sandbox import probe
from traces.event import TokenUsage
from traces.store import TraceStore

Rates = Callable[..., Callable[[AttemptSpec], float | None]]
Worlds = Callable[..., Any]  # Any: the World of conftest.py
PROMPT = "prompts/system.md"
USAGE = TokenUsage(1000, 50)


def edit(text: str) -> ModelReply:
    return call("edit_file", {"path": PROMPT, "new": text}, usage=USAGE, cost_usd=0.10)


def submit(title: str = "look first") -> ModelReply:
    claim = {
        "title": title,
        "hypothesis": "the header is not in the first row",
        "refuted_by": "It fails as often with the header found.",
        "evidence": ["c000/sums-00/a00"],
        "prediction": {"fixes": ["sums-00"], "at_risk": ["sums-01"]},
    }
    return call("submit_change", claim, usage=USAGE, cost_usd=0.10)


def proposal(text: str = "Look before you parse.\n", title: str = "look first") -> list[Step]:
    return [edit(text), submit(title)]


def measured(bench: Worlds, rates: Rates, proposer: list[Step], **more: Any) -> Any:  # Any: fields of World; a World
    world = bench(rates(1, {"c000": 0.4, "c001": 0.3}), proposer=proposer, **more)
    baseline(world.bench)
    return world


# A slot ------------------------------------------------------------------------------------------


def test_a_proposal_becomes_a_candidate_with_its_claim_and_its_bill(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, proposal())
    propose_change(world.bench, 1, "c000")
    row = world.ledger.candidates()[1]
    assert (row.id, row.slot, row.parent, row.title) == ("c001", 1, "c000", "look first")
    assert (row.evidence, row.fixes, row.at_risk) == (("c000/sums-00/a00",), ("sums-00",), ("sums-01",))
    assert world.bench.archive.load("c001").prompt("main") == "Look before you parse.\n"
    assert row.harness == world.bench.archive.load("c001").hash
    slot = world.ledger.slots()[0]
    assert (slot["candidate"], slot["tokens"], slot["turns"]) == ("c001", 2100, 2)
    assert slot["cost_usd"] == pytest.approx(0.20)


def test_no_proposal_uses_up_its_slot_and_says_why(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [say("nothing is wrong", cost_usd=0.5), say("I am done", cost_usd=0.5)])
    propose_change(world.bench, 1, "c000")
    state = world.ledger.state()
    assert (state.slots, state.since_keep, state.candidates) == (1, 1, ())
    assert world.ledger.slots()[0]["reason"] == "I am done"
    assert world.ledger.slots()[0]["cost_usd"] == pytest.approx(1.0)


@pytest.mark.parametrize(("limits", "words"), [({"turns": 2}, "turns"), ({"tokens": 500}, "tokens")])
def test_a_session_that_used_its_limits_counts_its_slot(
    limits: dict[str, int], words: str, bench: Worlds, rates: Rates
) -> None:
    looks: list[Step] = [call("list_attempts", {}, usage=USAGE) for _ in range(5)]
    world = measured(bench, rates, looks, settings={"proposer": limits})
    propose_change(world.bench, 1, "c000")
    assert world.ledger.state().slots == 1
    assert words in world.ledger.slots()[0]["reason"]


def test_a_session_cannot_spend_what_the_budget_lacks_or_certifying_needs(bench: Worlds, rates: Rates) -> None:
    looks: list[Step] = [call("list_attempts", {}, usage=USAGE, cost_usd=0.10) for _ in range(9)]
    world = measured(bench, rates, looks, settings={"stop": {"budget_usd": 0.50}})
    spent, kept_back = 3 * 0.01, 2 * 4 * 2 * 0.01 * 1.2
    propose_change(world.bench, 1, "c000")
    assert "USD are used" in world.ledger.slots()[0]["reason"]
    assert len(world.proposer.requests) == int((0.50 - spent - kept_back) / 0.10) + 1


def test_an_outage_leaves_the_slot_open_and_bills_what_was_used(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [edit("Half a thought.\n"), ProviderUnavailableError("down"), *proposal()])
    paid = world.ledger.spend().usd
    with pytest.raises(OutageError, match="the proposer's model is out of reach: down") as caught:
        propose_change(world.bench, 1, "c000")
    assert caught.value.hint == "ratchet resume r"
    assert world.ledger.state().slots == 0
    assert world.ledger.spend().usd - paid == pytest.approx(0.10)
    propose_change(world.bench, 1, "c000")
    assert world.ledger.state().slots == 1
    assert world.bench.archive.load("c001").prompt("main") == "Look before you parse.\n"
    assert world.ledger.spend().usd - paid == pytest.approx(0.30)


def test_a_session_that_dies_at_any_write_goes_on_without_paying_for_a_finished_step_again(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    steps = [call("list_attempts", {}, usage=USAGE, cost_usd=0.10), *proposal()]
    alone = measured(bench, rates, list(steps))
    alone.fuse.burnt = 0
    propose_change(alone.bench, 1, "c000")
    writes = alone.fuse.burnt
    assert writes > len(steps)
    for at in range(1, writes + 1):
        world = measured(bench, rates, list(steps))
        world.fuse.burnt, world.fuse.at = 0, at
        with pytest.raises(crash):
            propose_change(world.bench, 1, "c000")
        world.close()
        world.open()
        if not world.ledger.slots():
            propose_change(world.bench, 1, "c000")
        assert len(world.proposer.requests) == len(steps), at
        assert world.history() == alone.history(), at
        assert world.ledger.spend() == alone.ledger.spend(), at
        assert not (world.folder.path / "proposer/s001.jsonl").exists() or at == writes


def test_a_session_that_is_killed_stays_on_the_bill(bench: Worlds, rates: Rates, crash: type[BaseException]) -> None:
    world = measured(bench, rates, proposal())
    paid = world.ledger.spend().usd
    world.fuse.burnt, world.fuse.at = 0, 4  # after the first request's bill
    with pytest.raises(crash):
        propose_change(world.bench, 1, "c000")
    world.close()
    world.open()
    assert world.ledger.spend().usd - paid == pytest.approx(0.10)


def test_a_session_that_would_ask_otherwise_goes_on_without_what_was_kept_and_pays_for_both(
    bench: Worlds, rates: Rates
) -> None:
    first = [edit("Half a thought.\n"), ProviderUnavailableError("down")]
    world = measured(bench, rates, [*first, *proposal()])
    with pytest.raises(OutageError):
        propose_change(world.bench, 1, "c000")
    journal = world.folder.path / "proposer/s001.jsonl"
    kept = journal.read_text().splitlines()
    asked = next(at for at, line in enumerate(kept) if '"kind": "reply"' in line)
    kept[asked] = kept[asked].replace('"key": "', '"key": "0')
    journal.write_text("\n".join(kept) + "\n" + '{"torn')
    propose_change(world.bench, 1, "c000")
    assert world.bench.archive.load("c001").prompt("main") == "Look before you parse.\n"
    assert world.ledger.slots()[0]["cost_usd"] == pytest.approx(0.30)


def test_sessions_of_a_slot_always_carry_the_same_opaque_token(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [*proposal(), *proposal("Another.\n")])
    propose_change(world.bench, 1, "c000")
    propose_change(world.bench, 2, "c000")
    tokens = [request.user_id for request in world.proposer.requests]
    assert tokens[0] == tokens[1] != tokens[2] == tokens[3]
    assert all(token and len(token) == 64 for token in tokens)


def test_the_next_proposal_starts_from_the_champion_of_the_hour(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [*proposal("First way.\n"), *proposal("Second way.\n")])
    propose_change(world.bench, 1, "c000")
    propose_change(world.bench, 2, "c001")
    assert world.ledger.candidates()[2].parent == "c001"
    assert "-First way." in diff_of(world.bench, "c002", "c001")
    assert "c001" in str(world.proposer.requests[2].messages[0].content)


# What the proposer may see -------------------------------------------------------------------------

SECRET = "zq7-canary"


def secretive(a_task: Callable[..., Task], *, per_split: int = 6) -> list[Task]:
    """Make tasks of which everything but train holds the canary: ids, instructions, files, verifier, solution."""
    names = [f"{split}{n}" for split in ("", SECRET, SECRET) for n in range(per_split)]
    return [
        a_task(
            number,
            name if name.startswith(SECRET) else "sums",
            tests={"test.sh": f"echo {SECRET}".encode()},
            solution={"solve.sh": f"echo {SECRET}".encode()},
            metadata={"answer_keys": [SECRET]},
        )
        for number, name in enumerate(names)
    ]


def every_byte(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        yield str(path.relative_to(folder)), b""
        if path.is_file():
            yield str(path.relative_to(folder)), path.read_bytes()


LOOK = "cat $(find /workspace /logs -type f); env; cat /proc/*/environ /proc/*/cmdline; ls -lR /workspace /tmp /logs"
JAILS = [
    pytest.param(None, id="no shell"),
    pytest.param(Jail("bubblewrap"), marks=pytest.mark.bubblewrap, id="bubblewrap"),
    pytest.param(Jail("docker"), marks=pytest.mark.docker, id="docker"),
]


@pytest.mark.parametrize("jail", JAILS)
def test_nothing_of_held_out_and_test_reaches_the_workspace_or_the_session(
    bench: Worlds, rates: Rates, a_task: Callable[..., Task], jail: Jail | None
) -> None:
    if jail is not None and not probe(jail.kind).ok:
        pytest.skip(f"no {jail.kind} here")
    sql = call("query_traces", {"sql": "SELECT DISTINCT split, task FROM events"})
    tasks = secretive(a_task)
    look = [call("bash", {"command": LOOK})] if jail is not None else []
    steps = [call("list_attempts", {"limit": 200}), sql, *look, *proposal()]
    world = bench(rates(1, {}), tasks=tasks, sizes=(6, 6, 6), proposer=steps, settings={"replicates": {"preflight": 1}})
    world.script.traced = ("train", "heldout", "test")
    preflight(world.bench)
    baseline(world.bench)
    assert SECRET in str(TraceStore(world.folder.traces).attempts(split="heldout"))
    world.bench = replace(world.bench, jail=jail)
    propose_change(world.bench, 1, "c000")
    folder = world.folder.path / "proposer/s001"
    for name, content in every_byte(folder):
        assert SECRET not in name
        assert SECRET.encode() not in content, name
        assert b"ledger.sqlite" not in content, name
        assert str(world.folder.path).encode() not in content, name
    store = TraceStore(folder / "traces")
    assert store.attempts() == store.attempts(split="train") != []
    for attempt in store.attempts():
        assert SECRET not in str(store.read_attempt(attempt))
    seen = str(world.proposer.requests)
    assert "Do the work number 0 of sums" in seen or "sums-00" in seen
    assert SECRET not in seen
    assert "heldout" not in seen
    assert jail is None or "Held-out and test tasks, their traces and scores" in seen, "the shell printed its files"


def test_only_finished_train_attempts_are_listed(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [], settings={"replicates": {"preflight": 1, "baseline": 2}})
    preflight(world.bench)
    views = train_attempts(world.bench)
    assert {view.task for view in views} == set(world.splits.train)
    assert len(views) == 6


def test_earlier_candidates_are_shown_by_train_score_public_words_and_what_became_of_their_prediction(
    bench: Worlds, rates: Rates
) -> None:
    world = measured(
        bench,
        rates,
        [*proposal(), *proposal("Another.\n")],
        sizes=(6, 12, 4),
        reflector=[say("no")] * 2,
        settings={"gate": {"screen_t": None}},
    )
    propose_change(world.bench, 1, "c000")
    for stage in (check, reflect_on, screen_on_train):
        stage(world.bench, "c001", "c000")
    reserve(world.bench, "c001", "c000")
    while "c001" not in world.ledger.verdicts():
        look_at(world.bench, "c001", "c000", len(world.ledger.looks("c001")), keep_back_usd=0.0)
    row = world.ledger.verdicts()["c001"]
    assert row.cause == "not_better"
    propose_change(world.bench, 2, "c000")
    folder = world.folder.path / "proposer/s002/candidates/c001"
    about = json.loads((folder / "about.json").read_text())
    assert (about["verdict"], about["reason"]) == ("reject", row.public)
    assert about["prediction"] == {"fixes": ["sums-00"], "at_risk": ["sums-01"]}
    assert about["evidence"] == ["c000/sums-00/a00"]
    assert about["prediction_outcome"].endswith("so part of it is luck")
    assert "+Look before you parse." in (folder / "diff.patch").read_text()
    looks = [look.record for look in world.ledger.looks("c001")]
    private = {record[key] for record in looks for key in ("statistic", "se", "mean", "p", "level") if record[key]}
    private |= {bound for record in looks for bound in record["interval"] or ()}
    files = "".join(f"{name}\n{content.decode(errors='replace')}\n" for name, content in every_byte(folder.parents[1]))
    seen = str(world.proposer.requests[2:]) + files
    assert len(private) > 3
    assert not any(f"{number:.4f}"[:6] in seen or str(number) in seen for number in private)
    telling = ("statistic", "look 1", "interval", "held-out attempts", "gate/", "heldout")
    assert not any(word in seen for word in telling)
    assert not any(task in seen for task in (*world.splits.heldout, *world.splits.test))


def test_screen_and_gate_rejections_look_alike(bench: Worlds, rates: Rates) -> None:
    from optimizer.stages.verdicts import decide

    world = measured(bench, rates, [])
    for slot, cause in ((1, "worse_on_train"), (2, "not_better")):
        decide(world.bench, world.add(slot, {PROMPT: f"Way {slot}.\n"}), cause, {"t": -3.0})
    first, second = history(world.bench)
    assert (first.verdict, first.public_reason) == (second.verdict, second.public_reason)


def test_a_candidate_still_open_is_not_in_the_history(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [])
    world.add(1, {PROMPT: "Open.\n"})
    assert history(world.bench) == []


def test_blanked_traces_reach_the_session_as_nothing(bench: Worlds, rates: Rates) -> None:
    steps: list[Step] = [call("read_trace", {"attempt": "c000/sums-00/a00"}), say("no"), say("no")]
    seen = {}
    for view in ("traces", "blanked"):
        world = measured(bench, rates, list(steps), settings={"proposer": {"view": view}})
        propose_change(world.bench, 1, "c000")
        seen[view] = "I work on sums-00" in str(world.proposer.requests[1].messages)
    assert seen == {"traces": True, "blanked": False}


# What a session is asked for ---------------------------------------------------------------------


def opening(world: Any, session: int) -> str:  # Any: a World of conftest.py
    return str(world.proposer.requests[2 * session].messages[0].content[0]["text"])


def test_a_contract_stands_in_the_ledger_with_what_would_refute_it(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, proposal())
    propose_change(world.bench, 1, "c000")
    assert world.ledger.candidates()[1].refuted_by == "It fails as often with the header found."


def test_briefs_are_dealt_in_turn_recorded_first_and_told(bench: Worlds, rates: Rates) -> None:
    settings = {"proposer": {"briefs": ["simplify", "tools"]}}
    world = measured(bench, rates, [*proposal(), *proposal("Another.\n"), *proposal("A third.\n")], settings=settings)
    for slot in (1, 2, 3):
        propose_change(world.bench, slot, "c000")
    dealt = {slot: row.brief for slot, row in world.ledger.proposals().items()}
    assert dealt == {1: "tools", 2: "tools", 3: "tools"}  # nothing is kept, so there is nothing to simplify
    assert "\nBrief: tools. Change the tools" in opening(world, 0)
    assert "Brief:" not in opening(measured_without_briefs(bench, rates), 0)


def measured_without_briefs(bench: Worlds, rates: Rates) -> Any:  # Any: a World of conftest.py
    world = measured(bench, rates, proposal())
    propose_change(world.bench, 1, "c000")
    assert world.ledger.proposals()[1].brief == ""
    return world


def test_a_brief_stands_however_often_its_session_is_resumed(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    world = measured(bench, rates, [*proposal(), *proposal()], settings={"proposer": {"briefs": ["explore", "tools"]}})
    world.fuse.burnt, world.fuse.at = 0, 4
    with pytest.raises(crash):
        propose_change(world.bench, 1, "c000")
    world.close()
    before = world.open().ledger.proposals()
    propose_change(world.bench, 1, "c000")
    assert world.ledger.proposals() == before
    assert before[1].brief == "explore"


def test_a_later_session_is_told_how_well_its_author_foresaw(bench: Worlds, rates: Rates) -> None:
    world = measured(bench, rates, [*proposal(), *proposal("Another.\n")])
    propose_change(world.bench, 1, "c000")
    assert "Your record" not in opening(world, 0)
    for step in (check, screen_on_train):
        step(world.bench, "c001", "c000")
    if "c001" not in world.ledger.verdicts():
        reserve(world.bench, "c001", "c000")
        look_at(world.bench, "c001", "c000", 0, keep_back_usd=0.0)
    propose_change(world.bench, 2, "c000")
    assert "Your record so far: 1 decided, " in opening(world, 1)
    about = json.loads((world.folder.path / "proposer/s002/candidates/c001/about.json").read_text())
    assert about["refuted_by"] == "It fails as often with the header found."


# The reviewer ------------------------------------------------------------------------------------


def objection(text: str = "name a task", **more: Any) -> ModelReply:  # Any: what `call` takes
    found = {"one_mechanism": True, "refutable": not text, "objection": text}
    return call("report_review", found, usage=USAGE, cost_usd=0.05, **more)


def reviewing(bench: Worlds, rates: Rates, proposer: list[Step], reviewer: list[Step]) -> Any:  # Any: a World
    return measured(bench, rates, proposer, settings={"proposer": {"review": True}}, reviewer=ScriptedModel(reviewer))


def test_a_reviewer_pushes_back_once_and_is_paid_for_by_itself(bench: Worlds, rates: Rates) -> None:
    world = reviewing(bench, rates, [*proposal(), submit("look twice")], [objection()])
    paid = world.ledger.spend().usd
    propose_change(world.bench, 1, "c000")
    assert world.ledger.candidates()[1].title == "look twice"
    assert "a reviewer objects: name a task" in str(world.proposer.requests[2].messages[-1])
    assert world.ledger.spend().usd - paid == pytest.approx(0.30 + 0.05)
    assert world.ledger.tallies().reviewer.usd == pytest.approx(0.05)
    assert [record["text"] for record in world.ledger.objections(1).values()] == ["name a task"]


def test_a_reviewer_sees_no_word_of_the_session(bench: Worlds, rates: Rates) -> None:
    world = reviewing(bench, rates, [say_and_edit("my secret reasoning"), submit()], [objection("")])
    propose_change(world.bench, 1, "c000")
    asked = str(world.reviewer.requests[0])
    assert "the header is not in the first row" in asked
    assert "Look before you parse." in asked
    assert "my secret reasoning" not in asked
    assert "I work on sums-00" not in asked


def say_and_edit(text: str) -> ModelReply:
    made = edit("Look before you parse.\n")
    return replace(made, content=({"type": "text", "text": text}, *made.content))


def test_a_review_is_paid_once_however_often_its_session_is_begun(
    bench: Worlds, rates: Rates, crash: type[BaseException]
) -> None:
    steps = [*proposal(), submit("look twice")]
    world = reviewing(bench, rates, [*steps, *steps], [objection()])
    world.fuse.burnt, world.fuse.at = (
        0,
        2 * 6 + 1,
    )  # opening, two turns, the review's bill, end and record; then it dies
    with pytest.raises(crash):
        propose_change(world.bench, 1, "c000")
    world.close()
    world.open()
    propose_change(world.bench, 1, "c000")
    assert world.ledger.candidates()[1].title == "look twice"
    assert len(world.reviewer.requests) == 1


def test_an_outage_of_the_reviewer_leaves_the_slot_open(bench: Worlds, rates: Rates) -> None:
    world = reviewing(bench, rates, [*proposal(), *proposal()], [ProviderUnavailableError("down"), objection("")])
    with pytest.raises(OutageError, match="down"):
        propose_change(world.bench, 1, "c000")
    assert world.ledger.state().slots == 0
    propose_change(world.bench, 1, "c000")
    assert world.ledger.state().slots == 1


PROGRAM_JAILS = [
    pytest.param(Jail("bubblewrap"), marks=pytest.mark.bubblewrap, id="bubblewrap"),
    pytest.param(Jail("docker", network=True), marks=pytest.mark.docker, id="docker with a network"),
]


@pytest.mark.parametrize("jail", PROGRAM_JAILS)
def test_a_program_in_the_models_place_proposes_and_asks_no_model(
    bench: Worlds, rates: Rates, tmp_path: Path, jail: Jail
) -> None:
    if not probe(jail.kind).ok:
        pytest.skip(f"no {jail.kind} here")
    (tmp_path / "claim.json").write_text(json.dumps(dict(submit().content[-1]["input"])))
    script = "echo I work; echo 'Look first.' > harness/prompts/system.md; cp /proposer/claim.json submission.json"
    program = {"command": ["sh", "-c", script], "folder": str(tmp_path), "network": jail.network}
    world = measured(bench, rates, [], settings={"proposer": {"program": program}})
    world.bench = replace(world.bench, jail=jail)
    propose_change(world.bench, 1, "c000")
    assert world.ledger.candidates()[1].title == "look first"
    assert world.bench.archive.load("c001").prompt("main") == "Look first.\n"
    slot = world.ledger.slots()[0]
    assert (slot["tokens"], slot["cost_usd"]) == (0, None if jail.network else 0.0)
    events = world.bench.store.read_attempt("proposer/s001")
    assert any("I work" in (event.text or "") for event in events)
    assert world.proposer.requests == []


@pytest.mark.bubblewrap
@pytest.mark.parametrize(
    ("script", "says"),
    [
        ("echo boom; exit 3", "it ended with status 3 and wrote no submission.json; its output ends:\nboom"),
        (
            r"""echo '{"title": "a\ud800b"}' > submission.json""",
            "was refused: submission.json holds half a surrogate",
        ),
        ("printf '%050000d' 0 | tr 0 '[' > submission.json", "was refused: submission.json is nested too deeply"),
    ],
)
def test_a_program_without_a_proposal_is_told_with_the_command_that_shows_its_work(
    bench: Worlds, rates: Rates, script: str, says: str
) -> None:
    if not probe("bubblewrap").ok:
        pytest.skip("no bubblewrap here")
    settings = {"proposer": {"program": {"command": ["bash", "-c", script]}}}
    world = measured(bench, rates, [], settings=settings)
    world.bench = replace(world.bench, jail=Jail("bubblewrap"))
    propose_change(world.bench, 1, "c000")
    assert says in world.ledger.slots()[0]["reason"]
    said = world.told[-1].text
    assert said.startswith("slot 1: no proposal (")
    assert "ratchet trace show r proposer/s001" in said
