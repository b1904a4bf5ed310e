"""Every method on tasks I and II: what they reach, and the table and the step sizes that say so."""

import pytest

from qlab.experiments import all_methods, exact_tasks
from qlab.methods import METHODS


@pytest.fixture(scope="module")
def hard():
    return all_methods.run("hard", ["full", "bc", "dampening"])


def test_training_at_the_vertices_finds_better_ones_than_rounding_afterwards(hard):
    """Ten instances: BC and dampening are within a tenth of the optimum on all, rounding (full) is far off on some."""
    assert hard.gap.sel(rule=["bc", "dampening"]).max() < 0.1
    assert hard.gap.sel(rule="full").max() > 0.3
    assert (hard.gap.sel(rule=["bc", "dampening"]).mean("seed") < hard.gap.sel(rule="full").mean() / 3).all()
    assert (hard["rank"] >= 1).all()


def test_the_table_says_what_was_found(hard):
    lines = all_methods.table(hard).splitlines()
    assert [line.split()[0] for line in lines] == ["method", "full", "bc", "dampening"]
    for line in lines[1:]:
        rule, gap, largest, hits, *_ = line.split()
        one = hard.sel(rule=rule)
        assert float(gap.strip("%")) == pytest.approx(100 * float(one.gap.mean()), abs=0.051)
        assert float(largest.strip("%")) == pytest.approx(100 * float(one.gap.max()), abs=0.051)
        assert hits == f"{int((one['rank'] == 1).sum())}/10"


def test_after_the_free_phase_an_interval_method_deploys_what_rounding_would():
    """Two moons: no sign changes once eps_hat < 1, so the deployed loss stays that of the free phase's last weights."""
    table = all_methods.run("moons", ["askew", "mj"], range(5), every=15)
    assert table.step[10] == 150  # of 300: free_phase = .5
    held, before = table.quantized_loss.isel(step=slice(11, None)), table.quantized_loss.isel(step=slice(0, 10))
    assert (held.max("step") == held.min("step")).all()
    assert (before.max("step") > before.min("step")).any()


def test_the_chosen_numbers_are_what_tuning_chooses():
    for rule in ("ste", "sr", "bop"):
        assert all_methods.tune("moons", rule) == all_methods.CHOSEN["moons"][rule]
    for kind in exact_tasks.KINDS:
        assert all_methods.CHOSEN[kind].keys() == METHODS.keys()
