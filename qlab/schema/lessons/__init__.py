"""The parameters of each lesson: the source of its parameters cell, its controls and its papermill command."""

from qlab.schema.base import Parameters
from qlab.schema.lessons.lesson00 import Lesson00
from qlab.schema.lessons.lesson01 import Lesson01
from qlab.schema.lessons.lesson02 import Lesson02
from qlab.schema.lessons.lesson03 import Lesson03
from qlab.schema.lessons.lesson04 import Lesson04
from qlab.schema.lessons.lesson05 import Lesson05
from qlab.schema.lessons.lesson06 import Lesson06
from qlab.schema.lessons.lesson07 import Lesson07
from qlab.schema.lessons.lesson08 import Lesson08
from qlab.schema.lessons.lesson09 import Lesson09
from qlab.schema.lessons.lesson10 import Lesson10
from qlab.schema.lessons.lesson13 import Lesson13

LESSONS: dict[str, type[Parameters]] = {
    c.lesson: c
    for c in (
        Lesson00,
        Lesson01,
        Lesson02,
        Lesson03,
        Lesson04,
        Lesson05,
        Lesson06,
        Lesson07,
        Lesson08,
        Lesson09,
        Lesson10,
        Lesson13,
    )
}

__all__ = [
    "LESSONS",
    "Lesson00",
    "Lesson01",
    "Lesson02",
    "Lesson03",
    "Lesson04",
    "Lesson05",
    "Lesson06",
    "Lesson07",
    "Lesson08",
    "Lesson09",
    "Lesson10",
    "Lesson13",
]
