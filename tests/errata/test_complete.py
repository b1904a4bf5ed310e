"""Every known error of the documents: its formula is tested here, and a lesson tells the reader."""

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "notebooks" / "src"

NOTES = {
    1: ("04_why_rounding_stalls", "**Theorem 5, sign.**"),
    2: ("04_why_rounding_stalls", "**Theorem 5, matrix.**"),
    3: ("04_why_rounding_stalls", "**Theorem 4.** Printed floor"),
    4: ("04_why_rounding_stalls", "**Corollary 1.**"),
    5: ("06_interval_constraints", '**MFCQ "for all $w$".**'),
    6: ("06_interval_constraints", "must be strict"),
    7: ("07_askewsgd", 'lost its second condition after "or"'),
    8: ("08_multipliers", "**The dual step of S0**"),
    9: ("06_interval_constraints", "**Descent inequality.**"),
    10: ("01_grids_and_projection", "fits *integer* codes"),
    11: ("01_grids_and_projection", "must be $1/(2^k - 1)$"),
    12: ("08_multipliers", "**The subdifferential of S3**"),
    13: ("01_grids_and_projection", "17 signed levels"),
    14: ("03_exploration", "**$p \\le$ in $Q_s$**"),
    15: ("03_exploration", "**Brackets of $Q_d$**"),
    16: ("05_proxquant", '**"Unbiased in expectation"**'),
    17: ("05_proxquant", '**"Constant $1/\\beta$".**'),
    18: ("05_proxquant", "**Two letters for one variable.**"),
    19: ("01_grids_and_projection", "smallest number"),
    20: ("02_staircases", "a minus is lost"),
    21: ("00_start_here", "Read $Z_{l-1} \\to Z_l$"),
    22: ("06_interval_constraints", "**Indices.**"),
    23: ("04_why_rounding_stalls", "not the variance"),
    24: ("09_blending", "92.13 (VGG-11) and 92.41 (ResNet-20)"),
    25: ("10_two_layer_theory", '**"Lipschitz continuous gradients"**'),
    26: ("07_askewsgd", "on the island where the run started"),
}
"""Number of the error: the lesson that has its reading note, and words of that note."""

NOTATION = {
    21: "S3 2.3 names the spaces of a layer's input and output wrongly: nothing is computed from it",
    24: "S2's tables lost digits and one table is printed twice: numbers, not a formula",
}
"""The errors without a formula to test, and why."""


def covered():
    """The numbers of the errors that a test function is named after."""
    names = [
        node.name
        for file in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    ]
    return {int(found[1]) for name in names if (found := re.match(r"test_E(\d\d)_", name))}


def test_every_error_has_a_test_or_a_reason():
    assert sorted(NOTES) == list(range(1, 27))
    assert covered() >= set(NOTES) - set(NOTATION)
    assert covered().isdisjoint(NOTATION)


@pytest.mark.parametrize("number", NOTES)
def test_a_lesson_tells_the_reader(number):
    lesson, words = NOTES[number]
    cells = (SOURCES / f"{lesson}.py").read_text(encoding="utf-8").split("# %%")
    assert any(words in cell and "eading note" in cell for cell in cells)
