# Targets for people; `make` alone lists them. Needs GNU make, bash and Python 3.11 or newer, nothing else.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := .venv/bin
STAMP := .venv/.installed
LOCK_FLAGS ?=

# Read by recipes as shell variables, so that names with spaces and quotes survive.
export SOURCE ?=
export OUT ?= out/predict
export PYTHON ?=

.PHONY: help install demo test lint wheel docs lock clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1|\2/' | column -t -s '|'

install: $(STAMP) ## create .venv and install the locked dependencies and the project

$(STAMP): requirements.lock pyproject.toml scripts/find_python.sh
	@test -x $(BIN)/python || "$$(bash scripts/find_python.sh)" -m venv .venv
	@echo "Installing the locked dependencies into .venv: about 6 GB with CUDA, some minutes the first time."
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP) ## predict, adapt, compare; or predict on your own: SOURCE=folder-or-video [OUT=folder]
	@if [ -n "$$SOURCE" ]; then $(BIN)/zoo predict eyenet_s "$$SOURCE" -o "$$OUT"; \
	else $(BIN)/python scripts/demo.py; fi

test: lint ## lint, type-check and run every test
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(STAMP) ## ruff, mypy, and whether the lock satisfies pyproject.toml
	@$(BIN)/python -m pip check --disable-pip-version-check
	$(BIN)/ruff check .
	$(BIN)/mypy

wheel: $(STAMP) ## build the wheel into dist/ and try it in an empty environment and folder
	$(BIN)/python scripts/check_wheel.py --out dist

docs: $(STAMP) ## build the site into site/ (start at site/index.html); any dead link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

lock: $(STAMP) ## resolve requirements.lock again (LOCK_FLAGS=--upgrade for newer versions)
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --fork-strategy fewest \
	  --generate-hashes --no-header --no-emit-index-url --no-emit-find-links --no-config --quiet \
	  $(LOCK_FLAGS) -o requirements.lock

clean: ## remove what the tools wrote; keeps .venv, runs/, out/ and pool/
	rm -rf dist build site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find zoo tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
