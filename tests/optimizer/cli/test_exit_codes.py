"""Every exit code, one by one, through the real command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from optimizer.cli.asking import confirm_cost
from optimizer.cli.exit_codes import CODES, ENDINGS, ExitCode
from optimizer.cli.manner import NOW
from optimizer.run_file import load_run_file
from task_agent.models import ScriptedWire
from task_agent.models.loopback import Fault, LoopbackServer
from task_agent.models.scripted import wire_message
from traces.errors import CredentialsError

from .terminal import ROOT, on_terminal, piped

if TYPE_CHECKING:
    from conftest import FinishedRun

FINISHED = ROOT / "tests" / "finished.yaml"
REAL = "claude-haiku-4-5"
KEY = {"ANTHROPIC_API_KEY": "sk-ant-nobodys"}
Run = Callable[..., Any]
ENOUGH = 400
"""Faults, more than such a night has requests before it gives up."""


def night(folder: Path, **changes: Any) -> Path:
    """Write the night of finished.yaml with other settings."""
    data = yaml.safe_load(FINISHED.read_text())
    data |= {key: str((FINISHED.parent / data[key]).resolve()) for key in ("harness", "prices")}
    file = folder / "night.yaml"
    file.write_text(yaml.safe_dump({**data, **changes}))
    return file


def played_by(url: str | None = None) -> dict[str, Any]:
    """Let a real model play every role, served at `url`."""
    served = {"base_url": url} if url else {}
    return {"models": {name: {"model": REAL, **served} for name in ("task", "proposer", "reflector")}, "simulated": {}}


@pytest.fixture
def runs(finished_run: FinishedRun) -> tuple[str, Path]:
    return ("--runs-dir", finished_run.runs)


def test_the_table_has_every_code_once_and_no_error_twice() -> None:
    assert [ending.code for ending in ENDINGS] == list(ExitCode)
    assert len(CODES) == sum(len(ending.errors) for ending in ENDINGS)
    assert all(ending.meaning and ending.next for ending in ENDINGS)


def test_0_is_done(done: Run) -> None:
    assert done("status").code == 0


def test_2_is_a_wrong_call_or_file(ratchet: Run, tmp_path: Path) -> None:
    assert ratchet("status", "--nope").code == 2
    assert ratchet("run", night(tmp_path, stop={"iterations": "many"})).code == 2


def test_3_is_a_name_that_does_not_exist(ratchet: Run, runs: tuple[str, Path]) -> None:
    assert ratchet("status", "nobody", *runs).code == 3


def test_4_is_a_missing_key(ratchet: Run, tmp_path: Path) -> None:
    assert ratchet("run", night(tmp_path, **played_by()), "--runs-dir", tmp_path / "runs").code == 4
    assert not (tmp_path / "runs").exists()


@pytest.fixture
def provider() -> Iterator[Any]:
    opened: list[LoopbackServer] = []

    def failing(fault: Fault) -> str:
        server = LoopbackServer(ScriptedWire(wire_message({"type": "text", "text": "hi"})), faults=[fault] * ENOUGH)
        opened.append(server)
        return server.base_url

    yield failing
    for server in opened:
        server.close()


@pytest.mark.parametrize(
    ("fault", "code"),
    [(Fault.server_error(), ExitCode.PROVIDER), (Fault.rate_limited(retry_after_ms=1), ExitCode.RATE_LIMITED)],
    ids=["5_is_a_provider_that_failed", "7_is_a_provider_that_limits_the_rate"],
)
def test_a_night_that_cannot_wait_any_longer(fault: Fault, code: ExitCode, provider: Any, tmp_path: Path) -> None:
    file = night(
        tmp_path,
        **played_by(provider(fault)),
        outage={"give_up_hours": 0},
        sandbox={"kind": "process", "allow_unsafe": True},
        schedule={"kind": "inline", "in_flight": 40},
    )
    where = ("--runs-dir", tmp_path / "runs")
    said = piped("run", file, "--run-id", "out", "--json", *where, **KEY)
    assert said.code == code
    assert json.loads(said.out)["error"]["code"] == code
    assert json.loads(piped("status", "out", *where).out)["data"]["state"] == "needs attention"


def test_6_is_no_sandbox_that_fits(tmp_path: Path) -> None:
    file = night(tmp_path, **played_by("http://127.0.0.1:9"), sandbox={"kind": "process"})
    assert piped("run", file, "--runs-dir", tmp_path / "runs", **KEY).code == 6


def test_8_is_a_budget_used_up_with_results_kept(ratchet: Run, tmp_path: Path) -> None:
    where = ("--runs-dir", tmp_path)
    said = ratchet("run", FINISHED, "--run-id", "poor", "--budget-usd", "0.05", "--json", *where)
    assert said.code == 8, said.err
    assert (said.data["state"], said.data["stop_reason"]) == ("finished", "money")
    assert said.data["attempts"]["scored"] > 0
    assert ratchet("status", "poor", *where).code == 0
    assert ratchet("resume", "poor", *where).code == 8
    assert ratchet("resume", "poor", "--fail-unless-improved", *where).code == 9


@pytest.mark.parametrize("command", ["status", "report"])
def test_9_is_no_certified_gain_where_one_was_asked_for(command: str, done: Run) -> None:
    said, asked = done(command), done(command, "--fail-unless-improved")
    assert (said.code, asked.code) == (0, 9)
    assert asked.out == said.out


def test_10_is_a_damaged_file_of_a_run(ratchet: Run, tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "ledger.sqlite").write_text("no ledger")
    said = ratchet("report", "broken", "--runs-dir", tmp_path)
    assert said.code == 10
    assert said.err.startswith("error: ")


# Asking ---------------------------------------------------------------------------


@pytest.fixture
def limitless(tmp_path: Path) -> tuple[object, ...]:
    file = night(
        tmp_path,
        **played_by("http://127.0.0.1:9"),
        stop={"iterations": 1},
        sandbox={"kind": "process", "allow_unsafe": True},
    )
    return (file, "--runs-dir", tmp_path / "runs")


def test_a_real_model_without_a_budget_is_not_paid_unasked(limitless: tuple[object, ...], tmp_path: Path) -> None:
    for words in ((), ("--no-input",)):
        said = piped("run", *limitless, *words, **KEY)
        assert said.code == 2
        assert "no budget is set: about " in said.err
        assert "--yes" in said.err
        assert "--budget-usd" in said.err
    assert not (tmp_path / "runs").exists()


def test_a_terminal_is_asked_and_no_means_no(limitless: tuple[object, ...], tmp_path: Path) -> None:
    said = on_terminal("run", *limitless, typed="n\n", **KEY)
    assert said.code == 2
    assert "start? [y/N]" in said.out
    assert not (tmp_path / "runs").exists()
    silent = on_terminal("run", *limitless, "--no-input", **KEY)
    assert (silent.code, "[y/N]" in silent.out) == (2, False)


def test_yes_a_budget_and_a_simulated_model_need_no_question(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = load_run_file(night(tmp_path, **played_by(), stop={"iterations": 1}))
    NOW.reset()
    NOW.no_input = True
    confirm_cost(load_run_file(night(tmp_path, stop={"iterations": 1})), tmp_path, new_split=False)
    confirm_cost(load_run_file(night(tmp_path, **played_by())), tmp_path, new_split=False)
    with pytest.raises(CredentialsError):  # to ask, it would look at the plan, which needs a key
        confirm_cost(real, tmp_path, new_split=False)
    NOW.yes = True
    confirm_cost(real, tmp_path, new_split=False)
    NOW.reset()
    assert capsys.readouterr() == ("", "")
