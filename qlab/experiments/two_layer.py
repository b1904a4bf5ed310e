"""S2's two-layer model: descent by the true and by coarse gradients, and how often the two disagree (S2, "Analysis").

Everything is computed from the closed forms of `qlab.theory.two_layer`: no samples, no noise, float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from qlab.messages import unknown
from qlab.problems.teacher_student import TRUE, covariance
from qlab.theory import surrogates
from qlab.theory.two_layer import TwoLayer, norm

GRADIENTS = (TRUE, *surrogates.MASKS)
TEACHER_V = (1.0, -0.5, 0.5)
"""v* of the lesson: (1'v*)² = 1 < (m + 1)|v*|²/2 = 3, so that there is a spurious minimum."""


def teacher(condition: float = 1.0, axis: float = 45.0) -> TwoLayer:
    """The lesson's teacher: m = 3, n = 2, w* = (1, 0); the inputs' long axis is `axis` degrees from w*."""
    t = math.radians(axis)
    turn = torch.tensor([[math.sin(t), math.cos(t)], [-math.cos(t), math.sin(t)]], dtype=torch.float64)
    sigma = None if condition == 1 else covariance(2, condition, turn)
    return TwoLayer(torch.tensor(TEACHER_V).double(), torch.tensor([1.0, 0.0]).double(), sigma)


def at(theta: float | Tensor) -> Tensor:
    """The unit vector (..., 2) at an angle in degrees from w* = (1, 0)."""
    t = torch.deg2rad(torch.as_tensor(theta, dtype=torch.float64))
    return torch.stack((t.cos(), t.sin()), -1)


@dataclass(frozen=True)
class Path:
    """angle (steps + 1, ...) in degrees and loss (steps + 1, ...) of a descent; v (..., m), w (..., n) at its end."""

    angle: Tensor
    loss: Tensor
    v: Tensor
    w: Tensor


def descend(
    model: TwoLayer,
    v: Tensor,
    w: Tensor,
    *,
    step_size: float | Tensor,
    steps: int,
    gradient: str = "relu",
    normalise: bool = True,
) -> Path:
    """S2's descent with its weight normalization, from (v, w), which are runs in their leading axes:

        v+ = v - step_size dF/dv,    w½ = w - step_size g,    w+ = w½/|w½|

    g: dF/dw for gradient "true", E g for a surrogate. normalise=False leaves w+ = w½. step_size: a number, or one for
    each run. ValueError for an unknown gradient.
    """
    if gradient not in GRADIENTS:
        raise ValueError(unknown("gradient", gradient, GRADIENTS))
    eta = torch.as_tensor(step_size, dtype=w.dtype).unsqueeze(-1)
    angles, losses = [], []
    for t in range(steps + 1):
        theta = model.angle(w)
        angles.append(theta)
        losses.append(model.loss_at(v, theta))
        if t == steps:
            break
        g = model.gradient_w(v, w) if gradient == TRUE else model.coarse(v, w, gradient)
        v, w = v - eta * model.gradient_v_at(v, theta), w - eta * g
        w = w / norm(w) if normalise else w
    return Path(torch.rad2deg(torch.stack(angles)), torch.stack(losses), v, w)


def chatter(model: TwoLayer, step_size: float | Tensor, v: Tensor | None = None) -> Tensor:
    """The mean angle, in degrees, that normalised true-gradient descent ends with near w* (standard Gaussian inputs).

    |dF/dw| = v'v*/(2π) however near w* is, so every step turns w by arctan(step_size v'v*/(2π)): across w* and back.
    v: default v*.
    """
    pull = ((model.v_star if v is None else v) * model.v_star).sum(-1)
    return torch.rad2deg(torch.atan(torch.as_tensor(step_size) * pull / (2 * math.pi))) / 2
