"""Every problem: the gradient is the derivative of the loss, rows are a mean, a stack is its runs alone."""

import pytest
import torch

from qlab.problems import PROBLEMS, Hinge, Logistic, Moons, Problem, Quadratic, ReLURegression, Wells, problem
from qlab.uniforms import uniform

SMALL = {
    "logistic-planted": {"n": 60, "d": 5},
    "logistic-hard": {"n": 60, "d": 5},
    "moons": {"n": 60},
    "moons-bn": {"n": 60},
    "moons-bias": {"n": 60},
    "hinge": {"n": 60, "d": 5},
    "relu": {"n": 60, "d": 5},
}
CASES = [
    *((slug, SMALL.get(slug, {})) for slug in PROBLEMS),
    ("moons-bn", {"n": 60, "hidden": (4, 3)}),
    ("moons-bias", {"n": 60, "hidden": (4, 3), "batch_norm": True}),
    ("quadratic", {"spectrum": [1.0, 2.0, 5.0], "rotate": False}),
]
SEEDED = [case for case in CASES if case[0] != "wells"]
SEEDS = torch.tensor([3, 5, 8])


def build(slug, settings, **more) -> Problem:
    settings = {**settings, **more}
    if slug == "moons-bias" and "batch_norm" in settings:
        return Moons(bias=True, **settings)
    return problem(slug, **settings)


def start(p, seeds):
    return p.start(seeds, dtype=torch.float64)


def rows_of(p, seed, size=7):
    return (uniform(seed, 0, 9, (size,), stream="order") * p.n).long() if p.n else None


@pytest.mark.parametrize(("slug", "settings"), CASES, ids=str)
def test_the_gradient_is_the_derivative_of_the_loss(slug, settings):
    p = build(slug, settings)
    w = start(p, SEEDS)
    for rows in (None, rows_of(p, 0), rows_of(p, SEEDS)):
        g = p.gradient(w, rows)
        assert g.shape == w.shape
        torch.testing.assert_close(g, Problem.gradient(p, w, rows), rtol=0, atol=1e-12)  # autograd
        for i in range(p.d):  # central differences; the starts lie next to no kink
            e = torch.zeros(p.d, dtype=torch.float64)
            e[i] = 1e-6
            slope = (p.loss(w + e, rows) - p.loss(w - e, rows)) / 2e-6
            torch.testing.assert_close(g[:, i], slope, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("slug", "settings"), CASES, ids=str)
def test_a_run_in_a_stack_is_the_run_alone(slug, settings):
    """Rows shared or per run, two run axes, in loss and gradient."""
    p = build(slug, settings)
    w = start(p, SEEDS)
    for i, seed in enumerate(SEEDS.tolist()):
        assert torch.equal(w[i], start(p, seed))
    stacked = torch.stack((w, -w, w / 2))
    for rows in (None, rows_of(p, 0), rows_of(p, SEEDS)):
        loss, g = p.loss(stacked, rows), p.gradient(stacked, rows)
        assert loss.shape == (3, 3)
        for c in range(3):
            for i in range(3):
                own = rows[i] if rows is not None and rows.dim() == 2 else rows
                torch.testing.assert_close(loss[c, i], p.loss(stacked[c, i], own), rtol=0, atol=1e-12)
                torch.testing.assert_close(g[c, i], p.gradient(stacked[c, i], own), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("slug", "settings"), SEEDED, ids=str)
def test_an_instance_in_a_stack_is_the_instance_alone(slug, settings):
    p = build(slug, settings, seed=SEEDS)
    assert p.instances == 3
    w = torch.stack((start(p, SEEDS), -start(p, SEEDS)))
    for rows in (None, rows_of(p, 0), rows_of(p, SEEDS)):
        loss, g = p.loss(w, rows), p.gradient(w, rows)
        for i, seed in enumerate(SEEDS.tolist()):
            alone = build(slug, settings, seed=seed)
            own = rows[i] if rows is not None and rows.dim() == 2 else rows
            torch.testing.assert_close(loss[:, i], alone.loss(w[:, i], own), rtol=0, atol=1e-12)
            torch.testing.assert_close(g[:, i], alone.gradient(w[:, i], own), rtol=0, atol=1e-12)
            if p.w_star is not None:
                assert torch.equal(p.w_star[i], alone.w_star)


@pytest.mark.parametrize(("slug", "settings"), [c for c in SEEDED if "moons-" not in c[0]], ids=str)
def test_rows_are_a_mean(slug, settings):
    """Without batch normalization the mean over disjoint batches of one size is the full loss and gradient."""
    p = build(slug, settings)
    w = start(p, 1)
    parts = list(torch.arange(p.n).view(6, -1)) if p.n else [None]
    torch.testing.assert_close(sum(p.loss(w, r) for r in parts) / len(parts), p.loss(w), rtol=0, atol=1e-12)
    torch.testing.assert_close(sum(p.gradient(w, r) for r in parts) / len(parts), p.gradient(w), rtol=0, atol=1e-12)


