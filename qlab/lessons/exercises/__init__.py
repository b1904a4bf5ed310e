"""The exercises: one file per lesson, `lesson03.py`, with `EXERCISES: dict[str, Exercise]`."""
