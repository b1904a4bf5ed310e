"""Mutants of the cones, the general velocity, the duality instances and lessons 06 and 08."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "cones: the multiplier may be negative",
        "qlab/constraints/cones.py",
        "torch.ones_like(slope)), 0.0).relu()",
        "torch.ones_like(slope)), 0.0)",
        "tests/constraints/test_cones.py",
    ),
    Mutant(
        "cones: a slack constraint counts too",
        "qlab/constraints/cones.py",
        "return jacobian[psi <= tol].double()",
        "return jacobian[psi <= tol + 1].double()",
        "tests/constraints/test_cones.py",
    ),
    Mutant(
        "cones: MFCQ holds at a midpoint (errata E5)",
        "qlab/constraints/cones.py",
        "return (psi > tol) | (slope != 0)",
        "return (psi > tol) | (slope == slope)",
        "tests/errata/test_constraints.py",
    ),
    Mutant(
        "cones: MFCQ asks only that no direction hurts",
        "qlab/constraints/cones.py",
        "return bool(-found.fun > 1e-9)",
        "return bool(-found.fun >= 0)",
        "tests/constraints/test_cones.py",
    ),
    Mutant(
        "qp: the push acts the wrong way",
        "qlab/constraints/qp.py",
        "h = J @ g - push * psi[psi <= tol].double()",
        "h = J @ g + push * psi[psi <= tol].double()",
        "tests/constraints/test_qp.py",
    ),
    Mutant(
        "qp: the rows are scaled, their bounds are not",
        "qlab/constraints/qp.py",
        "h[norm > 0] / norm[norm > 0]",
        "h[norm > 0]",
        "tests/constraints/test_qp.py",
    ),
    Mutant(
        "duality: the price of rounding is linear",
        "qlab/theory/duality.py",
        "return max(0.0, math.sqrt(self.variance) - math.sqrt(eps)) ** 2",
        "return max(0.0, self.variance - eps)",
        "tests/theory/test_duality.py",
    ),
    Mutant(
        "duality: the multiplier forgets its factor 2",
        "qlab/theory/duality.py",
        "torch.linalg.solve(self.A + 2 * lam * eye",
        "torch.linalg.solve(self.A + lam * eye",
        "tests/theory/test_duality.py",
    ),
    Mutant(
        "duality: an atom can be split",
        "qlab/theory/duality.py",
        "return 1 - eps if self.n == math.inf else",
        "return 1 - eps if self.n > 1 else",
        "tests/theory/test_duality.py",
    ),
    Mutant(
        "multipliers: the price rises while the weight is feasible",
        "qlab/experiments/multipliers.py",
        "lam = max(0.0, lam - dual_step * psi(new if alternating else w, eps))",
        "lam = max(0.0, lam + dual_step * psi(new if alternating else w, eps))",
        "tests/experiments/test_multiplier_runs.py",
    ),
    Mutant(
        "multipliers: the ceiling of the dual step forgets the curvature of psi",
        "qlab/experiments/multipliers.py",
        "return 1 - point.lam * second",
        "return 1.0",
        "tests/experiments/test_multiplier_runs.py",
    ),
    Mutant(
        "multipliers: the sweep updates one after the other",
        "qlab/experiments/multipliers.py",
        "(seen if alternating else value)",
        "seen",
        "tests/experiments/test_multiplier_runs.py",
    ),
    Mutant(
        "flow: a violated half-space is not seen",
        "qlab/experiments/flow.py",
        "-torch.eye(len(w), dtype=w.dtype)[0], -self.n]",
        "-torch.eye(len(w), dtype=w.dtype)[0], self.n]",
        "tests/experiments/test_flow.py",
    ),
    Mutant(
        "duality demo: the sentence mistakes the bound for the optimum",
        "qlab/demos/d08_duality.py",
        "return max(0.0, self.here - self.bound)",
        "return max(0.0, self.bound - self.here)",
        "tests/demos/test_d08.py",
    ),
]
