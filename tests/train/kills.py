"""A training run that is killed 20 times: run by `test_kills.py` in a process of its own.

Each session is a fork that is ended without warning: at a random moment around a random step (a CPU-time alarm whose
default action is to end the process), or by SIGKILL inside a write: half a checkpoint on the disk, between the two
renames of a checkpoint, before and after the result gets its name. Prints the number of each kind.
"""

import os
import random
import resource
import signal
import sys
import traceback
from pathlib import Path

import torch
import torch._dynamo  # torch imports it in the first optimizer: once here instead of once in each session

from qlab.train import Config, Run, checkpoint, result, train
from qlab.train.progress import Silent

STEPS = 80
OPTIONS = {"method": "bc-stochastic", "base": "adam", "model": "mlp-bn", "bits": 3, "lr": 0.01, "augment": True}
OPTIONS |= {"steps": STEPS, "read_every": 7, "eval_every": 20, "checkpoint_every": 3, "eval_size": 100}
ALARMS, HALVES, RENAMES, RESULTS = 10, 5, 3, 2


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def alarm(step, delay):
    """Ends the process `delay` CPU seconds after step number `step` began, at the latest five steps on."""
    original = Run.advance

    def advance(run):
        if run.step == step:
            signal.setitimer(signal.ITIMER_PROF, delay)
        if run.step == step + 5:
            die()
        original(run)

    Run.advance = advance


def half(step, share):
    """Ends the process when `share` of the first checkpoint at or after `step` is on the disk."""
    original = checkpoint.torch.save

    class Torch:
        def __getattr__(self, name):
            return getattr(torch, name)

        @staticmethod
        def save(state, file):
            original(state, file)
            if state["step"] >= step:
                file.flush()
                file.truncate(int(file.tell() * share))
                os.fsync(file.fileno())
                die()

    checkpoint.torch = Torch()


def rename(step):
    """Ends the process between the two renames of the first checkpoint at or after `step`."""
    original = checkpoint.os.replace

    def replace(source, target):
        original(source, target)
        if target.name == checkpoint.PREVIOUS and checkpoint.read(target)["step"] >= step - 3:
            die()

    checkpoint.os.replace = replace


def naming(after):
    """Ends the process just before or just after the result gets its name."""
    original = result.os.link

    def link(source, target):
        if after:
            original(source, target)
        die()

    result.os.link = link


def session(config, hook, *arguments):
    """One process that trains until it ends or is ended; the signal that ended it, or 0."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            hook(*arguments)
            train(config, show=Silent())
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("a session failed")
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def nothing():
    """No hook: the session runs to its end."""


def main(folder):
    """Trains once undisturbed (folder/whole), once through all kills (folder/killed)."""
    torch.set_num_threads(1)
    rng = random.Random(0)
    assert session(Config(**OPTIONS, out=str(folder / "whole")), nothing) == 0
    per_step = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime / STEPS
    config = Config(**OPTIONS, out=str(folder / "killed"))
    plan = [(alarm,)] * ALARMS + [(half,)] * HALVES + [(rename,)] * RENAMES
    rng.shuffle(plan)
    steps = sorted(rng.sample(range(4, STEPS - 8), len(plan)))
    kills = {"alarm": 0, "half": 0, "rename": 0, "naming": 0}
    for (hook,), step in zip(plan, steps, strict=True):
        found = checkpoint.load(folder / "killed")
        at = max(step, found[0]["step"]) if found else step  # a checkpoint may be later than where the last kill began
        more = {alarm: (rng.uniform(0, 3 * per_step),), half: (rng.random(),), rename: ()}[hook]
        kills[hook.__name__] += session(config, hook, at, *more) != 0
        checkpoint.load(folder / "killed")  # readable, or CheckpointError ends this script
    for after in (False,) * (RESULTS - 1):
        kills["naming"] += session(config, naming, after) != 0
    kills["naming"] += session(config, naming, True) != 0
    assert result.read(folder / "killed") is not None
    sys.stdout.write(f"{kills} {sum(kills.values())}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
