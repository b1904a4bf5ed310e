"""What S2 says of coarse gradients in the two-layer model, tried on random teachers and states: one number per seed.

It is computed where the seeds are (C,), in float64; results are on the CPU.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from qlab import uniforms
from qlab.experiments.two_layer import TRUE, chatter, descend, teacher
from qlab.problems.teacher_student import covariance
from qlab.theory import surrogates
from qlab.theory.two_layer import TwoLayer, across, angle, dot, norm

UNITS, INPUTS, STATES = 3, 4, 1000


def states(seeds: Tensor, count: int = STATES, condition: float = 1.0) -> tuple[TwoLayer, Tensor, Tensor]:
    """`count` random states for each seed: teacher, v and w (C, count, .), standard normal, w* of length 1.

    The covariance has geometric eigenvalues along the coordinates: w and w* point anywhere.
    """
    v_star, w_star, v, w = (
        uniforms.normal(seeds, 0, k, (count, d), stream="data", dtype=torch.float64)
        for k, d in enumerate((UNITS, INPUTS, UNITS, INPUTS))
    )
    sigma = None if condition == 1 else covariance(INPUTS, condition).to(seeds.device)
    return TwoLayer(v_star, w_star / norm(w_star), sigma), v, w


def starts(seeds: Tensor, count: int = 20) -> tuple[TwoLayer, Tensor, Tensor]:
    """`count` starts for each seed that meet S2's three conditions, |w| = |v*| = 1: shapes as in `states`."""
    model, v, w = states(seeds, 60 * count)
    v_star, w = model.v_star / norm(model.v_star), w / norm(w)
    fit = TwoLayer(v_star, model.w_star).converges_from(v, w)
    if int(fit.sum(-1).min()) < count:
        raise ValueError(f"fewer than {count} of {60 * count} random starts meet the conditions for some seed")
    chosen = fit.double().argsort(dim=-1, descending=True, stable=True)[..., :count].unsqueeze(-1)
    v_star, w_star, v, w = (x.take_along_dim(chosen, -2) for x in (v_star, model.w_star, v, w))
    return TwoLayer(v_star, w_star), v, w


def theorem_error(seeds: Tensor, surrogate: str = "relu") -> Tensor:
    """Largest relative difference of the inner product from S2's formula; infinite where it is negative: (C,)."""
    model, v, w = states(seeds)
    inner = model.correlation(v, w, surrogate)
    formula = surrogates.correlation(v, w, model.v_star, model.angle(w), surrogate)
    return torch.where(inner >= 0, (inner / formula - 1).abs(), math.inf).amax(-1).cpu()


def twice_error(seeds: Tensor) -> Tensor:
    """Largest |identity's inner product / ReLU's - 2|: (C,)."""
    model, v, w = states(seeds)
    return (model.correlation(v, w, "identity") / model.correlation(v, w, "relu") - 2).abs().amax(-1).cpu()


def apart(seeds: Tensor, surrogate: str = "relu") -> Tensor:
    """Median angle between coarse and true gradient, degrees: (C,)."""
    model, v, w = states(seeds)
    return torch.rad2deg(angle(model.coarse(v, w, surrogate), model.gradient_w(v, w))).median(-1).values.cpu()


def times_as_long(seeds: Tensor, surrogate: str = "relu") -> Tensor:
    """Median of |E g| / |dF/dw|: (C,)."""
    model, v, w = states(seeds)
    return (norm(model.coarse(v, w, surrogate)) / norm(model.gradient_w(v, w))).squeeze(-1).median(-1).values.cpu()


def negative(seeds: Tensor, condition: float, surrogate: str = "relu") -> Tensor:
    """Share of the states at which the inner product is negative: (C,)."""
    model, v, w = states(seeds, condition=condition)
    return (model.correlation(v, w, surrogate) < 0).double().mean(-1).cpu()


def negative_in_metric(seeds: Tensor, condition: float, surrogate: str = "relu") -> Tensor:
    """The same for ⟨E g, Σ⁻¹ dF/dw⟩, the inner product in which steps along Σ⁻¹ E g are judged: (C,)."""
    model, v, w = states(seeds, condition=condition)
    true = model.gradient_w(v, w) / torch.diagonal(covariance(INPUTS, condition)).to(seeds.device)
    return (dot(model.coarse(v, w, surrogate), true) < 0).double().mean(-1).cpu()


def converged(seeds: Tensor, step_size: float, surrogate: str = "relu", travel: float = 150.0) -> Tensor:
    """Share of 20 starts that meet S2's conditions whose loss never rises and whose w ends below 1° from w*: (C,)."""
    model, v, w = starts(seeds)
    path = descend(model, v, w, step_size=step_size, steps=round(travel / step_size), gradient=surrogate)
    falls = (path.loss.diff(dim=0) <= 1e-14).all(0)  # once the loss is 0 to rounding it cannot fall
    return (falls & (path.angle[-1] < 1)).double().mean(-1).cpu()


def final_angles(seeds: Tensor, step_size: float, gradient: str = TRUE, travel: float = 150.0) -> Tensor:
    """Mean angle over the last two steps, degrees, from one start per seed that meets S2's conditions: (C,)."""
    model, v, w = starts(seeds, 1)
    path = descend(model, v, w, step_size=step_size, steps=round(travel / step_size), gradient=gradient)
    return path.angle[-2:].mean(0).squeeze(-1).cpu()


def predicted_angle(step_size: float) -> float:
    """The true gradient's mean final angle for |v*| = 1, degrees."""
    one = torch.ones(1, dtype=torch.float64)
    return float(chatter(TwoLayer(one, one), step_size))


def steepening(seeds: Tensor) -> Tensor:
    """|∇F(w) - ∇F(w')|/|w - w'| for w, w' on both sides of w*, at distance 1e-4 over that at 1e-3: (C,)."""
    model, v, w = states(seeds, 1)
    side = across(model.w_star, w)

    def quotient(d: float) -> Tensor:
        ends = [model.w_star + sign * d * side for sign in (1, -1)]
        return norm(model.gradient_w(v, ends[0]) - model.gradient_w(v, ends[1])) / (2 * d)

    return (quotient(1e-4) / quotient(1e-3)).flatten().cpu()


def at_spurious_minimum(seeds: Tensor, surrogate: str) -> Tensor:
    """log10 |E g|, at least -17, at the spurious minimum of one teacher per seed that has it: (C,)."""
    model = _with_spurious(seeds)
    size = norm(model.coarse(model.spurious_v(), -model.w_star, surrogate)).squeeze(-1)
    return size.clamp(min=1e-17).log10().cpu()


def rise_from_spurious_minimum(surrogate: str, step_size: float = 0.05, steps: int = 400) -> float:
    """Largest loss of the lesson's teacher, relative to its spurious minimum's, in a descent from there without weight
    normalization, minus 1."""
    model = teacher()
    start = model.spurious_v(), -model.w_star
    path = descend(model, *start, step_size=step_size, steps=steps, gradient=surrogate, normalise=False)
    return float(path.loss.max() / path.loss[0] - 1)


def _with_spurious(seeds: Tensor) -> TwoLayer:
    model, _, _ = states(seeds, 100)
    first = model.spurious_exists().double().argmax(-1)[:, None, None]
    return TwoLayer(*(x.take_along_dim(first, 1).squeeze(1) for x in (model.v_star, model.w_star)))
