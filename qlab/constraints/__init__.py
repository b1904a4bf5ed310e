"""Quantization as a constraint psi(w) >= 0: islands around the levels, and velocities that keep to them (S0 3 to 5)."""

from qlab.constraints.intervals import admissible, eps_hat_at, gap, intervals, raw_eps
from qlab.constraints.psi import eps_of, on_grid, psi, slope
from qlab.constraints.velocity import cases, pushed, velocity

__all__ = [
    "admissible",
    "cases",
    "eps_hat_at",
    "eps_of",
    "gap",
    "intervals",
    "on_grid",
    "psi",
    "pushed",
    "raw_eps",
    "slope",
    "velocity",
]
