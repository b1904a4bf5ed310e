"""A lesson's parameters: one frozen class is the source of cell, validation, controls, docs table and command."""

from __future__ import annotations

import shlex
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from qlab.messages import closest
from qlab.schema.fields import KEY, Control, nice_step, number, parameter, split

LAST = ("SEED", "DEVICE")  # every lesson has them; they close the cell and the tables
KINDS = {float: "a number", int: "a whole number", str: "a text", bool: "True or False"}


class ParameterError(ValueError):
    """Parameters that a lesson cannot run with; the message lists every problem. Notebooks show the message alone."""

    def _render_traceback_(self) -> list[str]:
        return [f"ParameterError: {self}"]


class Parameters(BaseModel):
    """Base of the lessons' parameter classes. Names are UPPER_CASE, types float, int, str or bool, values immutable.

    Values are strict: an int is accepted for a float, but 2.5 or True for an int and "false" for a bool are refused.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
    lesson: ClassVar[str] = ""
    notebook: ClassVar[str] = ""

    SEED: int = parameter(0, help="seed of every random number", ge=0, le=2**31 - 1, update="release")
    DEVICE: str = parameter("auto", help="where it runs: auto, cpu, cuda, cuda:1", update="release")

    @field_validator("DEVICE")
    @classmethod
    def _device_is_here(cls, value: str) -> str:
        from qlab.devices import device

        device(value)
        return value

    @model_validator(mode="after")
    def _choices_are_known(self) -> Self:
        for name in self.names():
            problem = self._choice_problem(name, getattr(self, name))
            if problem:
                raise ValueError(f"{name}: {problem}")
        return self

    # what the class declares
    @classmethod
    def names(cls) -> tuple[str, ...]:
        """The parameter names in the order of the parameters cell."""
        return (*(n for n in cls.model_fields if n not in LAST), *LAST)

    @classmethod
    def _extra(cls, name: str) -> dict[str, Any]:
        extra = cls.model_fields[name].json_schema_extra
        return extra[KEY] if isinstance(extra, dict) else {}  # type: ignore[return-value]

    @classmethod
    def default(cls, name: str) -> Any:
        return cls.model_fields[name].default

    @classmethod
    def defaults(cls) -> dict[str, Any]:
        return {name: cls.default(name) for name in cls.names()}

    @classmethod
    def quick(cls) -> dict[str, Any]:
        """The values of the reduced preset, for the parameters that declare one."""
        return {name: cls._extra(name)["quick"] for name in cls.names() if cls._extra(name).get("quick") is not None}

    @classmethod
    def allowed(cls, name: str) -> str:
        """The allowed values in words: "a number from 0.001 to 0.1"."""
        extra, kind = cls._extra(name), cls.model_fields[name].annotation
        if name == "DEVICE":
            from qlab.devices import present

            return f"one of: auto, {', '.join(present())}"
        if extra["choices"]:
            few = "one or more, separated by commas, of" if extra["several"] else "one of"
            return f"{few}: {', '.join(map(str, extra['choices']))}"
        low, high = extra["ge"], extra["le"]
        words = KINDS[kind]  # type: ignore[index]
        if low is not None and high is not None:
            return f"{words} from {number(low)} to {number(high)}"
        if low is not None:
            return f"{words}, at least {number(low)}"
        return f"{words}, at most {number(high)}" if high is not None else words

    @classmethod
    def control(cls, name: str) -> Control:
        """How a presenter draws the parameter `name`."""
        if name not in cls.model_fields:
            raise KeyError(f"lesson {cls.lesson} has no parameter {name!r}; it has: {', '.join(cls.names())}")
        extra, field = cls._extra(name), cls.model_fields[name]
        kind = "toggle" if field.annotation is bool else "slider"
        if extra["choices"] or field.annotation is str:
            kind = "several" if extra["several"] else "choice"
        step = extra["step"]
        if kind == "slider" and step is None:
            if field.annotation is int:
                step = 1
            elif extra["scale"] == "log":
                step = 0.05
            elif extra["ge"] is not None and extra["le"] is not None:
                step = nice_step(extra["ge"], extra["le"])
        return Control(
            name=name,
            label=extra["label"] or name.lower().replace("_", " "),
            symbol=extra["symbol"],
            unit=extra["unit"],
            help=field.description or "",
            kind=kind,
            type=field.annotation.__name__,  # type: ignore[union-attr]
            min=extra["ge"],
            max=extra["le"],
            step=step,
            scale=extra["scale"],
            choices=extra["choices"],
            labels=extra["labels"],
            default=field.default,
            update=extra["update"],
            note=extra["note"],
            document=extra["document"],
        )

    # validation
    @classmethod
    def _choice_problem(cls, name: str, value: Any) -> str | None:
        extra = cls._extra(name)
        if not extra["choices"]:
            return None
        items = split(value) if extra["several"] else (value,)
        if not items or len(set(items)) < len(items):
            return "give each choice once and at least one"
        for item in items:
            if item not in extra["choices"]:
                near = closest(item, map(str, extra["choices"]))
                return f"{item!r} is not a choice" + (f"; did you mean {near!r}?" if near else "")
        return None

    @classmethod
    def problem(cls, name: str, value: Any) -> str | None:
        """What is wrong with one name and value, in one sentence; None if nothing is."""
        if name not in cls.model_fields:
            near = closest(name, cls.names())
            return (
                f"{name} is not a parameter of lesson {cls.lesson}"
                + (f"; did you mean {near} ({cls.allowed(near)})?" if near else "")
                + f" Its parameters: {', '.join(cls.names())}"
            )
        try:
            cls.__pydantic_validator__.validate_python({name: value}, strict=True)
        except ValidationError as error:
            given = f"{name} = {value!r}: allowed is {cls.allowed(name)}"
            if isinstance(value, str) and cls.model_fields[name].annotation in (float, int, bool):
                return f"{given}; this is a text"
            detail = cls._choice_problem(name, value) if isinstance(value, str) else None
            if name == "DEVICE" and isinstance(value, str):
                detail = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
            return f"{given}; {detail}" if detail else given
        return None

    @classmethod
    def _as_text(cls, name: str, value: Any) -> Any:
        """The text of a number where that is a choice: papermill's -p makes a number of a text that looks like one."""
        if type(value) in (int, float) and name in cls.model_fields and cls.model_fields[name].annotation is str:
            return str(value) if str(value) in (cls._extra(name).get("choices") or ()) else value
        return value

    @classmethod
    def check(cls, values: dict[str, Any]) -> Self:
        """The parameters with `values` in place of the defaults.

        Raises ParameterError: one message listing every problem (name, value, allowed range, nearest name).
        """
        values = {name: cls._as_text(name, value) for name, value in values.items()}
        problems = [p for name, value in values.items() if (p := cls.problem(name, value))]
        if problems:
            raise ParameterError(
                f"lesson {cls.lesson} cannot run with these parameters\n" + "\n".join(f"  - {p}" for p in problems)
            )
        return cls(**values)

    def replace(self, **changes: Any) -> Self:
        """A checked copy with some values changed."""
        return self.check({**self.model_dump(), **changes})

    # what the values say
    def changed(self) -> dict[str, Any]:
        """The values that differ from the defaults."""
        return {n: getattr(self, n) for n in self.names() if getattr(self, n) != self.default(n)}

    def at_defaults(self) -> bool:
        """Whether every value that matters for a result is the default (the device does not)."""
        return not set(self.changed()) - {"DEVICE"}

    def several(self, name: str) -> tuple[str, ...]:
        """The chosen items of a parameter declared with several=True."""
        return split(getattr(self, name))

    def command(self) -> str:
        """The papermill command that repeats a run with these values (only what differs from the defaults)."""
        words = ["papermill", f"notebooks/{self.notebook}.ipynb", "out.ipynb"]
        for name, value in self.changed().items():
            # papermill turns a text that looks like a number or a truth value into one, unless -r is used
            raw = isinstance(value, str) and _looks_like_a_value(value)
            words += ["-r" if raw else "-p", name, str(value)]
        return shlex.join(words)

    @classmethod
    def cell(cls) -> str:
        """The source of the parameters cell: one flat literal per line, with help and allowed values as a comment."""
        lines = [f"# Parameters of lesson {cls.lesson}: change a value, then run this cell and those below"]
        for name in cls.names():
            field = cls.model_fields[name]
            extra = cls._extra(name)
            what = f"{extra['symbol']}, {field.description}" if extra["symbol"] else str(field.description)
            if extra["choices"]:
                what += f" ({', '.join(map(str, extra['choices']))})"
            elif extra["ge"] is not None and extra["le"] is not None and name not in LAST:
                what += f" [{number(extra['ge'])} to {number(extra['le'])}]"
            lines.append(f"{name}: {field.annotation.__name__} = {_literal(field.default)}  # {what}")  # type: ignore[union-attr]
        return "\n".join(lines)

    @classmethod
    def markdown(cls) -> str:
        """The docs table of the parameters."""
        rows = ["| name | default | allowed | meaning |", "|---|---|---|---|"]
        for name in cls.names():
            rows.append(
                f"| `{name}` | `{cls.default(name)!r}` | {cls.allowed(name)} | {cls.model_fields[name].description} |"
            )
        return "\n".join(rows)


def _literal(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _looks_like_a_value(text: str) -> bool:
    if text in ("True", "False", "None"):
        return True
    try:
        float(text)
    except ValueError:
        return False
    return True
