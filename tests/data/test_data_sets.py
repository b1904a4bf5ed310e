"""The digits, two moons, stratified splits and subsets, and the checks of a data set."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from qlab import data
from qlab.data.dataset import Augment, DataError, Dataset, carve, stratified

NAMES = ["digits", "moons"]


def test_digits_are_those_of_scikit_learn():
    from sklearn.datasets import load_digits

    theirs, ours = load_digits(), data.load("digits")
    assert torch.equal(ours.images[:, 0].double(), torch.from_numpy(theirs.images))
    assert torch.equal(ours.labels, torch.from_numpy(theirs.target).long())
    assert list(ours.classes) == [str(name) for name in theirs.target_names]


def test_digits_need_torch_and_numpy_only():
    program = """
import sys
for name in ("torchvision", "PIL", "sklearn", "scipy", "tqdm", "pydantic"):
    sys.modules[name] = None
import qlab.data
digits = qlab.data.load("digits", subset=100)
print(sum(len(labels) for _, labels in qlab.data.batches(digits, 32, augment=True)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["100"]


@pytest.mark.parametrize("name", NAMES)
def test_splits_are_a_partition_with_the_classes_in_proportion(name):
    found = data.load(name)
    rows = torch.cat([found.rows(split) for split in ("train", "validation", "test")])
    assert torch.equal(rows.sort().values, torch.arange(len(found)))
    share = torch.bincount(found.labels).double() / len(found)
    for split in found.splits:
        _, labels = found.part(split)
        assert ((torch.bincount(labels) - share * len(labels)).abs() <= 1.5).all()


def test_the_split_does_not_depend_on_the_seed():
    one, other = data.load("digits", seed=0), data.load("digits", seed=1)
    assert one.checksum == other.checksum


@pytest.mark.parametrize("name", NAMES)
def test_mean_and_std_are_those_of_the_training_part(name):
    found = data.load(name)
    images = found.part("train")[0].double()
    flat = images.transpose(0, 1).flatten(1)
    assert torch.equal(found.mean, flat.mean(1).float())
    torch.testing.assert_close(found.std, flat.std(1, correction=0).float(), rtol=1e-6, atol=0)


@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=5), seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_every_beginning_of_a_stratified_order_keeps_the_proportions(counts, seed):
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    order = stratified(labels, seed)
    assert torch.equal(order.sort().values, torch.arange(len(labels)))
    seen = torch.nn.functional.one_hot(labels[order], len(counts)).cumsum(0)
    length = torch.arange(1, len(labels) + 1)[:, None]
    share = torch.tensor(counts).double() / len(labels)
    bound = 0.5 + share * len(counts) / 2  # each class within 1/2 of t m, so t is within k/2 images of its exact place
    assert ((seen - length * share).abs() <= bound + 1e-9).all()
    if len(set(counts)) == 1:
        assert (seen.max(1).values - seen.min(1).values <= 1).all()


def test_carving_takes_equally_from_equal_classes_and_is_always_the_same():
    labels, rows = torch.arange(40) % 4, torch.arange(40)
    rest, taken = carve(labels, rows, 8)
    assert torch.bincount(labels[taken]).tolist() == [2, 2, 2, 2]
    assert torch.equal(torch.cat((rest, taken)).sort().values, rows)
    assert torch.equal(carve(labels, rows, 8)[1], taken)


def test_a_subset_is_nested_and_belongs_to_its_seed():
    whole = data.load("digits")

    def kept(n, seed):
        return {bytes(image.numpy()) for image in whole.subset(n, seed).part("train")[0]}

    assert kept(50, 0) <= kept(200, 0) <= {bytes(image.numpy()) for image in whole.part("train")[0]}
    assert len(kept(200, 0)) == 200
    assert whole.subset(50, 3).checksum == whole.subset(50, 3).checksum != whole.subset(50, 4).checksum
    assert torch.bincount(whole.subset(100).part("train")[1]).min() >= 9


def test_a_subset_shrinks_every_split_alike_and_never_mixes_them():
    whole = data.load("digits")
    small = whole.subset(419, 1)  # a third
    assert {split: len(rows) for split, rows in small.splits.items()} == {"train": 419, "validation": 60, "test": 120}
    for split in small.splits:
        images = {bytes(image.numpy()) for image in small.part(split)[0]}
        assert images <= {bytes(image.numpy()) for image in whole.part(split)[0]}
    assert small.provenance["subset_of"] == whole.checksum


@pytest.mark.parametrize("n", [0, -1, 1258])
def test_an_impossible_subset_is_refused(n):
    with pytest.raises(ValueError, match=rf"subset={n}; allowed: 1 to 1257"):
        data.load("digits", subset=n)


def test_moons_without_noise_lie_on_their_half_circles():
    points, labels = data.moons(1000, noise=0, seed=3, dtype=torch.float64)
    x, y = points.unbind(1)
    upper = labels == 0
    assert labels.sum() == 500
    torch.testing.assert_close(x[upper] ** 2 + y[upper] ** 2, torch.ones(500, dtype=torch.float64))
    torch.testing.assert_close((x[~upper] - 1) ** 2 + (y[~upper] - 0.5) ** 2, torch.ones(500, dtype=torch.float64))
    assert y[upper].min() >= 0
    assert y[~upper].max() <= 0.5
    assert x[upper].min() < -0.95
    assert x[upper].max() > 0.95


def test_moons_have_the_noise_that_was_asked_for():
    quiet, _ = data.moons(20000, noise=0, seed=1)
    noisy, _ = data.moons(20000, noise=0.3, seed=1)
    z = (noisy - quiet) / 0.3
    assert z.mean().abs() < 4 / 200  # four standard errors of 40,000 numbers
    assert (z.std() - 1).abs() < 4 / 280
    assert torch.corrcoef(z.T)[0, 1].abs() < 4 / 141


def test_a_stack_of_moons_is_every_run_alone():
    stack, _ = data.moons(50, seed=torch.tensor([5, 0, 9]))
    assert stack.shape == (3, 50, 2)
    for run, seed in zip(stack, (5, 0, 9), strict=True):
        assert torch.equal(run, data.moons(50, seed=seed)[0])


@pytest.mark.parametrize("bad", [{"n": 1}, {"n": 10, "noise": -0.1}, {"n": 10, "noise": float("nan")}])
def test_impossible_moons_are_refused(bad):
    with pytest.raises(ValueError, match="allowed"):
        data.moons(**bad)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(ValueError, match=r"did you mean 'digits'"):
        data.load("digit")
    with pytest.raises(ValueError, match=r"folder:PATH"):
        data.describe("imagenet")
    with pytest.raises(ValueError, match=r"did you mean 'validation'"):
        data.load("digits").rows("valid")
    with pytest.raises(ValueError, match=r"only folder:PATH and archive:PATH"):
        data.load("digits", size=16)


@pytest.mark.parametrize("name", NAMES)
def test_describe_agrees_with_load(name):
    told, found = data.describe(name), data.load(name)
    assert (told["n"], told["shape"], told["classes"]) == (len(found), found.shape, len(found.classes))
    assert told["present"]
    assert not told["get"]


def test_what_is_absent_is_described_with_the_way_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_CIFAR10", str(tmp_path / "nowhere.tar.xz"))
    told = data.describe("cifar10-jpeg")
    assert not told["present"]
    assert "QLAB_CIFAR10" in told["get"]
    assert set(data.names()) == {data.describe(name)["name"] for name in data.names()}


def dataset(**changed):
    given = {
        "images": torch.zeros(4, 1, 2, 2, dtype=torch.uint8),
        "labels": torch.tensor([0, 1, 0, 1]),
        "classes": ["a", "b"],
        "splits": {"train": torch.tensor([0, 1]), "test": torch.tensor([2, 3])},
    }
    return Dataset.of("tiny", **{**given, **changed}, provenance={})


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"labels": torch.tensor([0, 1, 2, 0])}, "labels from 0 to 2, but there are 2 classes"),
        ({"labels": torch.tensor([0, 1])}, "4 images but 2 labels"),
        ({"splits": {"train": torch.tensor([0, 1]), "test": torch.tensor([1, 2])}}, "share images"),
        ({"splits": {"train": torch.tensor([], dtype=torch.int64)}}, "training part is empty"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed, says):
    with pytest.raises(DataError, match=says):
        dataset(**changed)


def test_the_checksum_sees_every_part():
    images = torch.zeros(4, 1, 2, 2, dtype=torch.uint8)
    images[3, 0, 1, 1] = 1
    changes = [
        {"images": images},
        {"labels": torch.tensor([1, 1, 0, 1])},
        {"classes": ["a", "c"]},
        {"splits": {"train": torch.tensor([0]), "test": torch.tensor([2, 3])}},
    ]
    assert len({dataset(**changed).checksum for changed in [{}, *changes]}) == 5
    assert (dataset().std == 1).all()  # constant images stay finite


def test_padding_beyond_the_window_type_is_refused():
    with pytest.raises(ValueError, match="0 to 127"):
        Augment(pad=128)
