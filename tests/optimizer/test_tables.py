"""The tables that say what a failure, a verdict and a price mean."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from optimizer import failure
from optimizer.budget import fits, price_per_attempt
from optimizer.failure import CAUSES, Fault, classify, fault_of
from optimizer.verdict import RULINGS, Verdict, ruling
from task_agent import errors
from traces.errors import CredentialsError
from traces.storage import StorageError, storage_error, told_again


def test_every_attempt_error_has_a_row_of_its_own() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AttemptError)}
    assert set(CAUSES) == (kinds - {errors.AttemptError}) | {CredentialsError, StorageError}
    assert len({cause.name for cause in CAUSES.values()}) == len(CAUSES)


def test_what_depends_on_the_agent_counts_as_zero_and_is_never_tried_again() -> None:
    for cause in CAUSES.values():
        assert cause.zero == (cause.fault in (Fault.AGENT, Fault.BENCHMARK)), cause
        assert not (cause.zero and cause.retry), cause


def test_a_sandbox_lost_before_the_first_step_is_infrastructure_and_after_it_the_agents() -> None:
    lost = errors.SandboxLostError("gone")
    assert classify(lost, started=False).retry
    assert classify(lost, started=True).zero


def test_an_exception_nobody_foresaw_is_our_own_fault_and_missing() -> None:
    cause = classify(ZeroDivisionError(), started=True)
    assert (cause.name, cause.zero, fault_of(cause.name)) == ("unclassified", False, Fault.RATCHET)
    assert fault_of(failure.WORKER_LOST.name) is Fault.INFRASTRUCTURE


@pytest.mark.parametrize("started", [False, True])
def test_a_machine_without_descriptors_stops_the_run_and_is_held_against_no_attempt(started: bool) -> None:
    cause = classify(OSError(errno.EMFILE, os.strerror(errno.EMFILE)), started=started)
    assert (cause.fatal, cause.zero, cause.fault) == (True, False, Fault.INFRASTRUCTURE)


def test_what_a_worker_told_of_its_machine_keeps_its_way_out() -> None:
    told = storage_error(OSError(errno.EMFILE, "", "/tmp/x"), Path("/tmp"))
    assert told is not None
    assert told_again(str(told)).hint == told.hint
    assert "ulimit -n" in told.hint


def test_a_screen_and_a_gate_rejection_read_the_same_to_a_proposer() -> None:
    assert ruling("worse_on_train").public == ruling("not_better").public
    assert {row.verdict for row in RULINGS.values()} == set(Verdict)


@pytest.mark.parametrize(
    ("costs", "price"), [([], 0.0), ([2.0], 2.0), ([1.0] * 94 + [9.0] * 6, 9.0), ([1.0] * 99 + [9.0], 1.0)]
)
def test_the_price_of_an_attempt_is_the_95th_percentile_of_those_paid(costs: list[float], price: float) -> None:
    assert price_per_attempt(costs) == price


def test_a_stage_fits_only_if_certifying_stays_paid_for() -> None:
    assert fits(3.0, spent_usd=5.0, kept_back_usd=2.0, budget_usd=10.0)
    assert not fits(3.1, spent_usd=5.0, kept_back_usd=2.0, budget_usd=10.0)
    assert fits(1e9, spent_usd=5.0, kept_back_usd=2.0, budget_usd=None)
