# `make` lists what there is. Everything runs in .venv, which the first target that needs it creates:
# the system's python3 makes the environment, pip brings uv, uv brings the rest, each file checked by its hash.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
RUN := .venv/.installed-run
DEV := .venv/.installed-dev
WORKERS ?= 2
WORK ?=
GENERATORS := crds/generate.py runner/ponte/ledger/schema/generate.py

##@ Use
.PHONY: demo
demo: $(RUN) ## A night of a company's catalogue in six steps: 50,000 articles from an ERP to a shop
	@$(BIN)/python examples/01-nightly-catalogue/demo.py

##@ Work
.PHONY: setup
setup: $(DEV) ## Create .venv with all that work on Ponte needs

.PHONY: test
test: $(DEV) ## The fast tier: unit, contract, integration, architecture, docs (no root needed)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -q

.PHONY: check
check: $(DEV) ## Style, types, layers, dependencies, generated files, imports of the hot path
	@$(MAKE) -j$(WORKERS) --keep-going --output-sync=target check-types check-style check-layers check-dependencies check-generated check-architecture
	@echo "check: all is well"

.PHONY: format
format: $(DEV) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . || true
	@$(BIN)/ruff format .

.PHONY: generate
generate: $(DEV) ## Write what is generated: CRDs, schemas, reference, the ledger's statements
	@$(foreach generator,$(GENERATORS),$(BIN)/python $(generator) && ) true

.PHONY: faults
faults: $(DEV) ## Hundreds of kills at seeded places; FAULT_SEED=LEDGER:TARGET:SEED plays one again
	@$(BIN)/python -m pytest tests/faults -n $(WORKERS) --dist worksteal -q

.PHONY: bench
bench: $(DEV) ## Speed and memory, beside dlt, sling and ingestr: all (an hour), or WORK=rest|orders|csv|xlsx|put|bulk|memory|odbc
	@code=0; $(BIN)/python -m pytest tests/bench -q -s -k "$(WORK)" || code=$$?; $(MAKE) bench-report; exit $$code

.PHONY: bench-report
bench-report: $(DEV) ## Write docs/performance.md from what was measured
	@PYTHONPATH=tests $(BIN)/python -m bench.rivals.report

.PHONY: test-crds
test-crds: export PATH := $(PATH):/usr/local/go/bin
test-crds: export GOTOOLCHAIN := auto
test-crds: $(DEV) ## The CRDs on a real API server (builds kube-apiserver and etcd once; needs go)
	@$(BIN)/python -m pytest tests/crds -q

.PHONY: test-deps
test-deps: ## Install what some tests want from the system (Debian, Ubuntu; as root)
	@tools/test-deps

.PHONY: requirements
requirements: $(DEV) ## Pin all dependencies anew, with hashes
	@tools/requirements

.PHONY: clean
clean: ## Remove .venv and all that was made
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build bench-results
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## This list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Parts of check, run side by side.
.PHONY: check-types check-style check-layers check-dependencies check-generated check-architecture
check-types: ; @$(BIN)/mypy
check-style: ; @$(BIN)/ruff format --check . && $(BIN)/ruff check --quiet .
check-layers: ; @$(BIN)/lint-imports --no-logo
check-dependencies: ; @$(BIN)/deptry --no-ansi runner crds
check-generated: ; @$(foreach generator,$(GENERATORS),$(BIN)/python $(generator) --check && ) true
check-architecture: ; @$(BIN)/python -m pytest tests/architecture -q --no-header -p no:cacheprovider

# The environment. Each stamp is newer than all that it was made from, so nothing is done twice.
$(RUN): requirements/bootstrap.txt requirements/run.txt pyproject.toml tools/environment
	@PYTHON="$(PYTHON)" tools/environment run

$(DEV): requirements/bootstrap.txt requirements/dev.txt pyproject.toml tools/environment
	@PYTHON="$(PYTHON)" tools/environment dev
