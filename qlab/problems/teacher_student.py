"""S2's teacher and student: two layers of binarized ReLU units on Gaussian inputs, their weights (v, w) in one vector.

F(v, w) = E (v'σ(Zw) - v*'σ(Zw*))² / 2 over inputs of a given condition number, or its mean over samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from qlab.problems.base import Problem, instances_of
from qlab.theory import surrogates, two_layer_samples
from qlab.theory.two_layer import TwoLayer
from qlab.uniforms import normal, uniform

TRUE = "true"


def covariance(n: int, condition: float, rotation: Tensor | None = None) -> Tensor:
    """Σ = U diag(values) U', float64: geometric eigenvalues of product 1, the largest `condition` times the smallest.

    rotation: orthogonal U (..., n, n), default I. ValueError for a condition below 1, or one of a single input.
    """
    if not condition >= 1 or (n == 1 and condition != 1):
        raise ValueError(f"condition = {condition!r} of {n} inputs; allowed: at least 1, and 1 for a single input")
    values = torch.logspace(-0.5, 0.5, n, base=condition, dtype=torch.float64) if n > 1 else torch.ones(1).double()
    U = torch.eye(n, dtype=torch.float64) if rotation is None else rotation
    return U * values @ U.mT


class TeacherStudent(Problem):
    """A planted teacher: v* in {-1, 1}^units, w* in {-1, 1}^inputs, at which F = 0.

    condition   of the inputs' covariance, whose axes point anywhere; 1: the standard Gaussian of S2
    samples     0: the mean over all inputs; N: over N drawn ones, on which F is piecewise constant in w
    surrogate   what stands for the gradient in w: "true" (dF/dw; 0 on samples), or the coarse gradient of one of
                "identity", "relu", "clipped-relu" (which ends at `clip`)
    """

    slug, name = "teacher-student", "Teacher and student"

    def __init__(
        self,
        units: int = 3,
        inputs: int = 4,
        condition: float = 1.0,
        samples: int = 0,
        surrogate: str = TRUE,
        clip: float = 1.0,
        seed: int | Tensor = 0,
    ):
        super().__init__()
        if units < 1 or inputs < 1 or samples < 0:
            raise ValueError(f"units={units}, inputs={inputs}, samples={samples}; allowed: 1, 1 and 0 at least")
        if surrogate != TRUE:
            surrogates.check(surrogate, clip)
        self.d, self.n, self.instances = units + inputs, samples, instances_of(seed)
        self.units, self.surrogate, self.clip = units, surrogate, clip
        u = uniform(seed, 0, 0, (self.d,), stream="data", dtype=torch.float64)
        self.w_star = torch.where(u < 0.5, -1.0, 1.0).double()
        turn = torch.linalg.qr(normal(seed, 0, 1, (inputs, inputs), stream="data", dtype=torch.float64)).Q
        self.covariance = covariance(inputs, condition, turn)
        self._models: dict[tuple[torch.dtype, torch.device], TwoLayer] = {}
        if samples:
            self.Z = two_layer_samples.draw(self.model(self.covariance), samples, seed, step=2)

    def model(self, like: Tensor) -> TwoLayer:
        """The closed forms, in the precision and on the device of `like`."""
        key = (like.dtype, like.device)
        if key not in self._models:
            v, w = self.split(self.data("w_star", like))
            self._models[key] = TwoLayer(v, w, self.data("covariance", like))
        return self._models[key]

    def split(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """The two layers: v (..., units) and w (..., inputs)."""
        return w[..., : self.units], w[..., self.units :]

    def loss(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        model = self.model(w)
        if not self.n:
            return model.loss(*self.split(w))
        return two_layer_samples.loss(model, *self.split(w), self.data("Z", w, rows))

    def gradient(self, w: Tensor, rows: Tensor | None = None) -> Tensor:
        model, (v, w1), true = self.model(w), self.split(w.detach()), self.surrogate == TRUE
        if self.n:
            Z, mask = self.data("Z", w, rows), "identity" if true else self.surrogate
            gradient_v, coarse = two_layer_samples.gradients(model, v, w1, Z, mask, self.clip)
            return torch.cat((gradient_v, torch.zeros_like(coarse) if true else coarse), -1)
        w_part = model.gradient_w(v, w1) if true else model.coarse(v, w1, self.surrogate, self.clip)
        return torch.cat((model.gradient_v(v, w1), w_part), -1)
