# make run    set up, then run the example design          make test    everything that must hold before a commit
# make verify the long checks                              make help    all targets

PYTHON ?= python3
WORKERS ?= 2
CONFIG ?= configs/quickstart.yaml

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell uv --version >/dev/null 2>&1 && echo uv)
# The stamps of an environment whose Python has gone are void.
$(shell test -x $(BIN)/python || rm -f $(VENV)/.locked $(VENV)/.installed)
LOCK := uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-header

.DEFAULT_GOAL := help
.PHONY: help setup run test verify docs format-check lint-style lint-types lint-imports lint-locks lint format lock clean
.DELETE_ON_ERROR:

help:
	@echo "make setup    create $(VENV) from requirements/dev.lock (needs Python >= 3.11; uses uv when it is there)"
	@echo "make run      set up and run $(CONFIG)   (CONFIG=path picks another run file)"
	@echo "make test     format, style, types, import layers and tests"
	@echo "make verify   the long checks and the benchmarks"
	@echo "make docs     the documentation as pages in site/, which open without a server"
	@echo "make lint     style, types, import layers and locks only        make format   rewrite files in the style"
	@echo "make lock     renew requirements/*.lock (needs uv; UPGRADE=--upgrade takes the newest versions)"
	@echo "make clean    remove $(VENV) and caches; run folders stay"

setup: $(VENV)/.installed

# 1. an empty environment, 2. the locked packages, 3. this project on top of them; each only when its input changed.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "padesign needs Python 3.11 or newer, but $(PYTHON) is: $$($(PYTHON) --version 2>&1)"; \
		echo "  Name another one: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11"; exit 1; }
	@echo "Creating $(VENV) with $(or $(UV),pip); this happens once and takes up to two minutes."
	@rm -rf $(VENV)
ifeq ($(UV),uv)
	@uv venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
else
	@$(PYTHON) -m venv $(VENV) || { \
		echo "This Python cannot create environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
endif

$(VENV)/.locked: requirements/dev.lock | $(BIN)/python
ifeq ($(UV),uv)
	@uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/dev.lock
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
endif
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
ifeq ($(UV),uv)
	@uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@

run: setup
	$(BIN)/padesign run $(CONFIG)

test: setup format-check lint
	$(BIN)/pytest -n $(WORKERS)

verify: setup
	$(BIN)/pytest -m verify --timeout 1800
	$(BIN)/python -m experiments.verify

docs: setup
	$(BIN)/mkdocs build --quiet

lint: lint-style lint-types lint-imports lint-locks

format-check: setup
	$(BIN)/ruff format --check .

lint-style: setup
	$(BIN)/ruff check .

lint-types: setup
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(BIN)/pyright

lint-imports: setup
	$(BIN)/lint-imports --no-logo

lint-locks:
	@if grep -n '://' requirements/*.lock; then echo "A lock file holds an address; make it with: make lock"; exit 1; fi

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	@test -n "$(UV)" || { echo "make lock needs uv: python3 -m pip install uv"; exit 1; }
	$(LOCK) $(UPGRADE) --extra ui --extra crate --extra nuts --extra dev --extra docs --output-file requirements/dev.lock
	$(LOCK) --extra ui --constraint requirements/dev.lock --output-file requirements/run.lock

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis .cache dist build
	find padesign objectives experiments tests -name __pycache__ -type d -prune -exec rm -rf {} +
