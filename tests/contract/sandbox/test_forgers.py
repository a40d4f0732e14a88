"""The forger suite: whatever an agent does for a reward it did not earn comes to 0, or is named as tampering."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from task_agent.errors import SandboxLostError
from task_agent.sandbox import SandboxKind, SandboxSpec, VerifyRun, open_sandbox

from .cases import in_bubblewrap, in_docker
from .forgers import ATTACKS, COMMAND, EXPECTED, HONEST, SPEC, SYSTEM, TESTS, UPGRADES, WORK

AT_ONCE = 8
CHANGING = replace(SPEC, system_changes=True, root_powers=True)


async def graded(kind: SandboxKind, script: str, spec: SandboxSpec = SPEC) -> VerifyRun | str:
    """Run one script as the agent, then grade; a sandbox that died earned nothing."""
    sandbox = open_sandbox(kind, spec)
    try:
        await sandbox.exec(script, timeout_s=20)
        return await sandbox.verify(TESTS, COMMAND, timeout_s=6, env={})
    except SandboxLostError as error:
        return error.message
    finally:
        await sandbox.close()


def earned(run: VerifyRun | str) -> bool:
    if isinstance(run, str) or run.tampered:
        return False
    return run.logs.get("reward.txt", b"0").strip() != b"0" or "reward.json" in run.logs


async def all_graded(kind: SandboxKind, scripts: dict[str, str], spec: SandboxSpec) -> dict[str, VerifyRun | str]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(script: str) -> VerifyRun | str:
        async with slots:
            return await graded(kind, script, spec)

    runs = await asyncio.gather(*(one(script) for script in scripts.values()))
    return dict(zip(scripts, runs, strict=True))


def test_there_are_enough_attacks() -> None:
    assert len(ATTACKS) >= 30
    assert not any(EXPECTED.decode().strip() in script for script in ATTACKS.values())


@in_bubblewrap
async def test_honest_work_in_a_jail_is_rewarded(kind: SandboxKind) -> None:
    assert earned(await graded(kind, HONEST))


@in_bubblewrap
@pytest.mark.parametrize("attack", ATTACKS)
async def test_no_forger_is_rewarded_in_a_jail(kind: SandboxKind, attack: str) -> None:
    assert not earned(await graded(kind, ATTACKS[attack]))


@in_docker
@pytest.mark.parametrize("apart", [False, True])
async def test_a_few_forgers_are_not_rewarded_in_a_container(kind: SandboxKind, apart: bool) -> None:
    few = {name: ATTACKS[name] for name in list(ATTACKS)[::6]}
    runs = await all_graded(kind, few | {"honest": HONEST}, replace(SPEC, apart=apart))
    assert [name for name, run in runs.items() if earned(run)] == ["honest"]


@in_docker
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("apart", [False, True])
async def test_no_forger_is_rewarded_in_a_container(kind: SandboxKind, apart: bool) -> None:
    runs = await all_graded(kind, ATTACKS | {"honest": HONEST}, replace(SPEC, apart=apart))
    assert [name for name, run in runs.items() if earned(run)] == ["honest"]


@in_docker
async def test_honest_work_on_the_system_is_no_tampering(kind: SandboxKind) -> None:
    runs = await all_graded(kind, {name: f"{script}; {HONEST}" for name, script in WORK.items()}, SPEC)
    assert [name for name, run in runs.items() if not earned(run)] == []


@in_docker
async def test_upgraded_programs_are_tampering_unless_a_task_may_change_them(kind: SandboxKind) -> None:
    upgrade = {"upgrade": f"{UPGRADES['shells and programs']}; {HONEST}"}
    assert not earned((await all_graded(kind, upgrade, SPEC))["upgrade"])
    done = {name: f"{script}; {HONEST}" for name, script in (UPGRADES | WORK).items()}
    runs = await all_graded(kind, done, CHANGING)
    assert [name for name, run in runs.items() if not earned(run)] == []


@in_docker
async def test_a_few_forgers_are_not_rewarded_where_a_task_may_change_its_system(kind: SandboxKind) -> None:
    few = {name: ATTACKS[name] for name in ("a bash replaced", "a sh replaced", "a python replaced", "a path file")}
    runs = await all_graded(kind, few | {"honest": HONEST}, CHANGING)
    assert [name for name, run in runs.items() if earned(run)] == ["honest"]
    assert [name for name, run in runs.items() if isinstance(run, VerifyRun) and run.tampered] == ["a path file"]


@in_docker
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("keep", [False, True])
async def test_no_forger_is_rewarded_where_a_task_may_change_its_system(kind: SandboxKind, keep: bool) -> None:
    attacks = {name: ATTACKS[name] for name in SYSTEM} if keep else ATTACKS
    runs = await all_graded(kind, attacks | {"honest": HONEST}, replace(CHANGING, keep_processes=keep))
    assert [name for name, run in runs.items() if earned(run)] == ["honest"]


@in_docker
async def test_a_daemon_that_is_kept_alive_is_held_by_a_user_of_its_own_and_by_nothing_else(kind: SandboxKind) -> None:
    daemon = {"daemon": ATTACKS["a daemon that rewrites"]}
    kept = replace(CHANGING, keep_processes=True)
    assert earned((await all_graded(kind, daemon, kept))["daemon"])
    assert earned((await all_graded(kind, daemon, replace(kept, verifier_user="1600")))["daemon"])
    own = replace(kept, user="1500")
    runs = await all_graded(kind, daemon | {"honest": HONEST}, own)
    assert [name for name, run in runs.items() if earned(run)] == ["honest"]
