"""The batches: one gather equals pad, crop and flip; every batch is a pure function of (seed, step)."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from qlab import data
from qlab.data.dataset import Augment, Dataset
from qlab.data.loader import Loader, batch, batches, crop_flip, normalise
from qlab.uniforms import uniform


def photos(n=50, channels=3, height=8, width=6):
    """Images whose labels are their rows, so that a batch says which images it holds."""
    images = (uniform(0, 0, 0, (n, channels, height, width), stream="data") * 256).to(torch.uint8)
    rows = {"train": torch.arange(n - 10), "test": torch.arange(n - 10, n)}
    names = [str(i) for i in range(n)]
    return Dataset.of("photos", images, torch.arange(n), names, rows, {}, Augment(pad=2, flip=True))


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
    pad=st.integers(0, 4),
    seed=st.integers(0, 2**31),
)
@settings(max_examples=60, deadline=None)
def test_one_gather_is_pad_crop_and_flip_image_by_image(shape, pad, seed):
    b, _, h, w = shape
    images = (uniform(seed, 0, 0, shape, stream="data") * 256).to(torch.uint8)
    shift = (uniform(seed, 0, 0, (b, 2), stream="crop") * (2 * pad + 1)).long()
    flip = uniform(seed, 0, 0, (b,), stream="flip") < 0.5
    out = crop_flip(images, shift, flip, pad)
    for image, (dy, dx), mirrored, found in zip(images, shift.tolist(), flip, out, strict=True):
        window = torch.nn.functional.pad(image, (pad,) * 4)[:, dy : dy + h, dx : dx + w]
        assert torch.equal(found, window.flip(-1) if mirrored else window)


def test_augmentation_reaches_every_window_and_both_mirror_images():
    images = torch.arange(36, dtype=torch.uint8).view(1, 1, 6, 6) + 1
    one = Dataset.of(
        "one", images.repeat(400, 1, 1, 1), torch.zeros(400).long(), ["a"], {"train": torch.arange(400)}, {}
    )
    seen = Loader(one, 400, augment=Augment(pad=1, flip=True)).batch(0)[0]
    assert len(seen.flatten(1).unique(dim=0)) == 3 * 3 * 2
    only_crop = Loader(one, 400, augment=Augment(pad=1)).batch(0)[0]
    assert len(only_crop.flatten(1).unique(dim=0)) == 3 * 3


@pytest.mark.parametrize("batch_size", [1, 7, 40, 64])
@pytest.mark.parametrize("augment", [False, True])
def test_every_image_once_an_epoch(batch_size, augment):
    labels = torch.cat([y for _, y in batches(photos(), batch_size, epoch=3, augment=augment)])
    assert torch.equal(labels.sort().values, torch.arange(40))


def test_drop_last_leaves_out_only_the_rest():
    loader = Loader(photos(), 7, drop_last=True)
    assert [len(y) for _, y in loader.epoch()] == [7] * 5
    assert len(loader) == 5


def test_images_and_labels_belong_together():
    found = photos()
    for x, y in batches(found, 7):
        assert torch.equal(x, normalise(found.images[y], found.mean, found.std, torch.float32))


def test_an_augmented_batch_is_the_plain_batch_cropped():
    found = photos()
    for (x, y), (plain, labels) in zip(batches(found, 8, augment=True), batches(found, 8), strict=True):
        assert torch.equal(y, labels)
        inner = plain[:, :, 2:-2, 2:-2]
        windows = [x[:, :, i : i + 4, j : j + 2] for i in range(5) for j in range(5)]
        hits = [
            (window == inner.flip(-1)).flatten(1).all(1) | (window == inner).flatten(1).all(1) for window in windows
        ]
        assert torch.stack(hits).any(0).all()


def test_normalised_training_images_have_mean_0_and_std_1():
    x = torch.cat([x for x, _ in batches(photos(), 16, dtype=torch.float64)]).transpose(0, 1).flatten(1)
    torch.testing.assert_close(x.mean(1), torch.zeros(3, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(x.std(1, correction=0), torch.ones(3, dtype=torch.float64), atol=1e-6, rtol=0)


@pytest.mark.parametrize("options", [{}, {"augment": True}, {"drop_last": True}, {"channels_last": True}])
def test_resuming_anywhere_gives_the_same_batches(options):
    found = photos()
    loader = Loader(found, 7, seed=5, **options)
    straight = [one for epoch in range(3) for one in loader.epoch(epoch)]
    for step in (0, 3, len(loader) - 1, len(loader), 2 * len(loader) + 1):
        epoch, k = divmod(step, len(loader))
        resumed = list(Loader(found, 7, seed=5, **options).epoch(epoch, start=k))
        expected = straight[step : (epoch + 1) * len(loader)]
        assert len(resumed) == len(expected)
        assert all(map(same, resumed, expected))
        assert same(batch(found, 7, seed=5, step=step, **options), straight[step])
    backwards = [loader.batch(step) for step in reversed(range(len(straight)))]
    assert all(map(same, backwards[::-1], straight))


def test_epochs_and_seeds_differ():
    found = photos()
    orders = [
        torch.cat([y for _, y in batches(found, 8, seed=s, epoch=e)]).tolist() for s in range(4) for e in range(4)
    ]
    assert len({tuple(order) for order in orders}) == 16


def test_without_shuffling_the_rows_keep_their_order():
    found = photos()
    assert torch.cat([y for _, y in batches(found, 8, split="test", shuffle=False)]).tolist() == list(range(40, 50))


@pytest.mark.parametrize("name", ["photos", "moons"])
def test_a_stack_of_loaders_is_every_run_alone(name):
    found = photos() if name == "photos" else data.load("moons", subset=40)
    stack = Loader(found, 8, seed=torch.tensor([4, 0, 7]), augment=True)
    for step in (0, 4, 7):
        x, y = stack.batch(step)
        assert x.shape == (3, *y.shape[1:], *found.shape)
        for i, seed in enumerate((4, 0, 7)):
            assert same((x[i], y[i]), batch(found, 8, seed=seed, step=step, augment=True))


def test_channels_last_changes_the_layout_alone():
    found = photos()
    for (x, _), (plain, _) in zip(
        batches(found, 8, augment=True, channels_last=True), batches(found, 8, augment=True), strict=True
    ):
        assert torch.equal(x, plain)
        assert x.is_contiguous(memory_format=torch.channels_last)


class Operations(TorchDispatchMode):
    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.seen.append(function.overloadpacket.__name__)
        return function(*args, **(kwargs or {}))


def test_a_batch_is_one_gather_and_never_asks_the_device_for_a_value():
    loader = Loader(photos(), 8, augment=True)
    with Operations() as epoch:
        loader.batch(0)
    with Operations() as inside:
        loader.batch(1)
    waits = {"_local_scalar_dense", "item", "nonzero", "is_nonzero", "masked_select", "equal", "unique", "bincount"}
    assert not waits & {*epoch.seen, *inside.seen}
    assert inside.seen.count("gather") == 1
    assert inside.seen.count("index_select") == 2  # the images' and the labels' rows


def test_the_data_set_is_not_changed():
    found = photos()
    before = found.images.clone()
    for _ in batches(found, 8, augment=True):
        pass
    assert torch.equal(found.images, before)
    features = data.load("moons", subset=20)
    before = features.images.clone()
    list(batches(features, 20, shuffle=False))
    assert torch.equal(features.images, before)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"batch_size": 0}, "batch_size=0; allowed: at least 1"),
        ({"batch_size": 41, "drop_last": True}, "train of photos has 40 images"),
        ({"batch_size": 8, "split": "tset"}, "did you mean 'test'"),
    ],
)
def test_impossible_batches_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        Loader(photos(), **options)


def test_features_cannot_be_cropped():
    with pytest.raises(ValueError, match="no images"):
        Loader(data.load("moons", subset=20), 8, augment=Augment(flip=True))
