"""Image folders and archives: what is read, and what is said when something is missing, damaged or different."""

import os
import re
import shutil

import pytest
import torch
from image_trees import CLASSES, COUNTS, archive, files, folder, jpeg, pixels

from qlab import data
from qlab.data import cifar, decode, sources
from qlab.data.dataset import DataError
from qlab.data.layout import Expected
from qlab.data.sources import image_archive, image_folder

EXPECTED = Expected(CLASSES, COUNTS, sha256="0" * 64)


def assert_holds(found, contents):
    """Every image with its class, in the split of its folder (validation was taken from train)."""
    for split in ("train", "test"):
        names = [split] if split == "test" else ["train", "validation"]
        rows = torch.cat([found.rows(name) for name in names]).sort().values
        paths = sorted(path for path in contents if path.startswith(split))
        assert len(rows) == len(paths)
        for row, path in zip(rows, paths, strict=True):
            assert torch.equal(found.images[row], pixels(contents[path]))
            assert found.classes[found.labels[row]] == path.split("/")[1]


@pytest.mark.parametrize("suffix", [".tar", ".tar.xz", ".tar.gz", ".tar.bz2"])
def test_an_archive_holds_its_images(tmp_path, suffix):
    contents = files()
    path = archive(tmp_path / f"small{suffix}", {**contents, "README.md": b"text", "train/cat/.DS_Store": b""})
    found = data.load(f"archive:{path}")
    assert_holds(found, contents)
    assert found.classes == CLASSES
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 54, "validation": 6, "test": 15}
    assert found.provenance["taken_from_train"] == ["validation"]


def test_the_order_in_the_archive_and_the_container_do_not_matter(tmp_path):
    contents = files()
    mixed = dict(sorted(contents.items(), key=lambda item: hash(item[1])))
    plain = data.load(f"archive:{archive(tmp_path / 'plain.tar', contents)}")
    turned = data.load(f"archive:{archive(tmp_path / 'mixed.tar', {f'./{k}': v for k, v in mixed.items()})}")
    unpacked = data.load(f"folder:{folder(tmp_path / 'tree', contents)}")
    assert plain.checksum == turned.checksum == unpacked.checksum


def test_decoded_once(tmp_path, monkeypatch):
    path = archive(tmp_path / "small.tar.xz", files())
    first = data.load(f"archive:{path}")
    monkeypatch.setattr(sources, "decode_all", None)
    again = data.load(f"archive:{path}")
    assert again.checksum == first.checksum
    assert again.provenance == first.provenance
    told = data.describe(f"archive:{path}")
    assert told["present"]
    assert len(told["cache"]) == 1


def test_a_changed_folder_is_decoded_again(tmp_path):
    root = folder(tmp_path / "tree", files())
    first = data.load(f"folder:{root}")
    (root / "train/cat/0000.jpg").write_bytes(jpeg(999))
    os.utime(root / "train/cat/0000.jpg", ns=(1, 1))
    assert data.load(f"folder:{root}").checksum != first.checksum


