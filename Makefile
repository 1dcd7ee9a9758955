# `make run` opens the workbench, `make test` checks everything; both set up what is missing first.
SHELL := /bin/sh
BIN := .venv/bin
unexport PYTHONDONTWRITEBYTECODE # kept bytecode starts a second run of the tests ten seconds sooner
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && { echo $$p; break; }; done)

.PHONY: run lab demo docs test lint web web-tools quick watch coverage format lock hashes clean

run: .venv/.app
	@$(BIN)/python -m tiltyard app

lab: .venv/.app
	@$(BIN)/python -m tiltyard lab

demo: .venv/.app
	@$(BIN)/python -m tiltyard demo

lint: .venv/.dev
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	$(BIN)/python -m mypy

# TypeScript and JavaScript. The tools have a small lock of their own beside the sources, without the builder of the bundle.
web: web-tools
	cd widgets && node_modules/.bin/biome lint --error-on-warnings
	cd widgets/labextension && ../node_modules/.bin/tsc --noEmit
	cd widgets/front && ../node_modules/.bin/tsc --noEmit
	cd widgets/labextension && ../node_modules/.bin/vitest run
	cd widgets/front && ../node_modules/.bin/vitest run

web-tools:
	@node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null && command -v npm >/dev/null || \
		{ echo "Expected Node 20 or newer with npm; found $$(node --version 2>/dev/null || echo none). Install it, or leave these checks to CI." >&2; exit 1; }
	@$(MAKE) --silent --no-print-directory widgets/node_modules/.package-lock.json

widgets/node_modules/.package-lock.json: widgets/package-lock.json
	@echo "Installing the linter, the compiler and the test runner into widgets/node_modules, once."
	@cd widgets && npm ci --no-progress
	@touch $@

# `make quick` is for while one works: all but the tests that take long (those marked so, and what tests/slow.txt lists as measured) or need a browser.
QUICK := -m "not slow and not ui"
WORKERS = --numprocesses=$$($(BIN)/python -c "import os; print(min(4, os.cpu_count() + 1))") --dist=worksteal # one more than cores: much of it waits

test: lint
	$(BIN)/python -m pytest $(WORKERS)

quick: lint
	$(BIN)/python -m pytest $(QUICK) $(WORKERS)

watch: .venv/.dev
	$(BIN)/python .ci/watch.py

# What runs in processes of its own is not seen. There is no floor yet: it is set where a quiet machine has measured it.
coverage: .venv/.dev
	$(BIN)/python -m pytest $(QUICK) $(WORKERS) --cov --cov-report=term:skip-covered

# What a release can install, with the sha256 of each file: every extra but dev.
RELEASED := audit boosters distributed federated hub huggingface mlflow objects onnx pdf postgresql serve word

lock: .venv/.dev
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --constraint constraints.txt --generate-hashes --no-annotate --no-emit-package pip \
		--custom-compile-command "make lock" --output-file requirements.lock $(addprefix --extra ,$(RELEASED)) pyproject.toml

hashes: .venv/.dev
	@PYTHON=$(BIN)/python .ci/hashes

# The documentation, into build/docs/html: tutorials and gallery run, nothing is fetched, a warning is an error.
docs: .venv/.dev
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto --builder html --doctree-dir build/docs/doctrees docs build/docs/html
	@echo "build/docs/html/index.html"

format: .venv/.dev
	$(BIN)/python -m ruff check --fix
	$(BIN)/python -m ruff format

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "Expected Python 3.11, 3.12 or 3.13 with its venv module; found none on PATH. Install one, or say make PYTHON=/path/to/python." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# The stamps say that what stands in pyproject.toml and constraints.txt is installed, so that the next call starts at once.
.venv/.app: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the pinned libraries into .venv; this takes some minutes, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[audit,federated,onnx,serve]"
	@touch $@

.venv/.dev: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Installing the pinned libraries and what tests and documentation need into .venv; this takes some minutes, once."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[audit,dev,distributed,docs,federated,hub,onnx,serve]"
	@touch $@ .venv/.app

clean:
	rm -rf dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find workbench widgets tests notebooks -name __pycache__ -type d -prune -exec rm -rf {} +
