# make setup | lab | test | lessons | build | bench | mutants | lock
# Every target starts with the set-up, which costs nothing while the lock has not changed.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.ready
UV := $(shell command -v uv 2>/dev/null)
JOBS ?= 2
ROOT := $(shell test "$$(id -u)" = 0 && echo --allow-root)
export OMP_NUM_THREADS ?= 1

.PHONY: setup lab test lint lessons build bench mutants lock

setup: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
ifneq ($(UV),)
	@test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) $(VENV)
	uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps -e .
else
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "qlab needs Python 3.11 or newer: make setup PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv is missing: apt install python3-venv (or install uv)"; exit 1; }
	$(BIN)/pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --no-deps -e .
endif
	@touch $(STAMP)

lab: setup
	$(BIN)/jupyter-lab $(ROOT) --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest -n $(JOBS) --dist loadgroup

lessons: setup
	$(BIN)/qlab lessons

build: setup
	$(BIN)/qlab build

bench: setup
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

mutants: setup
	$(BIN)/python -m tests.mutants

lock:
	uv pip compile --universal --generate-hashes --python-version 3.11 --extra lab --extra test --extra bench \
	  --no-emit-index-url --no-header --no-annotate --quiet pyproject.toml -o requirements.lock
