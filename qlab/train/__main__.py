"""The command: `python -m qlab.train --dataset digits --model mlp --method bc --bits 1`, also `qlab train`."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from qlab.data import DataError
from qlab.messages import closest
from qlab.train.checkpoint import CheckpointError
from qlab.train.config import Config, ConfigError, kinds
from qlab.train.loop import DivergedError
from qlab.train.result import RESULT, FinishedError
from qlab.train.trainer import InterruptedRunError, ResumeError, sentence, train

REFUSED, BAD_OPTION, DIVERGED = 1, 2, 3
"""Exit codes: a folder that is taken or unusable; options or data that cannot be; NaN. Interrupted: 128 + signal."""


class _Parser(argparse.ArgumentParser):
    """One clear line instead of argparse's usage block."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message)


def parser() -> argparse.ArgumentParser:
    """One option for each field of `Config`; its help, type and choices come from there."""
    p = _Parser(prog="qlab train", description="Train a network under quantization.", allow_abbrev=False)
    for f in dataclasses.fields(Config):
        flag, text = "--" + f.name.replace("_", "-"), f.metadata["help"]
        if f.name == "hyper":
            p.add_argument("--set", dest="hyper", action="append", metavar="NAME=VALUE", help=text + ", e.g. box=1")
        elif bool in kinds(f.name):
            p.add_argument(flag, action=argparse.BooleanOptionalAction, help=text)
        else:
            kind = next(k for k in (float, int, str) if k in kinds(f.name))
            usual = "" if f.default in (None, "") else f" (default: {f.default})"
            choices = f.metadata["choices"]
            text = text + (": " + ", ".join(choices) if choices else "") + usual
            p.add_argument(flag, type=_reader(kind), metavar=kind.__name__.upper(), help=text.replace("%", "%%"))
    return p


def _reader(kind: type) -> Any:
    """Text to a number if it is one; whatever else it is goes to the checks of `Config`, whose messages say more."""

    def read(text: str) -> Any:
        try:
            return kind(text)
        except ValueError:
            return text

    return read


def configuration(argv: Sequence[str]) -> Config:
    """The config that a command line asks for. Raises ConfigError."""
    options = parser()
    parsed, unknown_options = options.parse_known_args(argv)
    if unknown_options:
        flag = unknown_options[0].split("=")[0]
        near = closest(flag, [f for action in options._actions for f in action.option_strings])
        raise ConfigError(f"unknown option {flag!r}; --help lists all" + (f"; did you mean {near!r}?" if near else ""))
    given = {name: value for name, value in vars(parsed).items() if value is not None}
    if "hyper" in given:
        given["hyper"] = _pairs(given["hyper"])
    config = Config(**given)
    return config if config.out else dataclasses.replace(config, out=str(Path("runs") / config.name()))


def _pairs(texts: Sequence[str]) -> Mapping[str, float | str]:
    pairs: dict[str, float | str] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        if not sign:
            raise ConfigError(f"--set {text}: NAME=VALUE is needed, e.g. --set box=1")
        pairs[name] = _reader(float)(value)
    return pairs


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit code; every expected failure is one line on stderr."""

    def say(line: str) -> None:
        sys.stderr.write(f"qlab train: {line}\n")

    try:
        config = configuration(sys.argv[1:] if argv is None else argv)
        say(f"writing to {config.out}")
        record = train(config)
    except (FinishedError, ResumeError, CheckpointError, OSError) as error:
        say(str(error))
        return REFUSED
    except DivergedError as error:
        say(str(error))
        return DIVERGED
    except InterruptedRunError as error:
        say(str(error))
        return 128 + (error.signal or signal.SIGINT)
    except KeyboardInterrupt:  # before the first step, or a second Ctrl-C
        say("stopped at once; the same command continues from the last checkpoint, if there is one")
        return 128 + signal.SIGINT
    except (ConfigError, DataError, ValueError) as error:
        say(str(error).replace("\n", " "))
        return BAD_OPTION
    sys.stdout.write(
        f"{record['config']['method']} {record['levels']}, schedule {record['schedule']}\n"
        f"{sentence(record['evaluations'][-1])}\n{Path(config.out or '.') / RESULT}\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
