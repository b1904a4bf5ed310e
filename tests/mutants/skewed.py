"""Mutants of the interval constraint, the methods that keep to it, and their schedules."""

from tests.mutants.mutant import Mutant

METHODS = "tests/methods/test_skewed.py"

MUTANTS = [
    Mutant(
        "psi: the barrier is half as high",
        "qlab/constraints/psi.py",
        "return eps_hat * ((gap * gap) * (gap * gap)) / 16",
        "return eps_hat * ((gap * gap) * (gap * gap)) / 8",
        "tests/constraints/test_psi.py",
    ),
    Mutant(
        "psi: the outer cells are forgotten",
        "qlab/constraints/psi.py",
        "outer = (u < first) | (u >= last)",
        "outer = u < first",
        "tests/constraints/test_psi.py",
    ),
    Mutant(
        "psi: its slope loses a factor",
        "qlab/constraints/psi.py",
        "value, d = eps - p * p, 4 * p * x",
        "value, d = eps - p * p, 2 * p * x",
        "tests/constraints/test_psi.py",
    ),
    Mutant(
        "intervals: the inner ends are those of the outside",
        "qlab/constraints/intervals.py",
        "inner = (gaps - (gaps * gaps - 4 * root).clamp(min=0).sqrt()) / 2",
        "inner = root + 0 * gaps",
        "tests/constraints/test_psi.py",
    ),
    Mutant(
        "velocity: the second condition is lost, as printed (errata E7)",
        "qlab/constraints/velocity.py",
        "return (psi < 0) & (-slope * g < -push * psi)",
        "return psi < 0",
        "tests/errata/test_barrier.py",
    ),
    Mutant(
        "velocity: a NaN gradient is pushed",
        "qlab/constraints/velocity.py",
        "return (psi < 0) & (-slope * g < -push * psi)",
        "return (psi < 0) & ~(-slope * g >= -push * psi)",
        "tests/constraints/test_velocity.py",
    ),
    Mutant(
        "schedules: the free phase is one step too long",
        "qlab/schedules.py",
        "return _double(t) <= _free_steps(_double(steps), free)",
        "return _double(t) <= _free_steps(_double(steps), free) + 1",
        "tests/test_schedules.py",
    ),
    Mutant(
        "mj: the velocity is not multiplied back by the scale",
        "qlab/methods/mj.py",
        "return -s_w * self.velocity(g / s_w, psi, slope, h).to(w.dtype)",
        "return -self.velocity(g, psi, slope, h).to(w.dtype)",
        METHODS,
    ),
    Mutant(
        "askew: the clip is on always",
        "qlab/methods/askew.py",
        'if h.option("clip") == "none":',
        'if h.option("clip") == "never":',
        METHODS,
    ),
    Mutant(
        "askew: a quarter of a gap is a quarter of a gap per unit of time",
        "qlab/methods/askew.py",
        "return share * (h.grid.gap / h.grid.den) / torch.as_tensor(h.lr, dtype=like.dtype, device=like.device)",
        "return torch.as_tensor(share * h.grid.gap / h.grid.den)",
        METHODS,
    ),
    Mutant(
        "askew-modified: the soft push is not bounded",
        "qlab/methods/askew_modified.py",
        "v = -h.push * psi * slope / (slope * slope + h.soft)",
        "v = -h.push * psi * slope / (slope * slope + 1e-9 * h.soft)",
        METHODS,
    ),
    Mutant(
        "sgda: the multiplier falls where it should rise",
        "qlab/methods/sgda.py",
        '(s["lam"] - h.dual_step * psi)',
        '(s["lam"] + h.dual_step * psi)',
        METHODS,
    ),
    Mutant(
        "sgda: alternating is simultaneous",
        "qlab/methods/sgda.py",
        'w if h.option("update") == "simultaneous" else w_new',
        "w",
        METHODS,
    ),
    Mutant(
        "barrier: the path of D6 pushes towards the midpoint",
        "qlab/experiments/barrier.py",
        "v = min(max(-push * value / d, -push_max), push_max)",
        "v = min(max(push * value / d, -push_max), push_max)",
        "tests/experiments/test_barrier_runs.py",
    ),
    Mutant(
        "barrier: a weight off its island counts as stationary",
        "qlab/experiments/barrier.py",
        "own = ends[(w >= 0).long()]",
        "own = ends[(w < 0).long()]",
        "tests/experiments/test_barrier_runs.py",
    ),
    Mutant(
        "saddle: planted next to the island",
        "qlab/experiments/saddle.py",
        '"edge": edges(eps_hat)[0]',
        '"edge": edges(eps_hat)[1]',
        "tests/experiments/test_barrier_runs.py",
    ),
    Mutant(
        "D6: the sentence swaps the longest step and the barrier",
        "qlab/demos/d07_askew.py",
        "own, barrier = look.fmt(path.longest), look.fmt(float(data.inner[-1]))",
        "barrier, own = look.fmt(path.longest), look.fmt(float(data.inner[-1]))",
        "tests/demos/test_d07.py",
    ),
]
