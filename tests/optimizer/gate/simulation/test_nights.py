from __future__ import annotations

from optimizer.gate import GateConfig, PruneConfig
from optimizer.gate.simulation.frontier import VARIANTS, eligible, variant
from optimizer.gate.simulation.measures import Measure
from optimizer.gate.simulation.nights import NightPlan, Played, play, truth_of
from optimizer.gate.simulation.properties import held
from optimizer.gate.simulation.summary import summed
from optimizer.gate.simulation.targets import Promise


def explored(**settings: object) -> Played:
    gate = GateConfig(mode="explore", alpha=0.6, target="population", k_max=12, futility=(-3.0, -3.0, -3.0))
    return play(NightPlan(gate, tests=12, tasks=40, **settings), 3)  # type: ignore[arg-type]


def test_a_night_is_its_seed() -> None:
    assert explored() == explored()


def test_counts_of_a_night_add_up() -> None:
    night = explored()
    assert 0 < night.keeps == night.good_kept + night.false
    assert night.harmful <= night.false
    assert night.lower is not None
    assert night.upper is not None
    assert night.lower < night.claimed < night.upper


def test_a_null_night_can_end_at_its_first_false_keep() -> None:
    night = explored(world="null", until_false=True)
    assert night.keeps == night.false == 1


def test_pruning_costs_attempts_and_is_counted() -> None:
    whole, pruned = explored(), explored(prune=PruneConfig())
    assert pruned.keeps == whole.keeps >= 2
    assert pruned.pruning > 0
    assert pruned.attempts == whole.attempts + pruned.pruning
    assert pruned.left <= pruned.keeps


def test_truth_follows_the_target() -> None:
    assert (truth_of("auto", 100), truth_of("auto", 200), truth_of("benchmark", 200)) == (
        "heldout",
        "population",
        "heldout",
    )


def test_properties_hold_also_where_levels_are_generous() -> None:
    assert all(
        getattr(held(GateConfig(alpha=0.9, k_max=5), 30, seed), name)
        for seed in range(3)
        for name in ("order_and_resume", "one_roll", "reserved_first", "pool_emptied", "silent")
    )


def test_a_bound_is_held_by_its_sign_and_nothing_measured_holds_nothing() -> None:
    def promise(sign: str) -> Promise:
        return Promise(1, "words", lambda outcomes: Measure(None, None, 0), sign, 0.1, 0.2)  # type: ignore[arg-type]

    assert promise("<=").kept(0.1, 0.1)
    assert not promise("<=").kept(0.11, 0.1)
    assert promise(">=").kept(0.1, 0.1)
    assert not promise(">").kept(0.1, 0.1)
    assert not promise("<=").kept(None, 0.1)


def test_a_variant_is_planned_honestly_and_bounds_decide_who_may_be_the_default() -> None:
    assert {variant(name, 30, "benchmark").k_max for name in VARIANTS} == {30}
    fine, much = Measure(0.05, 0.01, 9), Measure(0.3, 0.01, 9)
    assert eligible({"harmful": fine, "false_share_left": fine})
    assert not eligible({"harmful": fine, "false_share_left": much})
    assert not eligible({"harmful": much, "false_share_left": fine})


def test_a_summary_names_every_measure_of_its_nights() -> None:
    seen = summed([explored(), explored()])
    assert seen["true_gain"].value == explored().true_gain
    assert set(summed([explored()], "keeps")) == {"keeps"}