@pytest.mark.parametrize("suffix", [".tar", ".tar.xz", ".tar.gz", ".tar.bz2"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_truncated_archive_is_named_with_what_was_expected(tmp_path, cache, suffix, share):
    path = archive(tmp_path / f"small{suffix}", files())
    whole = path.read_bytes()
    end = len(whole) if suffix != ".tar" else whole.rindex(b"\xff\xd9") + 2  # before the padding of a plain tar
    path.write_bytes(whole[: int(share * end)])
    with pytest.raises(
        DataError, match=rf"{re.escape(str(path))}: damaged archive .*expected SHA-256 000.* found \d+ bytes"
    ):
        image_archive(path, expected=EXPECTED)
    assert not list(cache.glob("*.qlab"))
    path.write_bytes(whole)  # copied again, it works
    assert len(image_archive(path, expected=EXPECTED)) == 75


def test_a_plain_archive_cut_between_two_members_is_noticed(tmp_path):
    path = archive(tmp_path / "small.tar", files())
    whole = path.read_bytes()
    for end in [i for i in range(0, len(whole), 512) if whole[i : i + 9] == b"test/frog"]:
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="damaged archive"):
            image_archive(path)


@pytest.mark.parametrize("suffix", [".tar.xz", ".tar.gz", ".tar.bz2"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.9999])
def test_a_flipped_byte_in_a_compressed_archive_is_noticed(tmp_path, cache, suffix, share):
    path = archive(tmp_path / f"small{suffix}", files())
    whole = bytearray(path.read_bytes())
    whole[int(share * len(whole))] ^= 0x55
    path.write_bytes(whole)
    with pytest.raises(DataError, match=re.escape(str(path))):
        image_archive(path)
    assert not list(cache.glob("*.qlab"))


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "pictures").mkdir()
    with pytest.raises(DataError, match=r"no directory .*picture; .* holds: .*pictures"):
        data.load(f"folder:{tmp_path / 'picture'}")
    with pytest.raises(DataError, match=r"no directory .*a/b; .* holds: .*pictures"):
        data.load(f"folder:{tmp_path / 'a' / 'b'}")
    with pytest.raises(DataError, match=r"no file .*absent\.tar"):
        data.load(f"archive:{tmp_path / 'absent.tar'}")
    monkeypatch.setenv("QLAB_CIFAR10", str(tmp_path / "cifar10-jpeg.tar.xz"))
    with pytest.raises(DataError, match=r"no file .*cifar10-jpeg\.tar\.xz; copy the archive to .*QLAB_CIFAR10"):
        data.load("cifar10-jpeg")


def without(contents, *starts):
    return {path: image for path, image in contents.items() if not path.startswith(starts)}


@pytest.mark.parametrize("kind", ["folder", "archive"])
@pytest.mark.parametrize(
    ("contents", "empty", "says"),
    [
        ({}, (), "no images in the layout train/<class>/<image> or <class>/<image>; seen: nothing"),
        ({"cat.jpg": jpeg(0)}, (), "no images in the layout"),
        (files(), ("train/bird", "test/bird"), "class folders without an image: test/bird, train/bird"),
        (without(files(), "test/dog"), (), "test and train differ in their classes; only in train: dog"),
        (without(files(), "train/"), (), "there is a test folder but no train folder; seen: test"),
        (
            {**files(), "train/dog/0001.jpg": b"no image"},
            (),
            "cannot read the image train/dog/0001.jpg (8 bytes): not an image",
        ),
        ({**files(), "train/dog/0001.jpg": jpeg(1)[:-40]}, (), "image file is truncated"),
        ({**files(), "train/dog/0001.jpg": b""}, (), "cannot read the image train/dog/0001.jpg (0 bytes)"),
        (
            {**files(), "train/dog/0001.jpg": jpeg(1, side=9)},
            (),
            "train/dog/0001.jpg has 9x9 pixels but train/cat/0000.jpg has 8x8; one tensor holds one size: size=32",
        ),
    ],
)
def test_images_that_do_not_make_a_data_set(tmp_path, cache, kind, contents, empty, says):
    where = folder(tmp_path / "tree", contents) if kind == "folder" else tmp_path / "tree.tar.xz"
    where.mkdir(exist_ok=True) if kind == "folder" else archive(where, contents, empty)
    for name in empty if kind == "folder" else ():
        (where / name).mkdir(parents=True)
    with pytest.raises(DataError, match=re.escape(says)) as caught:
        data.load(f"{kind}:{where}")
    assert str(where) in str(caught.value)
    assert not list(cache.glob("*.qlab"))


