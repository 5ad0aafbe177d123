# `make demo` shows it, `make test` proves it. Paths are relative, so the folder's name may hold spaces.
.DEFAULT_GOAL := help
SHELL := /bin/sh
MAKEFLAGS += --no-builtin-rules

# The newest Python from 3.11 on; say `make PYTHON=/path/to/python …` for another.
PYTHON ?= $(shell for p in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
VENV := .venv/bin
STATIC := src/millstream/server/static
UI_INPUTS := $(shell find ui -type f -not -path 'ui/node_modules/*' -not -name '* *' \
	\( -path 'ui/src/*' -o -path 'ui/public/*' -o -name '*.html' -o -name '*.json' -o -name '*.ts' \) 2>/dev/null)
# One more than the cores of a small machine: a part of the time goes to waiting, for servers and browsers.
JOBS ?= 3

.PHONY: help setup ui demo test test-ui test-python clients check check-ui bench docs screenshots lock clean

help: ## Show this list
	@echo 'make demo          train a few models and look at them in the browser (CHECK=1: prove it works, then stop)'
	@echo 'make test          every test, the browser included'
	@echo 'make check         style, types, floors, sizes, freshness of the generated pages'
	@echo 'make setup         .venv with everything, and the built UI (the others call it)'
	@echo 'make ui            build the UI only'
	@echo 'make clients       the MLflow clients and frameworks of tests/interop, each in an environment of its own'
	@echo 'make bench         measure; prints a table'
	@echo 'make docs          write the generated pages anew'
	@echo 'make screenshots   take the pictures in docs/images anew'
	@echo 'make lock          renew requirements-dev.lock and the pins of tests/interop'
	@echo 'make clean         remove what was built (not the data)'

setup: .venv/.ready $(STATIC)/index.html

.venv/.ready: pyproject.toml requirements-dev.lock scripts/setup.py scripts/wheels.py $(wildcard dropin/pyproject.toml)
	@test -n "$(PYTHON)" || { echo 'Millstream needs Python 3.11 or newer; none was found.' >&2; exit 1; }
	"$(PYTHON)" scripts/setup.py
	@touch $@

ui: $(STATIC)/index.html

ui/node_modules/.ready: ui/package-lock.json
	@command -v npm >/dev/null || { echo 'Building the UI needs Node 20 or newer (npm was not found).' >&2; exit 1; }
	cd ui && npm ci --no-audit --no-fund
	@touch $@

$(STATIC)/index.html: ui/node_modules/.ready $(UI_INPUTS)
	cd ui && npm run build
	@touch $@

demo: setup
	$(VENV)/python scripts/demo.py $(if $(CHECK),--check)

test: setup test-ui test-python

test-ui: ui/node_modules/.ready
	cd ui && npm test

test-python: setup clients
	$(VENV)/python -m pytest -n $(JOBS) --dist worksteal

# Built before the tests, whose clock must not run meanwhile. Where one cannot be had its tests say why they skip.
clients: setup
	@$(VENV)/python -m tests.interop.environment

check: setup check-ui
	$(VENV)/ruff check .
	$(VENV)/ruff format --check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-cache
	$(VENV)/python -m pytest -q tests/test_house.py
	$(VENV)/python scripts/docs.py --check

check-ui: ui/node_modules/.ready
	cd ui && npm run check

bench: setup
	$(VENV)/python -m benchmarks

docs: setup
	$(VENV)/python scripts/docs.py

screenshots: setup
	$(VENV)/python scripts/screenshots.py

lock: .venv/.ready
	$(VENV)/python scripts/lock.py

clean:
	rm -rf .venv ui/node_modules $(STATIC) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
