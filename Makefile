# Every step makes what it needs, once: `make` reinstalls only when pyproject.toml or constraints.txt changed.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.SILENT:
.DEFAULT_GOAL := help
.PHONY: help demo test check lint slow generate clean

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
INSTALL := $(PIP) install --constraint constraints.txt --editable
NEEDS := pyproject.toml constraints.txt
FAST := not slow and not ray and not docker and not browser

help: ## list what can be made
	awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Dealt anew each time, or a second demo would inherit the gate tests that the first one used up.
demo: $(VENV)/.installed ## run the whole loop on a simulated model: no key, no network, about two minutes
	$(BIN)/ratchet run configs/quickstart.yaml --new-split

test: $(VENV)/.installed-dev ## run the tests (those that need docker, bubblewrap, chromium or more time say why they are left out)
	$(BIN)/pytest -q

check: lint ## format, lint, types, imports, and the fast tests
	echo "fast tests"
	$(BIN)/pytest -q -x -m "$(FAST)" --ignore tests/e2e

lint: $(VENV)/.installed-dev ## the part of `check` that runs no test
	echo "ruff format"; $(BIN)/ruff format --quiet --check .
	echo "ruff check"; $(BIN)/ruff check --quiet .
	echo "mypy"; $(BIN)/mypy --no-error-summary
	echo "lint-imports"; $(BIN)/lint-imports --no-logo > $(VENV)/imports.txt || { cat $(VENV)/imports.txt; exit 1; }

slow: $(VENV)/.installed-dev ## the full-size tests, which the others leave out
	$(BIN)/pytest -q -m slow --timeout=3600

generate: $(VENV)/.installed-dev ## write what is generated from the code: the run file's schema and tables, the command line's reference
	$(BIN)/python -m tests.docs.generated

clean: ## remove the environment and every cache; runs/ stays
	rm -rf $(VENV) build *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	  || { echo "Ratchet needs Python 3.11 or newer as $(PYTHON); name another with: make PYTHON=python3.12 ..." >&2; exit 2; }
	echo "making $(VENV) with $$($(PYTHON) --version)"
	$(PYTHON) -m venv $(VENV) > /dev/null \
	  || { rm -rf $(VENV); echo "no venv module here; on Debian and Ubuntu: apt install python3-venv" >&2; exit 2; }

$(VENV)/.installed: $(NEEDS) | $(BIN)/python
	echo "installing ratchet and its pinned packages (a minute or two)"
	$(INSTALL) .
	touch $@

$(VENV)/.installed-dev: $(NEEDS) | $(BIN)/python
	echo "installing ratchet and the packages its tests need (a minute or two)"
	$(INSTALL) '.[dev]'
	touch $@ $(VENV)/.installed