@pytest.mark.parametrize(
    ("contents", "says"),
    [
        (
            without(files(), "train/dog", "test/dog"),
            "expected 3 classes in train, found 2; missing: dog; not expected: nothing",
        ),
        (
            files(("cat", "dog", "frog", "newt")),
            "expected 3 classes in train, found 4; missing: nothing; not expected: newt",
        ),
        (files(("cat", "dog", "toad")), "expected 3 classes in train, found 3; missing: frog; not expected: toad"),
        (without(files(), "train/dog/0007.jpg"), "expected 20 images of every class in train, found: dog 19"),
        (
            files(counts={"train": 20, "test": 6}),
            "expected 5 images of every class in test, found: cat 6, dog 6, frog 6",
        ),
        (without(files(), "test"), "expected the folders test, train, found train"),
    ],
)
def test_an_archive_that_is_not_the_expected_one(tmp_path, contents, says):
    path = archive(tmp_path / "small.tar.xz", contents)
    with pytest.raises(DataError, match=re.escape(says)):
        image_archive(path, expected=EXPECTED)


def test_a_file_twice_in_an_archive_is_refused(tmp_path):
    contents = files()
    path = archive(tmp_path / "small.tar", {**contents, "./train/cat/0000.jpg": jpeg(1)})
    with pytest.raises(DataError, match=r"the same file is there twice: train/cat/0000\.jpg"):
        image_archive(path)


def test_classes_alone_get_a_test_and_a_validation_part(tmp_path):
    contents = {path.removeprefix("train/"): image for path, image in files(counts={"train": 50}).items()}
    found = image_folder(folder(tmp_path / "tree", contents))
    assert {split: len(rows) for split, rows in found.splits.items()} == {"train": 108, "validation": 12, "test": 30}
    assert torch.bincount(found.part("test")[1]).tolist() == [10, 10, 10]
    assert found.provenance["taken_from_train"] == ["test", "validation"]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_folder_is_used_as_it_is(tmp_path, name):
    contents = {path.replace("test/", f"{name}/"): image for path, image in files().items()}
    found = image_folder(folder(tmp_path / "tree", contents))
    assert len(found.rows("validation")) == 15
    assert found.provenance["taken_from_train"] == ["test"]


def test_images_of_different_sizes_are_scaled_on_demand(tmp_path):
    contents = {**files(), "train/dog/0001.jpg": jpeg(1, side=20)}
    found = data.load(f"folder:{folder(tmp_path / 'tree', contents)}", size=6)
    assert found.shape == (3, 6, 6)


def test_a_link_or_a_second_run_from_another_place_finds_the_same_images(tmp_path):
    first = archive(tmp_path / "small.tar.xz", files())
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(first, tmp_path / "elsewhere" / "small.tar.xz")
    assert image_archive(first).checksum == image_archive(tmp_path / "elsewhere" / "small.tar.xz").checksum


def test_torchvision_decodes_what_pillow_decodes(tmp_path, monkeypatch):
    contents = files()
    pillow = image_archive(archive(tmp_path / "one.tar", contents))

    def no_pillow(size):
        raise ImportError

    monkeypatch.setattr(decode, "_pillow", no_pillow)
    other = image_archive(archive(tmp_path / "two.tar", contents))
    assert other.provenance["decoder"].startswith("torchvision")
    assert other.checksum == pillow.checksum


def test_the_archive_of_cifar10_must_be_complete(tmp_path, monkeypatch):
    small = archive(tmp_path / "cifar10-jpeg.tar.xz", files(cifar.CLASSES, {"train": 2, "test": 1}))
    monkeypatch.setenv("QLAB_CIFAR10", str(small))
    with pytest.raises(DataError, match=r"expected 5000 images of every class in train, found: airplane 2"):
        data.load("cifar10-jpeg")
    small.write_bytes(small.read_bytes()[:-100])
    with pytest.raises(DataError, match=f"expected SHA-256 {cifar.EXPECTED.sha256}, found"):
        data.load("cifar10-jpeg", root=tmp_path)
