# dic-bench: every target sets up what it needs. `make help` lists them.

PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.10 python3 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 10))' >/dev/null 2>&1 && { echo $$p; break; }; done)
VENV ?= .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.dic-bench-installed
METHODS ?= spdic,ndic,balle2018,jpeg,webp,avif,copy-y
DATASET ?= synthdrive:test32
REPORTS ?= runs/reports
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types check clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) ## Create the environment in .venv and install everything into it

demo: $(STAMP) ## Measure seven codecs on the embedded stereo pairs; write leaderboard and plots
	$(PY) -m bench run --method $(METHODS) --dataset $(DATASET)
	$(PY) -m bench report --out $(REPORTS)
	@echo
	@echo "Leaderboard: $(abspath $(REPORTS))/leaderboard.md"
	@echo "Plots:       $(abspath $(REPORTS)), one folder a dataset (rd.png, rd.svg)"
	@echo "Result rows: $(CURDIR)/runs (parquet; bench.results.load('runs') reads them)"

test: lint types ## Style, types and all tests
	$(PY) -m pytest $(PYTEST_ARGS)

lint: $(STAMP) ## ruff
	$(PY) -m ruff check . && $(PY) -m ruff format --check .

types: $(STAMP) ## mypy --strict on bench/
	$(PY) -m mypy

check: $(STAMP) ## The regression gate: every shipped codec against its committed goldens
	BENCH_WEIGHTS_DIR="$${BENCH_WEIGHTS_DIR:-$(wildcard ../shared/weights)}" $(PY) -m bench check

clean: ## Remove caches and build products; keeps .venv, runs/ and prepared data
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find bench methods tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@test -n "$(PYTHON)" || { echo "dic-bench needs Python 3.10 or newer; name one with make PYTHON=/path/to/python3." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(STAMP): pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install -c constraints.txt -e '.[dev,heic]'
	@touch $@
