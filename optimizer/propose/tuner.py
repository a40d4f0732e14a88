"""The tuner: proposes settings of a harness's declared ranges from what earlier settings gained on train tasks.

It is told everything it knows, in order, before each proposal: equal knobs, equal history and an equal seed give
the same proposal, whatever was killed in between. The study's journal is a copy for people who want to look at it.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, InMemoryStorage, JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock
from optuna.trial import FrozenTrial, Trial, create_trial

from task_agent.harness import Knob

FUTILE_P: Final = 0.1
"""A setting is given up when it is worse than the best one on the same tasks at this level (Wilcoxon, one-sided)."""
FEWEST_TASKS: Final = 5
"""It is never given up on fewer tasks than this."""
STARTUP: Final = 6
"""Settings drawn at random before the sampler learns from them."""
STUDY: Final = "settings"
COST: Final = "cost"

optuna.logging.set_verbosity(optuna.logging.WARNING)


@dataclass(frozen=True, slots=True)
class Tried:
    """Hold what a setting came to: by a task's number, its mean reward there less the champion's.

    `cost_ratio` is its cost per attempt as a multiple of the champion's on the same tasks, None when unknown.
    """

    setting: Mapping[str, Any]  # Any: values of harness.yaml
    gains: Mapping[int, float]
    cost_ratio: float | None = None

    @property
    def gain(self) -> float:
        """Average the gains; on a part of the tasks this stays comparable, which a mean reward would not."""
        return math.fsum(self.gains.values()) / len(self.gains)


class Tuner:
    """Propose one setting after the history it is given.

    Args:
        knobs: What may be set, and how far.
        history: What was tried before, in order, the champion's own setting first; what has no gains is left out.
        seed: The only source of randomness.
        cost_limit: The constraint on `Tried.cost_ratio`; None sets none.
        journal: Where the study is kept for people; what is there is made to agree with `history`.
    """

    def __init__(
        self,
        knobs: Sequence[Knob],
        history: Sequence[Tried],
        *,
        seed: str,
        cost_limit: float | None = None,
        journal: Path | None = None,
    ) -> None:
        self._space = {knob.key: distribution(knob) for knob in knobs}
        self._limit = cost_limit
        wanted = [trial for tried in history if (trial := self._frozen(tried)) is not None]
        self._study = self._open(wanted, journal)
        self._study.sampler = optuna.samplers.TPESampler(
            seed=_number(f"{seed}/{len(wanted)}"), n_startup_trials=STARTUP, multivariate=True
        )
        self._trial: Trial | None = None
        self._reported: set[int] = set()

    def ask(self) -> dict[str, Any]:  # Any: values of harness.yaml
        """Propose a setting."""
        self._trial = self._study.ask(self._space)
        return dict(self._trial.params)

    def take_up(self, setting: Mapping[str, Any]) -> None:  # Any: values of harness.yaml
        """Go on with a setting that was proposed before."""
        self._study.enqueue_trial(dict(setting))
        self._trial = self._study.ask(self._space)

    def is_futile(self, gains: Mapping[int, float]) -> bool:
        """Say whether the setting that is being tried is not worth further tasks; this can only ever end it."""
        trial = self._report(gains)
        with warnings.catch_warnings():
            # A task that gave the best setting no score is left out of the pairs, which is as it should be.
            warnings.filterwarnings("ignore", "WilcoxonPruner finds steps existing in the current trial")
            return trial.should_prune()

    def tell(self, tried: Tried) -> None:
        """End the setting that is being tried."""
        trial = self._report(tried.gains)
        if not tried.gains:
            self._study.tell(trial, state=optuna.trial.TrialState.FAIL)
            return
        for name, value in self._constraints(tried).items():
            trial.set_constraint(name, value)
        self._study.tell(trial, tried.gain)

    def _report(self, gains: Mapping[int, float]) -> Trial:
        """Report what was not reported before."""
        if self._trial is None:
            raise ValueError("no setting is being tried")
        for task in gains.keys() - self._reported:
            self._trial.report(gains[task], task)
        self._reported |= gains.keys()
        return self._trial

    def _open(self, wanted: Sequence[FrozenTrial], journal: Path | None) -> optuna.Study:
        """Open the study with exactly the trials `wanted`; a journal that holds others, or is torn, is begun anew."""
        study = _study(_storage(journal))
        if journal is not None and not _begins(study, wanted):
            journal.unlink()
            study = _study(_storage(journal))
        for trial in wanted[len(study.get_trials(deepcopy=False)) :]:
            study.add_trial(trial)
        return study

    def _frozen(self, tried: Tried) -> FrozenTrial | None:
        """Write a finished setting as Optuna's; None when the ranges do not hold it, or it has no score."""
        if not tried.gains or not _holds(self._space, tried.setting):
            return None
        return create_trial(
            params=dict(tried.setting),
            distributions=self._space,
            value=tried.gain,
            intermediate_values=dict(tried.gains),
            constraints=self._constraints(tried),
        )

    def _constraints(self, tried: Tried) -> dict[str, float]:
        if self._limit is None:
            return {}
        return {COST: 0.0 if tried.cost_ratio is None else tried.cost_ratio - self._limit}


def distribution(knob: Knob) -> BaseDistribution:
    """Say in Optuna's words what a knob can be set to."""
    search = knob.range
    if search.choices is not None:
        return CategoricalDistribution(search.choices)
    low, high, step = search.low or 0, search.high or 0, search.step
    if all(isinstance(each, int) for each in (low, high, 1 if step is None else step)):
        return IntDistribution(int(low), int(high), log=search.log, step=int(step or 1))
    return FloatDistribution(low, high, log=search.log, step=step)


def _holds(space: Mapping[str, BaseDistribution], setting: Mapping[str, Any]) -> bool:  # Any: values of harness.yaml
    try:
        create_trial(params=dict(setting), distributions=dict(space), value=0.0)
    except ValueError:
        return False
    return all(
        any(value is each or value == each for each in place.choices)
        for key, value in setting.items()
        if isinstance(place := space[key], CategoricalDistribution)
    )


def _study(storage: BaseStorage) -> optuna.Study:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        pruner = optuna.pruners.WilcoxonPruner(p_threshold=FUTILE_P, n_startup_steps=FEWEST_TASKS)
    return optuna.create_study(
        storage=storage, study_name=STUDY, direction="maximize", pruner=pruner, load_if_exists=True
    )


class _OneWriter(JournalFileSymlinkLock):
    """Lock nothing: the run's driver is alone, and a lock that outlives a kill would hold up the next one."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass


def _storage(journal: Path | None) -> BaseStorage:
    if journal is None:
        return InMemoryStorage()
    journal.parent.mkdir(parents=True, exist_ok=True)
    try:
        return JournalStorage(JournalFileBackend(str(journal), lock_obj=_OneWriter(str(journal))))
    except ValueError:  # its last line is torn
        journal.unlink()
        return JournalStorage(JournalFileBackend(str(journal), lock_obj=_OneWriter(str(journal))))


def _begins(study: optuna.Study, wanted: Sequence[FrozenTrial]) -> bool:
    """Say whether the study's trials are the first of those wanted."""
    there = study.get_trials(deepcopy=False)
    return len(there) <= len(wanted) and all(map(_same, there, wanted))


def _same(one: FrozenTrial, other: FrozenTrial) -> bool:
    return all(
        getattr(one, name) == getattr(other, name)
        for name in ("state", "params", "distributions", "values", "intermediate_values", "constraints")
    )


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
