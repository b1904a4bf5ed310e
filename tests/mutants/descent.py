"""Mutants of blended coarse gradient descent and its theory."""

from tests.mutants.mutant import Mutant

MUTANTS = [
    Mutant(
        "bcgd: the quantized point is blended in with the wrong weight",
        "qlab/methods/bcgd.py",
        "return (1 - rho) * w + rho * h.Q(w)",
        "return rho * w + (1 - rho) * h.Q(w)",
        "tests/methods/test_bcgd.py",
    ),
    Mutant(
        "bcgd: rho grows beyond its cap",
        "qlab/methods/bcgd.py",
        "return torch.minimum(schedules.grown(h.rho, h.rho_rate, x), most).clamp(max=1)",
        "return schedules.grown(h.rho, h.rho_rate, x).clamp(max=1)",
        "tests/methods/test_bcgd.py::test_rho_grows_per_step_up_to_its_cap_as_in_the_authors_code",
    ),
    Mutant(
        "descent: the constant of BGD forgets the 2",
        "qlab/theory/descent.py",
        "return rho / (2 * step_size) - smoothness / 2",
        "return rho / step_size - smoothness / 2",
        "tests/theory/test_descent.py",
    ),
    Mutant(
        "descent: a level is left on the wrong side",
        "qlab/theory/descent.py",
        "room = torch.where(gradient > 0, down, up)",
        "room = torch.where(gradient > 0, up, down)",
        "tests/theory/test_descent.py::test_a_level_rests_exactly_up_to_its_grip",
    ),
]
