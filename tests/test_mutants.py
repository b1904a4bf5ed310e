"""The list of mutants stays honest: each line it breaks exists once, and each test it names exists."""

import pytest

from tests.mutants import MUTANTS, ROOT, broken


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.what)
def test_mutant_applies(mutant):
    sound = (ROOT / mutant.file).read_text()
    assert broken(mutant, sound) != sound
    file, _, name = mutant.test.partition("::")
    assert f"def {name.split('[')[0] or 'test_'}" in (ROOT / file).read_text()


def test_at_least_twelve():
    assert len({m.what for m in MUTANTS}) >= 12
