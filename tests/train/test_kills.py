"""Twenty kills at random moments of one run, some in the middle of a write: the end is bitwise that of a quiet run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from states import equal, final

from qlab.train import result


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="sessions are forks")
def test_twenty_kills_and_the_same_end(tmp_path):
    script = Path(__file__).with_name("kills.py")
    env = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip().endswith(" 20"), done.stdout
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert equal(final(killed), final(whole))
    a, b = result.read(whole), result.read(killed)
    for name in ("evaluations", "history", "dataset", "steps", "levels"):
        assert a[name] == b[name]
    assert {p.name for p in killed.iterdir()} >= {"last.pt", "previous.pt", "result.json"}
