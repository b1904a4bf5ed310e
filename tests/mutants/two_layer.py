"""Mutants of the two-layer theory: closed forms, coarse gradients, samples, descent, problem."""

from tests.mutants.mutant import Mutant

THEORY = "tests/theory/test_two_layer_theory.py"
MUTANTS = [
    Mutant(
        "two layers: the angle enters F with a factor of 1",
        "qlab/theory/two_layer.py",
        "return (1 - 2 / math.pi * theta.unsqueeze(-1)) * v + v.sum(-1, keepdim=True)",
        "return (1 - 1 / math.pi * theta.unsqueeze(-1)) * v + v.sum(-1, keepdim=True)",
        f"{THEORY}::test_every_closed_form_is_the_mean_of_its_samples",
    ),
    Mutant(
        "two layers: the true gradient forgets |w|",
        "qlab/theory/two_layer.py",
        "-pull / (2 * math.pi * norm(u)) * across(u, u_)",
        "-pull / (2 * math.pi) * across(u, u_)",
        f"{THEORY}::test_gradients_are_finite_differences_of_the_loss",
    ),
    Mutant(
        "two layers: spurious points exist for larger sums",
        "qlab/theory/two_layer.py",
        "return v_.sum(-1) ** 2 < (v_.shape[-1] + 1) * dot(v_, v_) / 2",
        "return v_.sum(-1) ** 2 < (v_.shape[-1] + 2) * dot(v_, v_) / 2",
        f"{THEORY}::test_spurious_points_exist_where_they_should",
    ),
    Mutant(
        "surrogates: the teacher's length reaches E g (formulas: needs |w*| = 1)",
        "qlab/theory/surrogates.py",
        "w, w_star = w / r, w_star / torch.linalg.vector_norm(w_star, dim=-1, keepdim=True)",
        "w = w / r",
        "tests/errata/test_two_layer.py::test_needs_a_teacher_of_length_1",
    ),
    Mutant(
        "surrogates: the clipped ReLU's boundary term has the wrong sign",
        "qlab/theory/surrogates.py",
        "w * (0.5 / ROOT - phi * torch.special.ndtr(a * cos / sin))",
        "w * (0.5 / ROOT + phi * torch.special.ndtr(a * cos / sin))",
        f"{THEORY}::test_the_clipped_relu_is_its_integral",
    ),
    Mutant(
        "surrogates: units are taken for independent of themselves",
        "qlab/theory/surrogates.py",
        "(ones**2 - vv - ones * ones_ + pull) * A / 2",
        "(ones**2 - ones * ones_) * A / 2",
        f"{THEORY}::test_h_is_what_the_document_prints",
    ),
    Mutant(
        "two layers: a sample's inputs ignore their covariance",
        "qlab/theory/two_layer_samples.py",
        "return x if model.root is None else x @ model.root.unsqueeze(-3)",
        "return x",
        f"{THEORY}::test_samples_are_a_function_of_seed_and_step_and_F_N_is_flat",
    ),
    Mutant(
        "teacher-student: the coarse gradient replaces that of the second layer too",
        "qlab/problems/teacher_student.py",
        "return torch.cat((model.gradient_v(v, w1), w_part), -1)",
        "return torch.cat((0 * v, w_part), -1)",
        "tests/problems/test_teacher_student.py::test_a_coarse_gradient_stands_in_for_the_first_layer_alone",
    ),
    Mutant(
        "two-layer descent: the weight is not normalized",
        "qlab/experiments/two_layer.py",
        "w = w / norm(w) if normalise else w",
        "w = w",
        "tests/experiments/test_two_layer_runs.py::test_the_true_gradient_chatters_and_the_coarse_one_lands",
    ),
    Mutant(
        "two-layer descent in the plane: the loss forgets the sum",
        "qlab/experiments/two_layer_plane.py",
        "2 * (kappa * pull + ones * S)",
        "2 * kappa * pull",
        "tests/experiments/test_two_layer_runs.py::test_the_plane_is_the_whole_descent",
    ),
]
