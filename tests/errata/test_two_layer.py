"""Errata of S2's analysis: the gradient of F is not Lipschitz everywhere; E g needs |w*| = 1."""

import math
from itertools import pairwise

import torch

from qlab import uniforms
from qlab.theory.surrogates import correlation
from qlab.theory.two_layer import TwoLayer, angle, dot, norm


def z(number, *shape):
    return uniforms.normal(0, 0, number, shape, stream="data", dtype=torch.float64)


def steepness(model, v, w, other):
    """|∇F(v, w) - ∇F(v, other)| / |w - other|."""
    return (norm(model.gradient_w(v, w) - model.gradient_w(v, other)) / norm(w - other)).squeeze(-1)


def test_E25_the_gradient_of_F_is_not_lipschitz_at_the_teacher_nor_at_zero():
    """Printed: "Lipschitz continuous gradients", of F on all (v, w). Across the kink at ϑ = 0, and near w = 0, the
    quotient grows without bound: tenfold each time the distance falls tenfold."""
    model, v = TwoLayer(z(0, 3), z(1, 4)), z(2, 3)
    star = model.w_star / norm(model.w_star)
    side = z(3, 4)
    side = side - dot(side, star) * star
    side = side / norm(side)
    for sign in (1, -1):  # ϑ = 0 and ϑ = π
        quotients = [steepness(model, v, sign * star + d * side, sign * star - d * side) for d in (1e-2, 1e-3, 1e-4)]
        for coarse, fine in pairwise(quotients):
            assert 9.9 < fine / coarse < 10.1
    quotients = [steepness(model, v, c * side, c * side + c * 1e-3 * star) for c in (1.0, 0.1, 0.01)]
    for far, near in pairwise(quotients):
        assert 99 < near / far < 101  # 1/|w|²


def test_E25_corrected_it_is_lipschitz_where_angle_and_norm_keep_their_distance():
    """On δ <= ϑ <= π - δ, |w| >= c the derivative of dF/dw is at most |v'v*| / (2π c² sin δ)."""
    delta, c = 0.2, 0.5
    model, v = TwoLayer(z(0, 3), z(1, 4)), z(2, 3)
    w = 2 * z(3, 20_000, 4)
    other = w + 1e-4 * z(4, 20_000, 4)
    inside = torch.ones(20_000, dtype=torch.bool)
    for u in (w, other):
        theta = model.angle(u)
        inside &= (theta >= delta) & (theta <= math.pi - delta) & (norm(u).squeeze(-1) >= c)
    bound = dot(v, model.v_star).abs() / (2 * math.pi * c**2 * math.sin(delta))
    found = steepness(model, v, w[inside], other[inside])
    assert inside.sum() > 10_000
    assert found.max() <= bound * (1 + 1e-3)
    assert found.max() > bound / 20  # the bound is no formality


def test_needs_a_teacher_of_length_1():
    """Printed: E g with the vector w/|w| + w*. For |w*| = 2 that is another direction; σ does not see the length."""
    v_star, w_star, v, w = z(0, 3), z(1, 4), z(2, 3), z(3, 4)
    w_star = 2 * w_star / norm(w_star)

    def printed(w_star):
        unit = w / norm(w)
        h = dot(v, v) + v.sum() ** 2 - v.sum() * v_star.sum() + dot(v, v_star)
        middle = (unit + w_star) / norm(unit + w_star)
        half = torch.cos(angle(w, w_star) / 2) * dot(v, v_star)
        return (h / 2 * unit - half * middle) / math.sqrt(2 * math.pi)

    model = TwoLayer(v_star, w_star)
    right = model.coarse(v, w)
    torch.testing.assert_close(right, TwoLayer(v_star, w_star / 2).coarse(v, w), rtol=0, atol=1e-15)
    torch.testing.assert_close(right, printed(w_star / 2), rtol=0, atol=1e-14)
    # and so the theorem's inner product is not that of the printed vector
    true, formula = model.gradient_w(v, w), correlation(v, w, v_star, model.angle(w))
    assert torch.isclose(dot(right, true), formula)
    assert (dot(printed(w_star), true) / formula - 1).abs() > 0.05
