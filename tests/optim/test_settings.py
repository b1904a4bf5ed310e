"""What a user gives is checked at once, at construction: no number passes in silence that means something else."""

import pytest
import torch
from torch import nn

import qlab
from qlab.methods import METHODS, Rule
from qlab.optim import QuantOptimizer

NAN = float("nan")


def model():
    return nn.Sequential(nn.Linear(5, 7), nn.Linear(7, 6), nn.Linear(6, 3))


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": NAN},
        {"lr": float("inf")},
        {"momentum": -0.1},
        {"momentum": NAN},
        {"weight_decay": -1.0},
        {"lr_scale": -1.0},
        {"base": "adam", "beta1": 1.0},
        {"base": "adam", "beta2": -0.5},
        {"base": "adam", "eps": NAN},
        {"rule": "bc", "box": -1.0},
        {"rule": "bc", "box": NAN},
        {"rule": "ste", "width": 0.0},
        {"rule": "sr", "family": "lattice", "spacing": 0.0},
        {"rule": "sr", "family": "lattice", "spacing": -0.5},
    ],
    ids=str,
)
def test_a_number_out_of_its_range_is_named_with_the_range(settings):
    name, value = list(settings.items())[-1]
    with pytest.raises(ValueError, match=rf"{name} = {value}; allowed: numbers in [\[(]"):
        QuantOptimizer(model().named_parameters(), **settings)


def test_a_tensor_over_the_runs_is_checked_member_by_member():
    stack = [("w", nn.Parameter(torch.ones(3, 4)))]
    with pytest.raises(ValueError, match="box"):
        QuantOptimizer(stack, "bc", runs=3, box=torch.tensor([1.0, 2.0, -1.0]))


@pytest.mark.parametrize("settings", [{"rule": "bc", "box": "wide"}, {"momentum": True}, {"weight_decay": None}])
def test_what_is_no_number_is_a_type_error(settings):
    with pytest.raises(TypeError, match="is not a number"):
        QuantOptimizer(model().named_parameters(), **settings)


@pytest.mark.parametrize("settings", [{}, {"base": "adam"}])
def test_nesterov_without_momentum_is_refused(settings):
    with pytest.raises(ValueError, match="nesterov"):
        QuantOptimizer(model().named_parameters(), nesterov=True, **settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": NAN},
        {"lr": -0.1},
        {"lr": 0.1, "box": -1.0},
        {"lr": 0.1, "family": "lattice", "spacing": 0.0},
        {"lr": 0.1, "scale": -1.0},
        {"lr": 0.1, "scale": 0.0},
    ],
    ids=str,
)
def test_a_plain_step_checks_the_same_numbers(settings):
    with pytest.raises(ValueError, match=rf"{list(settings)[-1]} = "):
        qlab.step("bc", torch.ones(3), torch.ones(3), **settings)
    with pytest.raises(TypeError, match="int64"):
        qlab.step("bc", torch.ones(3), torch.ones(3, dtype=torch.int64), lr=0.1)


def test_a_rule_that_no_group_follows_is_refused():
    """Groups that name a rule win over the optimizer's, as in torch: another one asked for is an error."""
    with pytest.raises(ValueError, match=r"groups name their own: bc, full; did you mean qlab.groups\(model, 'sr'\)"):
        QuantOptimizer(qlab.groups(model(), quiet=True), "sr")
    followed = QuantOptimizer(qlab.groups(model(), "sr", quiet=True), "sr")
    assert [g["rule"] for g in followed.param_groups] == ["sr", "full"]


def test_groups_can_be_given_to_a_second_optimizer():
    groups = qlab.groups(model(), "bc", quiet=True)
    before = [dict(g) for g in groups]
    QuantOptimizer(groups, lr=0.5)
    assert groups == before
    assert float(QuantOptimizer(groups, lr=0.1).param_groups[0]["lr"]) == 0.1


def test_the_first_layer_stays_the_first_when_it_is_frozen():
    net = model()
    net[0].weight.requires_grad_(False)
    chosen, _ = qlab.groups(net, "bc", quiet=True)
    assert [name for name, _ in chosen["params"]] == ["1.weight"]


def test_a_wrapper_around_another_model_is_refused():
    net, twin = model(), model()
    opt = QuantOptimizer(qlab.groups(net, "bc", quiet=True))
    with pytest.raises(ValueError, match=r"'1\.weight' is another tensor"):
        qlab.QuantModule(twin, opt)
    with pytest.raises(ValueError, match="is no parameter of this Sequential"):
        qlab.bake(nn.Sequential(net), opt)


class _Clash(Rule):
    """w+ = w: its state has a name that the optimizer uses."""

    slug, name = "clash", "clash"

    def init(self, w, h):
        return {"scale": torch.zeros_like(w)}


def test_a_state_name_of_the_optimizer_is_refused():
    qlab.register(_Clash())
    try:
        with pytest.raises(ValueError, match=r"\['scale'\] of method 'clash'"):
            QuantOptimizer(model().named_parameters(), "clash")
    finally:
        del METHODS["clash"]
