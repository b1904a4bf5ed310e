"""Mutants of the chains, their limits, waiting times, the accuracy floors and the staircase's theory."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "chain: stochastic rounding reaches twice as far",
        "qlab/theory/chain.py",
        "mean_excess(d + k * spacing, s) for k in (1, 0, -1)",
        "mean_excess(d + 2 * k * spacing, s) for k in (1, 0, -1)",
        "tests/theory/test_chain.py::test_a_row_is_what_the_quantizer_does",
    ),
    Mutant(
        "chain: the stationary law is that of the columns",
        "qlab/theory/chain.py",
        "A = (T - torch.eye(K, dtype=T.dtype)).T.clone()",
        "A = (T - torch.eye(K, dtype=T.dtype)).clone()",
        "tests/theory/test_chain.py",
    ),
    Mutant(
        "chain_limit: the gradient is mistaken for the step (errata E1)",
        "qlab/theory/chain_limit.py",
        "return mean_excess(-m, s) / spacing, mean_excess(m, s) / spacing",
        "return mean_excess(m, s) / spacing, mean_excess(-m, s) / spacing",
        "tests/errata/test_chains.py",
    ),
    Mutant(
        "chain_limit: columns are taken for sources (errata E2)",
        "qlab/theory/chain_limit.py",
        "return U - torch.diag(U.sum(1))",
        "return U - torch.diag(U.sum(0))",
        "tests/errata/test_chains.py::test_E02_rows_are_sources",
    ),
    Mutant(
        "chain2d: the two coordinates swap their rows",
        "qlab/theory/chain2d.py",
        "first.unsqueeze(2) * second.unsqueeze(1)",
        "second.unsqueeze(2) * first.unsqueeze(1)",
        "tests/theory/test_chain2d.py",
    ),
    Mutant(
        "waiting: staying counts as leaving",
        "qlab/theory/waiting.py",
        "return 1 / (left + right)",
        "return 1 / (left + _ + right)",
        "tests/theory/test_waiting.py",
    ),
    Mutant(
        "floors: Theorem 4 as printed, linear in the spacing (errata E3)",
        "qlab/theory/floors.py",
        "return D * L2 * d * spacing**2 / 8",
        "return D * L2 * math.sqrt(d) * spacing / 2",
        "tests/errata/test_chains.py::test_E03_the_floor_of_theorem_4_must_not_depend_on_the_unit",
    ),
    Mutant(
        "floors: the average of SR keeps all of its variance",
        "qlab/theory/floors.py",
        "return mu * variance / 2, mu * variance / 4",
        "return mu * variance / 2, mu * variance / 2",
        "tests/experiments/test_floors_runs.py::test_the_runs_end_at_their_exact_limits",
    ),
    Mutant(
        "wells: BinaryConnect forgets the gradient's noise",
        "qlab/experiments/wells.py",
        "            v -= row\n",
        "            v -= 0 * row\n",
        "tests/experiments/test_wells_runs.py",
    ),
    Mutant(
        "staircase: the ramp begins one level late",
        "qlab/theory/staircase.py",
        "return s * (x / s).ceil().clamp(0, n)",
        "return s * (x / s).floor().clamp(0, n)",
        "tests/theory/test_staircase.py",
    ),
]
