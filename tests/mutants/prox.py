"""Mutants of the soft projections and of the methods made of them."""

from tests.mutants.mutant import Mutant

METHODS = "tests/methods/test_prox_methods.py"

MUTANTS = [
    Mutant(
        "the L1 prox reaches a level too late",
        "qlab/prox.py",
        "return torch.where(d.abs() <= nu, q, w - nu * d.sign())",
        "return torch.where(2 * d.abs() <= nu, q, w - nu * d.sign())",
        "tests/test_prox_maps.py::test_no_point_of_a_fine_grid_is_better",
    ),
    Mutant(
        "the L2 prox swaps its two conventions",
        "qlab/prox.py",
        'FACTORS = {"half": 1.0, "full": 2.0}',
        'FACTORS = {"half": 2.0, "full": 1.0}',
        "tests/test_prox_maps.py::test_no_point_of_a_fine_grid_is_better",
    ),
    Mutant(
        "the descent constant of a prox step is too large (errata E17)",
        "qlab/prox.py",
        "return 1 / (2 * step_size) - smoothness / 2",
        "return 1 / step_size - smoothness / 2",
        "tests/errata/test_prox.py",
    ),
    Mutant(
        "proxquant ignores the step size in its prox",
        "qlab/methods/proxquant.py",
        "nu = torch.as_tensor(h.lr * self.reg(h), dtype=w.dtype)",
        "nu = torch.as_tensor(0.1 * self.reg(h) + 0 * h.lr, dtype=w.dtype)",
        f"{METHODS}::test_proxquant_is_the_prox_of_the_stepped_weight",
    ),
    Mutant(
        "proxquant's frozen weights move on",
        "qlab/methods/proxquant.py",
        'return torch.where(frozen, s["held"], torch.where(hard, q, soft))',
        'return torch.where(frozen, q, torch.where(hard, q, soft)) + 0 * s["held"]',
        f"{METHODS}::test_after_the_hard_step_every_weight_is_on_a_level_and_bitwise_still",
    ),
    Mutant(
        "binaryrelax relaxes less and less",
        "qlab/methods/binaryrelax.py",
        "h.relax_rate, h.t - 1)",
        "h.relax_rate, 1 - h.t)",
        f"{METHODS}::test_binaryrelax_sees_the_l2_prox_with_a_growing_parameter",
    ),
    Mutant(
        "parq softens over the run",
        "qlab/methods/parq.py",
        "return (last - now) / (last - first)",
        "return (now - first) / (last - first)",
        f"{METHODS}::test_parq_goes_from_the_identity_inside_the_grid_to_the_staircase",
    ),
    Mutant(
        "mirror descent takes its gradient through tanh",
        "qlab/methods/md.py",
        "torch.tanh(beta * ((v - c) / r)), (w, 1.0))",
        "torch.tanh(beta * ((v - c) / r)), (w, 1 - torch.tanh(beta * v) ** 2))",
        f"{METHODS}::test_mirror_descent_is_the_multiplicative_update_of_the_seen_weight",
    ),
    Mutant(
        "bop follows the last gradient",
        "qlab/methods/bop.py",
        "jump = gap * m.sign() * (m.abs() > h.threshold) + 0 * m",
        "jump = gap * g.sign() * (m.abs() > h.threshold) + 0 * m",
        f"{METHODS}::test_bops_average_decides_not_the_last_gradient",
    ),
    Mutant(
        "dampening pulls half as hard",
        "qlab/methods/dampening.py",
        "return g + 2 * torch",
        "return g + torch",
        f"{METHODS}::test_dampening_adds_the_gradient_of_the_squared_distance_inside_the_grid",
    ),
    Mutant(
        "freezing counts every change as an oscillation",
        "qlab/methods/freezing.py",
        'o = (went * s["went"] < 0).to(w.dtype)',
        "o = (went != 0).to(w.dtype)",
        f"{METHODS}::test_a_weight_that_wanders_from_level_to_level_in_one_direction_is_never_frozen",
    ),
    Mutant(
        "LSQ's scale gradient forgets the rounding error's sign",
        "qlab/quantizers/lsq.py",
        "ds = torch.where(inside, k - z, k)",
        "ds = torch.where(inside, z - k, k)",
        "tests/quantizers/test_lsq_pact.py",
    ),
    Mutant(
        "PACT's clip learns from below",
        "qlab/quantizers/pact.py",
        "(c, x > bound))",
        "(c, x < bound))",
        "tests/quantizers/test_lsq_pact.py",
    ),
]
