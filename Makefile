# Every target works from a fresh clone: it needs make, git, and Python 3.11 or later with pip.
.DEFAULT_GOAL := help
.PHONY: help setup demo test faults lint bench schemas pages lock clean

PYTHON ?= $(shell for p in python3.11 python3; do \
	$$p -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
QUIET := --quiet --disable-pip-version-check

# Two stamps, so that a change of the project's own metadata does not install everything again.
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

setup: $(INSTALLED) ## make the environment .venv from requirements.lock

# The environment gets its pip from the lock too, so venv's own copy (which Debian packages apart
# from Python) is not needed.
$(LOCKED): requirements.lock
	@test -n "$(PYTHON)" || { echo "needed: Python 3.11 or later with pip, as python3.11 or python3" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON); the first time this takes a minute or two"
	@$(PYTHON) -m venv --clear --without-pip $(VENV)
	@$(PYTHON) -m pip --python $(BIN)/python install $(QUIET) --require-hashes -r requirements.lock
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install $(QUIET) --no-deps --no-build-isolation -e .
	@touch $@

demo: setup ## play the demonstration on a real nats-server and check it
	@$(BIN)/handrail demo

test: setup ## run every test that this machine can run
	@$(BIN)/python -m pytest -q -n auto --dist loadscope --no-loadscope-reorder

FAULTS ?= --messages 5000

faults: setup ## make every fault that this machine can, and count what was lost (FAULTS="…")
	@$(BIN)/python -m tests.faults $(FAULTS)
	@$(BIN)/python -m tests.faults --cluster $(FAULTS)

lint: setup ## check style, types and layers
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: setup ## measure the exchange against its baselines, into build/bench.json
	@$(BIN)/python -m benchmarks

schemas: setup ## generate contracts/schemas from the contract
	@$(BIN)/python -m contracts.schema_build

pages: setup ## write the generated pages of docs/
	@$(BIN)/python -m tests.pages

# The locks name packages, versions and hashes and no address, so they work behind any index.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock"

lock: setup ## pin every dependency anew in requirements.lock and deploy/requirements.lock
	@$(COMPILE) --upgrade --group build --group dev -o requirements.lock pyproject.toml
	@$(COMPILE) --group build -c requirements.lock -o deploy/requirements.lock pyproject.toml

clean: ## remove .venv and everything that was generated, but no state (.handrail)
	@rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
