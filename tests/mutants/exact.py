"""Mutants of the exact solvers and of what is measured against them."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "exact: the product form forgets the linear part of the margins",
        "qlab/exact/product.py",
        "halves = self._halves(self.rows, index) + self.constant",
        "halves = 0 * self._halves(self.rows, index) + self.constant",
        "tests/exact/test_exhaustive.py::test_logistic_is_the_sorted_naive_search",
    ),
    Mutant(
        "exact: a block takes its first group twice",
        "qlab/exact/product.py",
        "for group in range(first + 1 - offset, end - offset):",
        "for group in range(first - offset, end - offset):",
        "tests/exact/test_exhaustive.py::test_logistic_is_the_sorted_naive_search",
    ),
    Mutant(
        "exact: multisets count every order once",
        "qlab/exact/sides.py",
        "return factorial[self.size] // factorial[times].prod(1)",
        "return factorial[self.size] // factorial[times].prod(1).clamp(max=1)",
        "tests/exact/test_exhaustive.py::test_two_layer_is_the_sorted_naive_search",
    ),
    Mutant(
        "exact: the enumeration skips the last configuration",
        "qlab/exact/search.py",
        "index = torch.arange(first, min(first + chunk, total))",
        "index = torch.arange(first, min(first + chunk, total - 1))",
        "tests/exact/test_exhaustive.py::test_a_problem_without_structure_is_enumerated",
    ),
    Mutant(
        "exact: the collector keeps the worst",
        "qlab/exact/result.py",
        "order = self.losses.argsort(stable=True)[: self.pool]",
        "order = self.losses.argsort(stable=True, descending=True)[: self.pool]",
        "tests/exact/test_exhaustive.py::test_logistic_is_the_sorted_naive_search",
    ),
    Mutant(
        "exact: the rank counts from 0",
        "qlab/exact/result.py",
        "return 1 + smaller[",
        "return smaller[",
        "tests/exact/test_exhaustive.py::test_rank_counts_the_better_ones",
    ),
    Mutant(
        "exact: tangents lie above the loss, so that the bound is none",
        "qlab/exact/programs.py",
        "self.add(np.logaddexp(0, a) - sigma * a, sigma)",
        "self.add(np.logaddexp(0, a) - sigma * a + 0.1, sigma)",
        "tests/exact/test_solvers.py::test_the_bound_is_a_bound_also_when_time_is_up",
    ),
    Mutant(
        "exact: the L1 program forgets one side of the absolute value",
        "qlab/exact/programs.py",
        "program.add(-target, slope=1.0)",
        "program.add(-abs(target), slope=1.0)",
        "tests/exact/test_solvers.py::test_the_l1_program_is_exhaustive_l1_regression",
    ),
    Mutant(
        "exact: the sphere decoder takes the first leaf for the best",
        "qlab/exact/sphere_decoder.py",
        "best, radius = w.copy(), cost\n                continue",
        "return w.copy(), cost, nodes, True",
        "tests/exact/test_solvers.py::test_sphere_decoding_is_exhaustive_least_squares",
    ),
    Mutant(
        "exact: a refusal does not say how long it would take",
        "qlab/exact/cost.py",
        "self.seconds, self.bytes = seconds, bytes",
        "self.seconds, self.bytes = 0.0, bytes",
        "tests/exact/test_exhaustive.py::test_what_cannot_finish_is_refused_with_both_numbers",
    ),
    Mutant(
        "exact: a map's cell is counted within 50 % of the optimum",
        "qlab/experiments/area.py",
        "values = gap.transpose(*order).values <= WITHIN",
        "values = gap.transpose(*order).values <= 10 * WITHIN",
        "tests/experiments/test_exact_runs.py::test_a_cell_of_the_map_is_the_run_with_its_settings",
    ),
    Mutant(
        "exact: Newton's method forgets the samples' weights",
        "qlab/experiments/exact_tasks.py",
        "q * (1 - q), a, a) / problem.n",
        "0.05 + 0 * q, a, a) / problem.n",
        "tests/experiments/test_exact_runs.py::test_the_real_minimizer_is_stationary_and_below_every_configuration",
    ),
    Mutant(
        "exact: the landscape shows the rank of the latent weights",
        "qlab/demos/d13_landscape.py",
        "run.problem.loss(block.deployed().double())[0]",
        "run.problem.loss(block.w.double())[0]",
        "tests/demos/test_d13.py::test_the_landscape_is_the_exhaustive_search",
    ),
]
