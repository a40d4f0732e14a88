"""Sandboxes of each kind that works here; a kind that does not is left out, with the reason."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from task_agent.sandbox import Probe, Sandbox, SandboxKind, open_sandbox, probe

from .cases import SPEC, run

_probe: Callable[[SandboxKind], Probe] = functools.cache(probe)


@pytest.fixture(scope="module")
def kind(request: pytest.FixtureRequest) -> SandboxKind:
    tried = _probe(request.param)
    if not tried.ok:
        pytest.skip(f"no {tried.kind} here: {tried.reason}")
    return tried.kind


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox(kind: SandboxKind) -> AsyncIterator[Sandbox]:
    """Give a sandbox of its own, for claims that end it or its phases."""
    own = open_sandbox(kind, SPEC)
    yield own
    await own.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def _kept(kind: SandboxKind) -> AsyncIterator[list[Sandbox]]:
    kept = [open_sandbox(kind, SPEC)]
    yield kept
    await kept[0].close()


@pytest_asyncio.fixture(loop_scope="module")
async def shared(_kept: list[Sandbox]) -> Sandbox:
    """Give a sandbox that earlier claims may have used; its shell starts in the work directory."""
    await run(_kept[0], f"cd {_kept[0].path('/app')}")
    return _kept[0]
