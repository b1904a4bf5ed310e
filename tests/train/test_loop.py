"""A run learns, stops and resumes: with every method and base, through Ctrl-C, NaN and a changed config."""

import os
import signal

import pytest
import torch
from states import equal, final

from qlab.methods import METHODS
from qlab.train import Config, DivergedError, InterruptedRunError, ResumeError, Run, checkpoint, progress, train
from qlab.train.__main__ import main
from qlab.train.checkpoint import LAST
from qlab.train.loop import SUMS
from qlab.train.progress import Silent


@pytest.mark.parametrize("base", ["sgd", "adam"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns_the_digits(method, base):
    config = Config(method=method, base=base, bits=2, model="mlp-bn", lr={"sgd": 0.05, "adam": 0.003}[base], steps=60)
    run = Run(config)
    start = run.evaluate()
    first = None
    for _ in range(60):
        run.advance()
        if run.step % 10 == 0:
            first = first or run.read()
    last, end = run.read() if run.sums[SUMS.index("steps")] else run.history["steps"][-1], run.evaluate()
    assert last["loss"] < 0.5 * first["loss"]
    assert end["quantized"]["validation"]["accuracy"] > start["quantized"]["validation"]["accuracy"]
    assert {"step", "epoch", "latent", "quantized"} <= set(end)
    assert 0 <= last["flips"] <= 1


def test_a_network_with_convolutions_trains_in_bf16_and_channels_last():
    config = Config(
        model="resnet8", width=4, subset=256, batch=64, steps=12, bf16=True, channels_last=True, augment=True
    )
    run = Run(config)
    for _ in range(12):
        run.advance()
        if run.step % 3 == 0:
            run.read()
    losses = [r["loss"] for r in run.history["steps"]]
    assert losses[-1] < losses[0]
    assert all(p.dtype == torch.float32 for p in run.model.parameters())


def test_the_learning_rate_of_each_step_is_the_schedules():
    run = Run(Config(steps=5, schedule="cosine", lr=0.3))
    for step in range(5):
        run.advance()
        assert {float(g["lr"]) for g in run.optimizer.param_groups} == {run.config.rate(step, 5)}
        assert run.read()["lr"] == run.config.rate(step, 5)
    assert run.config.rate(0, 5) == 0.3


def test_flips_count_the_changed_codes():
    run = Run(Config(lr=0.5, momentum=0.0, steps=5))
    shares = []
    for _ in range(5):
        before = {n: c for n, (c, _) in run.optimizer.codes().items()}
        run.advance()
        after = {n: c for n, (c, _) in run.optimizer.codes().items()}
        changed = sum(int((before[n] != after[n]).sum()) for n in before)
        shares.append(changed / sum(c.numel() for c in before.values()))
    assert sum(shares) > 0
    assert run.read()["flips"] == pytest.approx(sum(shares) / 5)


def test_a_step_never_waits_for_the_device(monkeypatch):
    run = Run(Config(method="bc-stochastic", model="mlp-bn", bits=3, steps=20, augment=True))
    run.advance()

    def waits(*_):
        raise AssertionError("a step read a number from the device")

    for name in ("item", "tolist", "__bool__", "__float__", "__int__", "numpy"):
        monkeypatch.setattr(torch.Tensor, name, waits)
    run.advance()
    monkeypatch.undo()
    assert run.step == 2


class StopAt(Silent):
    """Sends a signal to this process after a given step."""

    def __init__(self, step, number):
        self.at, self.number = step, number

    def update(self, step, numbers=None):
        if step == self.at:
            os.kill(os.getpid(), self.number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_checkpoint_that_resumes_bitwise(tmp_path, number):
    options = {"method": "bc-stochastic", "base": "adam", "model": "mlp-bn", "bits": 3, "steps": 30, "read_every": 8}
    options |= {"lr": 0.01, "augment": True, "eval_every": 9, "checkpoint_every": 11, "schedule": "cosine"}
    handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    train(Config(**options, out=str(tmp_path / "whole")), show=Silent())
    config = Config(**options, out=str(tmp_path / "stopped"))
    for step in (13, 14, 27):  # in the middle of a window of readings each time
        with pytest.raises(InterruptedRunError, match=rf"step {step} of 30.*--out") as stopped:
            train(config, show=StopAt(step, number))
        assert stopped.value.signal == number
        assert checkpoint.load(tmp_path / "stopped")[0]["step"] == step
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == handlers
    record = train(config, show=Silent())
    assert record["sessions"] == 4
    assert equal(final(tmp_path / "stopped"), final(tmp_path / "whole"))


def test_a_stop_function_works_without_a_folder():
    with pytest.raises(InterruptedRunError, match="step 0 of 5"):
        train(Config(steps=5), show=Silent(), stop=lambda: True)


@pytest.mark.parametrize("every", [1, 4])
def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path, every):
    config = Config(method="full", lr=1e30, steps=50, read_every=5, checkpoint_every=every, out=str(tmp_path))
    with pytest.raises(DivergedError, match=rf"no longer finite.*{LAST}"):
        train(config, show=Silent())
    state, path = checkpoint.load(tmp_path)
    assert path.name == LAST
    assert all(v.isfinite().all() for v in state["model"].values())
    assert state["step"] < 6
    assert not (tmp_path / "result.json").exists()


def test_a_weight_that_is_not_finite_is_noticed_at_the_end():
    run = Run(Config(steps=3))
    run.advance()
    run.check()
    with torch.no_grad():
        next(run.model.parameters()).view(-1)[0] = float("nan")
    with pytest.raises(DivergedError, match="weights"):
        run.check()


def test_another_config_or_other_data_do_not_continue_a_run(tmp_path):
    config = Config(steps=9, out=str(tmp_path))
    with pytest.raises(InterruptedRunError):
        train(config, show=StopAt(4, signal.SIGINT))
    before = (tmp_path / LAST).read_bytes()
    with pytest.raises(ResumeError, match=r"lr: 0\.1 there, 0\.2 now; seed: 0 there, 5 now"):
        train(Config(steps=9, lr=0.2, seed=5, out=str(tmp_path)), show=Silent())
    assert (tmp_path / LAST).read_bytes() == before
    state = checkpoint.load(tmp_path)[0]
    checkpoint.save(tmp_path, state | {"data": "0" * 64})
    with pytest.raises(ResumeError, match="checksum 000000000000 there"):
        train(config, show=Silent())


def test_the_command_says_how_each_run_ended(tmp_path, capsys):
    out = ["--out", str(tmp_path / "a")]
    assert main(["--steps", "3", "--method", "r", *out]) == 0
    assert "accuracy" in capsys.readouterr().out
    assert main(["--steps", "3", "--method", "r", *out]) == 1
    assert "Nothing was overwritten" in capsys.readouterr().err
    assert main(["--steps", "30", "--lr", "1e30", "--method", "full", "--out", str(tmp_path / "b")]) == 3
    assert "last good checkpoint" in capsys.readouterr().err
    (tmp_path / "file").touch()
    assert main(["--steps", "3", "--out", str(tmp_path / "file")]) == 1
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_second_ctrl_c_ends_at_once_and_says_how_to_go_on(tmp_path, capsys, monkeypatch):
    class Twice(Silent):
        def say(self, line):
            os.kill(os.getpid(), signal.SIGINT)
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(progress, "show", lambda *_: Twice())
    argv = ["--steps", "20", "--checkpoint-every", "2", "--eval-every", "4", "--out", str(tmp_path)]
    assert main(argv) == 128 + signal.SIGINT
    assert "continues from the last checkpoint" in capsys.readouterr().err
    assert checkpoint.load(tmp_path)[0]["step"] == 2
