"""CIFAR through torchvision on generated files of its own format, and the whole JPEG copy where it is present."""

import hashlib
import os
import pickle
import sys
import tarfile

import numpy as np
import pytest
import torch
from image_trees import pixels
from torchvision import datasets

from qlab import data
from qlab.data import places
from qlab.data.cifar import CLASSES, EXPECTED
from qlab.data.dataset import DataError

EACH = 3
CACHE = places.cache_directory()
REAL = os.environ.get("QLAB_CIFAR10") or str(places.data_directory() / places.ARCHIVE)


def generate(kind, root, names):
    """Writes the files of `kind` below root, EACH images of every class in each; returns file name -> (x, y)."""
    folder = root / kind.base_folder
    folder.mkdir(parents=True)
    fine = "fine_labels" if len(names) == 100 else "labels"
    held = {}
    for number, (name, _) in enumerate([*kind.train_list, *kind.test_list]):
        rng = np.random.default_rng(number)
        labels = rng.permutation(np.repeat(np.arange(len(names)), EACH))
        pixels = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
        (folder / name).write_bytes(pickle.dumps({"data": pixels, fine: labels.tolist()}))
        held[name] = torch.from_numpy(pixels).view(-1, 3, 32, 32), torch.from_numpy(labels)
    (folder / kind.meta["filename"]).write_bytes(pickle.dumps({kind.meta["key"]: list(names)}))
    return held


@pytest.fixture(params=["cifar10", "cifar100"])
def generated(request, tmp_path, monkeypatch):
    """(slug, torchvision's class, root, contents); the MD5 sums are those of the generated files."""
    kind = {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[request.param]
    names = CLASSES if request.param == "cifar10" else [f"class {i:02d}" for i in range(100)]
    held = generate(kind, tmp_path, names)

    def md5(name):
        return hashlib.md5((tmp_path / kind.base_folder / name).read_bytes()).hexdigest()

    for part in ("train_list", "test_list"):
        monkeypatch.setattr(kind, part, [[name, md5(name)] for name, _ in getattr(kind, part)])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": md5(kind.meta["filename"])})
    return request.param, kind, tmp_path, held


def test_images_labels_and_classes_are_those_of_the_files(generated):
    slug, kind, root, held = generated
    found = data.load(slug, root=root)
    assert found.name == {"cifar10": "CIFAR-10", "cifar100": "CIFAR-100"}[slug]
    for part, splits in (("train_list", ("train", "validation")), ("test_list", ("test",))):
        rows = torch.cat([found.rows(split) for split in splits]).sort().values
        names = [name for name, _ in getattr(kind, part)]
        assert torch.equal(found.images[rows], torch.cat([held[name][0] for name in names]))
        assert torch.equal(found.labels[rows], torch.cat([held[name][1] for name in names]))
    assert len(found.classes) == found.labels.max() + 1


def test_the_second_time_torchvision_is_not_needed(generated, monkeypatch):
    slug, _, root, _ = generated
    first = data.load(slug, root=root)
    monkeypatch.setitem(sys.modules, "torchvision", None)
    assert data.load(slug, root=root).checksum == first.checksum
    assert data.describe(slug)["present"]


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_or_missing_file_is_named(generated, cache, damage):
    slug, kind, root, _ = generated
    name = kind.train_list[-1][0]
    file = root / kind.base_folder / name
    if damage == "cut":
        file.write_bytes(file.read_bytes()[:-1000])
    else:
        file.unlink()
    says = rf"{name} is damaged \(.*expected {kind.train_list[-1][1]}" if damage == "cut" else f"{name} is missing"
    with pytest.raises(DataError, match=rf"{kind.base_folder}: {says}.*qlab data {slug} --fetch"):
        data.load(slug, root=root)
    assert not list(cache.glob("*.qlab"))


def test_a_wrong_number_of_classes_is_refused(generated):
    slug, kind, root, _ = generated
    meta = root / kind.base_folder / kind.meta["filename"]
    meta.write_bytes(pickle.dumps({kind.meta["key"]: ["one", "two"]}))
    kind.meta["md5"] = hashlib.md5(meta.read_bytes()).hexdigest()
    with pytest.raises(DataError, match=r"expected 100? classes, found 2"):
        data.load(slug, root=root)


@pytest.mark.parametrize("slug", ["cifar10", "cifar100"])
def test_nothing_is_downloaded_unasked(tmp_path, monkeypatch, slug):
    def download(*_, **__):
        raise AssertionError("downloaded")

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    with pytest.raises(DataError, match=rf"no such directory.*qlab data {slug} --fetch"):
        data.load(slug, root=tmp_path)


def test_a_failed_download_says_what_to_do(tmp_path, monkeypatch):
    def download(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(datasets.CIFAR10, "download", download)
    with pytest.raises(DataError, match=r"could not be downloaded .*no route to host.*copy cifar-10-batches-py to"):
        data.load("cifar10", root=tmp_path, download=True)


def test_without_torchvision_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(DataError, match="pip install torchvision"):
        data.load("cifar10", root=tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists(REAL), reason="needs the JPEG archive of CIFAR-10 (QLAB_CIFAR10)")
def test_the_whole_jpeg_copy(monkeypatch):
    monkeypatch.setenv("QLAB_CACHE", str(CACHE))  # the user's own, so that it is decoded once and not in every run
    found = data.load("cifar10-jpeg", root=REAL)
    assert found.name == "CIFAR-10 (JPEG copy)"
    assert found.classes == CLASSES
    assert found.provenance["source_sha256"] == EXPECTED.sha256
    for split, each in (("train", 4500), ("validation", 500), ("test", 1000)):
        assert torch.bincount(found.part(split)[1]).tolist() == [each] * 10
    assert found.images.element_size() * found.images.numel() == 60000 * 3 * 32 * 32
    rows = torch.cat([found.rows("train"), found.rows("validation")]).sort().values
    with tarfile.open(REAL) as tar:
        for member in tar:
            split, _, rest = member.name.partition("/")
            if split != "train":
                break  # the first member of the test part: every training image was compared or passed over
            name, _, file = rest.partition("/")
            if file.endswith("7.jpg") and file.startswith("00"):
                row = rows[CLASSES.index(name) * 5000 + int(file[:4])]
                assert torch.equal(found.images[row], pixels(tar.extractfile(member).read()))
                assert found.classes[found.labels[row]] == name
