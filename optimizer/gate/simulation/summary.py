"""What many nights of one rule came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from optimizer.gate.simulation.measures import Measure, mean_of, ratio, ratio_of, share_of
from optimizer.gate.simulation.nights import Played


def _per_thousand(field: str) -> Callable[[Sequence[Played]], Measure]:
    return lambda nights: ratio([(1000 * getattr(night, field), night.attempts) for night in nights])


NIGHT_MEASURES: Mapping[str, Callable[[Sequence[Played]], Measure]] = {
    "keeps": mean_of("keeps"),
    "any_false": share_of("false"),
    "false": mean_of("false"),
    "false_share": mean_of("false_share"),
    "false_share_left": mean_of("false_share_left"),
    "harmful": mean_of("harmful"),
    "leaks_kept": ratio_of("leaks_kept", "leaks"),
    "good_kept": ratio_of("good_kept", "good"),
    "true_gain": mean_of("true_gain"),
    "claimed": mean_of("claimed"),
    "overclaim": mean_of("overclaim"),
    "covers": share_of("covers"),
    "certified": share_of("certified"),
    "certified_gain": mean_of("certified_gain"),
    "attempts": mean_of("attempts"),
    "pruning": mean_of("pruning"),
    "gain_per_1000": _per_thousand("true_gain"),
    "certified_gain_per_1000": _per_thousand("certified_gain"),
}


def summed(nights: Sequence[Played], *names: str) -> dict[str, Measure]:
    """Give the named measures, all when none is named."""
    return {name: NIGHT_MEASURES[name](nights) for name in names or NIGHT_MEASURES}
