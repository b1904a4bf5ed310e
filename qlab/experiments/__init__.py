"""One file per experiment: what is run, what is counted, what a verdict is computed from."""