@pytest.mark.parametrize(("slug", "settings"), CASES, ids=str)
def test_single_precision_is_the_same_problem(slug, settings):
    p = build(slug, settings)
    w = p.start(SEEDS)
    assert w.dtype == p.loss(w).dtype == p.gradient(w).dtype == torch.float32
    torch.testing.assert_close(p.loss(w).double(), p.loss(w.double()), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(p.gradient(w).double(), p.gradient(w.double()), rtol=1e-4, atol=1e-4)
    assert p.gradient(w * float("nan")).isnan().all()


def test_the_planted_instance_is_the_posters():
    p = problem("logistic-planted")
    assert (p.n, p.d) == (6000, 10)
    assert p.w_star.abs().tolist() == [1.0] * 10
    assert p.levels.tolist() == [-1.0, 1.0]
    assert -1 <= p.x.min() < -0.999 < 0.999 < p.x.max() <= 1
    assert p.x.var().item() == pytest.approx(1 / 3, rel=0.02)  # 60,000 draws: standard error 0.4 %
    many = problem("logistic-planted", seed=torch.arange(200), n=1).w_star
    assert many.mean().abs() < 4 / 2000**0.5  # every vertex alike
    # P(y = 1 | z) = 1 / (1 + e^-z): y - (2P - 1) has mean 0, also weighted by z
    z = p.x @ p.w_star
    rest = p.y - (2 * z.sigmoid() - 1)
    assert rest.mean().abs() < 4 / 6000**0.5
    assert (rest * z).mean().abs() < 4 * z.std() / 6000**0.5


def test_the_features_of_the_hard_instance_are_correlated():
    p = problem("logistic-hard")
    correlation = torch.corrcoef(p.x.T)
    off = correlation[~torch.eye(p.d, dtype=torch.bool)]
    assert off.min() > 0.87
    assert off.max() < 0.93
    assert p.w_star.abs().min() > 0
    assert len(p.w_star.abs().unique()) == p.d


def test_the_quadratic_has_its_spectrum_and_its_minimum_at_w_star():
    p = Quadratic(d=6, condition=50.0, seed=4)
    torch.testing.assert_close(torch.linalg.eigvalsh(p.A), p.spectrum, rtol=1e-12, atol=1e-12)
    assert p.spectrum[[0, -1]].tolist() == pytest.approx([1.0, 50.0])
    assert p.loss(p.w_star) == 0
    assert p.gradient(p.w_star).abs().max() == 0
    assert torch.equal(Quadratic(spectrum=[1, 3], rotate=False).A, torch.diag(torch.tensor([1.0, 3.0]).double()))
    assert Quadratic(spectrum=[0.1, 0.3]).spectrum.tolist() == [0.1, 0.3]
    assert Quadratic(d=4).spectrum.tolist() == pytest.approx([10 ** (i / 3) for i in range(4)], rel=1e-14)


def test_non_smooth_losses_take_0_at_the_kink():
    """One sample x = 2, y = 1 of one weight: the hinge's kink is at w = 1/2; the unit's at w = 0."""
    hinge, relu = Hinge(d=1, n=1), ReLURegression(d=1, n=1)
    hinge.a, relu.x, relu.y = torch.tensor([[-2.0]]), torch.tensor([[2.0]]), torch.tensor([1.0])
    at = torch.tensor([[0.5], [0.5 - 1e-6]])
    assert hinge.gradient(at).tolist() == [[0.0], [-2.0]]
    assert relu.gradient(torch.tensor([[0.0], [1e-20]])).tolist() == [[0.0], [-2.0]]


def test_accuracy_counts_the_right_side():
    for slug in ("logistic-planted", "hinge"):
        p = problem(slug, n=60)
        assert p.accuracy(p.w_star) == ((p.x @ p.w_star).sign() == p.y).double().mean()
    p = problem("moons", n=60)
    w = start(p, SEEDS)
    assert torch.equal(p.accuracy(w), ((p.logits(w, p.x) > 0) == (p.y > 0)).double().mean(-1))


def test_a_unit_and_its_place_are_free_in_the_network():
    """w1 -> c w1, w2 -> w2 / c and swapping units leave F: what an exhaustive search may use."""
    p = Moons(hidden=3)
    w = start(p, 1)
    (first, _), (last, _) = p.layers(w)
    swapped = torch.cat((first[[2, 0, 1]].flatten(), last[..., [2, 0, 1]].flatten()))
    torch.testing.assert_close(p.loss(swapped), p.loss(w), rtol=0, atol=1e-14)
    torch.testing.assert_close(p.loss(torch.cat((first.flatten() * 3, last.flatten() / 3))), p.loss(w))
    assert p.d == 9
    assert Moons(hidden=(4, 3), bias=True).d == 2 * 4 + 4 + 4 * 3 + 3 + 3 + 1


def test_batch_norm_forgets_the_size_of_the_weights():
    p = problem("moons-bn")
    w = start(p, 2)
    torch.testing.assert_close(p.loss(1000 * w), p.loss(100 * w), rtol=0, atol=1e-6)
    z = p.logits(w, p.x)
    assert z.mean().abs() < 1e-12
    assert z.var(correction=0).item() == pytest.approx(1, rel=1e-2)


def test_the_wells_start_where_lesson_03_does():
    p = Wells()
    assert p.start(SEEDS).tolist() == [[4.0]] * 3
    assert p.start(1).tolist() == [4.0]
    assert p.loss(p.w_star).item() == pytest.approx(0.19)
    assert {4.5, 5.0} <= set(p.levels.tolist())
    assert p.levels.diff().unique().tolist() == [0.5]


def test_bad_settings_are_named():
    with pytest.raises(ValueError, match="did you mean 'logistic-hard'"):
        problem("logistic-har")
    with pytest.raises(TypeError, match="made already"):
        problem(Wells(), noise=1.0)
    with pytest.raises(ValueError, match="eigenvalues greater than 0"):
        Quadratic(spectrum=[1.0, -1.0])
    with pytest.raises(ValueError, match="one or more widths"):
        Moons(hidden=())
    with pytest.raises(ValueError, match=r"allowed: one number, or \(C,\)"):
        Logistic(seed=torch.zeros(2, 2, dtype=torch.int64))
    with pytest.raises(ValueError, match="did you mean 'hard'"):
        Hinge(kind="had")
    with pytest.raises(ValueError, match="at least one weight"):
        Logistic(d=0)
