"""Counter-based random numbers: uniform, independent over every argument, equal alone and in a stack."""

import math

import pytest
import torch

from qlab import uniforms

N = 200_000
BASE = (5, 17, 3)


def draw(seed=BASE[0], step=BASE[1], number=BASE[2], stream="weights", n=N):
    return uniforms.uniform(seed, step, number, (n,), stream=stream, dtype=torch.float64)


def correlation(a, b):
    return float(((a - 0.5) * (b - 0.5)).mean() * 12)


OTHERS = {
    "next seed": {"seed": BASE[0] + 1},
    "seed far away": {"seed": BASE[0] + 2**40},
    "negative seed": {"seed": -BASE[0]},
    "next step": {"step": BASE[1] + 1},
    "next parameter": {"number": BASE[2] + 1},
    "seed and step swapped": {"seed": BASE[1], "step": BASE[0]},
    "step and parameter swapped": {"step": BASE[2], "number": BASE[1]},
    "sum of seed and step kept": {"seed": BASE[0] + 1, "step": BASE[1] - 1},
    "another stream": {"stream": "noise"},
}


def test_uniform_law():
    u = draw(n=2**20)
    assert float(u.min()) >= 0
    assert float(u.max()) < 1
    counts = torch.histc(u, 256, 0, 1)
    expected = len(u) / 256
    chi2 = float(((counts - expected) ** 2 / expected).sum())
    assert abs(chi2 - 255) < 5 * math.sqrt(2 * 255)


@pytest.mark.parametrize("name", OTHERS)
def test_independent_of(name):
    a, b = draw(), draw(**OTHERS[name])
    assert not torch.equal(a, b)
    assert abs(correlation(a, b)) < 5 / math.sqrt(N)
    joint = torch.histc(torch.floor(a * 16) * 16 + torch.floor(b * 16), 256, 0, 255)
    chi2 = float(((joint - N / 256) ** 2 / (N / 256)).sum())
    assert abs(chi2 - 255) < 5 * math.sqrt(2 * 255)


def test_no_shifted_overlap():
    """No stream is another one moved along the index: neighbours share no run of values, in any order."""
    a = draw(n=4096)
    known = set(map(tuple, a.unfold(0, 2, 1).tolist()))
    for other in OTHERS.values():
        pairs = set(map(tuple, draw(n=4096, **other).unfold(0, 2, 1).tolist()))
        assert not known & pairs
        assert len(set(a.tolist()) & set(draw(n=4096, **other).tolist())) < 20  # a permuted copy would share all 4096


def test_consecutive_indices_and_lags_are_uncorrelated():
    u = draw()
    for lag in (1, 2, 3, 16, 64, 1024):
        assert abs(correlation(u[lag:], u[:-lag])) < 5 / math.sqrt(N)


def test_stack_equals_the_runs_alone():
    seeds, numbers = torch.tensor([3, -1, 2**35 + 7]), torch.arange(4)
    stacked = uniforms.uniform(seeds, 9, numbers[:, None], (5, 2))
    for j, number in enumerate(numbers):
        for i, seed in enumerate(seeds):
            assert torch.equal(stacked[j, i], uniforms.uniform(int(seed), torch.tensor(9), int(number), (5, 2)))


def test_same_numbers_in_every_dtype_and_prefix():
    assert torch.equal(draw(n=100).float(), uniforms.uniform(*BASE, (100,)))
    assert torch.equal(draw(n=100), draw(n=1000)[:100])


def test_normal_law():
    z = uniforms.normal(*BASE, (2**20,), dtype=torch.float64)
    n = len(z)
    assert abs(float(z.mean())) < 5 / math.sqrt(n)
    assert abs(float(z.var()) - 1) < 5 * math.sqrt(2 / n)
    assert abs(float((z**4).mean()) - 3) < 5 * math.sqrt(96 / n)
    assert torch.isfinite(uniforms.normal(*BASE, (2**20,))).all()


def test_permutation_is_one_and_uniform():
    n, steps = 6, 6000
    counts = torch.zeros(n, n)
    for step in range(steps):
        order = uniforms.permutation(0, step, n)
        assert order.sort().values.tolist() == list(range(n))
        counts[torch.arange(n), order] += 1
    expected = steps / n
    assert float(((counts - expected) ** 2 / expected).sum()) < 25 + 5 * math.sqrt(2 * 25)


def test_compiled_equals_eager():
    def f(step):
        return uniforms.uniform(1, step, 2, (64,))

    compiled = torch.compile(f, backend="eager", fullgraph=True)
    for step in range(3):
        assert torch.equal(compiled(torch.tensor(step)), f(torch.tensor(step)))


@pytest.mark.parametrize("draw", [uniforms.uniform, uniforms.normal])
def test_too_few_digits_and_unknown_streams_are_refused(draw):
    """In bfloat16 the largest number would be 1, in float16 infinite."""
    for dtype in (torch.bfloat16, torch.float16, torch.int64):
        with pytest.raises(ValueError, match=f"dtype={dtype}"):
            draw(0, 0, 0, (4,), dtype=dtype)
    with pytest.raises(ValueError, match="did you mean 'weights'"):
        draw(0, 0, 0, (4,), stream="wieghts")
