"""Every method of the registry runs on every problem of the registry, alone and in a stack, to the same weights."""

import pytest
import torch

import qlab
from qlab.grid import Block
from qlab.methods import METHODS
from qlab.problems import PROBLEMS, problem

SMALL = {"logistic-planted": {"n": 40}, "logistic-hard": {"n": 40}, "hinge": {"n": 40}, "relu": {"n": 40}} | {
    slug: {"n": 40} for slug in PROBLEMS if slug.startswith("moons")
}
STEPS, SEEDS, LRS = 4, torch.tensor([4, 11]), torch.tensor([0.3, 0.05], dtype=torch.float64)


def alone(p, slug, seed, lr, grid):
    """One run with the optimizer itself: (w, codes) after STEPS full-batch steps."""
    w = torch.nn.Parameter(p.start(seed, dtype=torch.float64))
    opt = qlab.QuantOptimizer([("w", w)], slug, lr=lr, seed=seed, steps=STEPS, **grid)
    for _ in range(STEPS):
        seen = opt.weights()["w"]
        w.grad = torch.autograd.grad(seen, w, p.gradient(seen))[0]
        opt.step()
    return w.detach(), opt.codes()["w"][0]


@pytest.mark.parametrize("problem_slug", PROBLEMS)
@pytest.mark.parametrize("slug", METHODS)
def test_a_run_in_a_stack_is_the_run_alone(slug, problem_slug):
    """Two step sizes x two seeds, float64: the weights to 1e-10, the same codes, all finite and on their way."""
    p = problem(problem_slug, **SMALL.get(problem_slug, {}))
    for grid in (p.quantizer, {"bits": 2}):
        start = p.start(SEEDS, dtype=torch.float64)
        block = Block(p, SEEDS, 2, rule=slug, base="sgd", steps=STEPS, lr=LRS, start=start, **grid)
        for _ in range(STEPS):
            block.step()
        codes = block.codes().view(block.shape)
        for c, lr in enumerate(LRS.tolist()):
            for i, seed in enumerate(SEEDS.tolist()):
                w, own = alone(p, slug, seed, lr, grid)
                torch.testing.assert_close(block.w.view(block.shape)[c, i], w, rtol=0, atol=1e-10)
                assert torch.equal(codes[c, i], own)
        assert block.w.isfinite().all()
        assert p.loss(block.deployed().view(block.shape)).isfinite().all()
