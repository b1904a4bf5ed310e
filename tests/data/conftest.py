"""Every test of this folder has its own cache."""

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("QLAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("QLAB_CIFAR10", raising=False)
    return tmp_path / "cache"
