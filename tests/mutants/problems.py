"""Mutants of the problems, the grid of runs, the metrics, and the experiments made of them."""

from tests.mutants.mutant import Mutant

PROBLEMS = "tests/problems/test_problems.py"
GRID = "tests/grid/test_grid.py"

MUTANTS = [
    Mutant(
        "logistic regression descends the wrong way",
        "qlab/problems/linear.py",
        "return s.sigmoid_()",
        "return s.neg_().sigmoid_()",
        f"{PROBLEMS}::test_the_gradient_is_the_derivative_of_the_loss",
    ),
    Mutant(
        "the labels of logistic regression ignore the weights",
        "qlab/problems/linear.py",
        "torch.where(u < z.sigmoid(), 1.0, -1.0)",
        "torch.where(u < 0.5, 1.0, -1.0)",
        f"{PROBLEMS}::test_the_planted_instance_is_the_posters",
    ),
    Mutant(
        "the features of the hard instance are independent",
        "qlab/problems/linear.py",
        "return 0.1**0.5 * u + 0.9**0.5 * shared",
        "return u + 0 * shared",
        f"{PROBLEMS}::test_the_features_of_the_hard_instance_are_correlated",
    ),
    Mutant(
        "the hinge has a slope at its kink",
        "qlab/problems/linear.py",
        "torch.where(s <= -1, 0.0, 1 + 0 * s)",
        "torch.where(s < -1, 0.0, 1 + 0 * s)",
        f"{PROBLEMS}::test_non_smooth_losses_take_0_at_the_kink",
    ),
    Mutant(
        "batch normalization is differentiated as if the mean were constant",
        "qlab/problems/moons.py",
        "delta = (delta - delta.mean(-1, keepdim=True) - a",
        "delta = (delta - a",
        f"{PROBLEMS}::test_the_gradient_is_the_derivative_of_the_loss",
    ),
    Mutant(
        "every instance of a problem has the rows of the first",
        "qlab/problems/base.py",
        "return full[torch.arange(self.instances, device=full.device).unsqueeze(-1), rows]",
        "return full[torch.zeros(self.instances, dtype=torch.int64).unsqueeze(-1), rows]",
        f"{PROBLEMS}::test_an_instance_in_a_stack_is_the_instance_alone",
    ),
    Mutant(
        "the quadratic is not rotated",
        "qlab/problems/quadratic.py",
        "self.A = U * values @ U.mT",
        "self.A = U * values @ U",
        f"{PROBLEMS}::test_the_quadratic_has_its_spectrum_and_its_minimum_at_w_star",
    ),
    Mutant(
        "a grid of runs draws the batches of the first epoch again and again",
        "qlab/grid/loop.py",
        "lambda: permutation(self.seeds, epoch, self.problem.n)",
        "lambda: permutation(self.seeds, 0, self.problem.n)",
        f"{GRID}::test_a_cell_is_the_run_alone",
    ),
    Mutant(
        "a grid of runs takes every declared derivative for 1",
        "qlab/grid/loop.py",
        "return g if isinstance(d, float) and d == 1 else g * d",
        "return g",
        f"{GRID}::test_a_view_with_a_declared_derivative_needs_no_graph_and_any_other_gets_one",
    ),
    Mutant(
        "a diverged run of a grid keeps its numbers",
        "qlab/grid/record.py",
        "alive = loss.isfinite() & w.view(shape).isfinite().all(-1)",
        "alive = torch.ones_like(loss, dtype=torch.bool)",
        f"{GRID}::test_diverged_runs_are_nan_and_counted_and_the_others_stay",
    ),
    Mutant(
        "the numbers of a grid are laid out in another order than their runs",
        "qlab/grid/plan.py",
        "rows = torch.tensor([*itertools.product(*self.numbers.values())], dtype=torch.float64)",
        "rows = torch.tensor(sorted(itertools.product(*self.numbers.values()), key=sum), dtype=torch.float64)",
        f"{GRID}::test_a_cell_is_the_run_alone",
    ),
    Mutant(
        "the step size of a grid never decays",
        "qlab/grid/loop.py",
        "self.decay(self.t / self.steps)",
        "self.decay(0.0)",
        f"{GRID}::test_decay_ends_the_run_slowly",
    ),
    Mutant(
        "the optimum of a grid of runs is that of the problem's own levels",
        "qlab/grid/record.py",
        "if name in fixed}",
        "if name in fixed} and dict(problem.quantizer)",
        f"{GRID}::test_the_exact_optimum_is_on_the_grid_that_is_trained_on",
    ),
    Mutant(
        "an oscillation is any change",
        "qlab/metrics.py",
        "(went * last < 0)",
        "(went != 0)",
        "tests/test_metrics.py::test_an_oscillation_is_a_change_against_the_last_one_also_after_a_pause",
    ),
    Mutant(
        "the rank counts equal losses as better",
        "qlab/metrics.py",
        "loss.to(torch.float64).contiguous() - error)",
        "loss.to(torch.float64).contiguous() + error)",
        "tests/test_metrics.py::test_the_gap_is_relative_and_the_rank_counts_the_better_ones",
    ),
    Mutant(
        "the violation of psi counts what is feasible",
        "qlab/metrics.py",
        "return (-psi).clamp(min=0)",
        "return psi.clamp(min=0)",
        "tests/test_metrics.py::test_the_violation_is_0_exactly_inside_the_islands",
    ),
    Mutant(
        "tuning on tasks I and II takes the worst step size",
        "qlab/experiments/all_methods.py",
        "return float(mean.idxmin())",
        "return float(mean.idxmax())",
        "tests/experiments/test_all_methods.py::test_the_chosen_numbers_are_what_tuning_chooses",
    ),
]
