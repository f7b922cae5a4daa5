# Every target says what it lacks and how to get it. What is set up once is stamped in .setup/, so it costs nothing later.

PYTHON ?= python3
RUN := .venv/bin/python
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
# Lint and types look at what is ours, never at what was installed or built.
SOURCES := app.py chalicelib agent infra tests
# What `make test` leaves to `make real` and `make e2e`: they need Go's builds or a browser.
LEFT_OUT := real or browser or e2e
GENERATORS := infra.generate_wire_schema infra.generate_fold_histories infra.generate_openapi

export PORT STATE_DIR FRESH CLUSTER GIMLET_LOCAL_TOKEN
.DEFAULT_GOAL := help
.PHONY: help setup run test real e2e bench lint format types contracts gen gen-check build budget package testbed clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup:  ## install what Python and the page need, and build the page
	@$(PYTHON) -m infra.setup system:test python frontend site

run:  ## serve the whole system on this machine (PORT=8000 STATE_DIR=.local FRESH=1 CLUSTER=real GIMLET_LOCAL_TOKEN=…)
	@$(PYTHON) -m infra.setup system:$(if $(filter real,$(CLUSTER)),run system:testbed,run) python frontend site
	@exec $(RUN) -m infra.local

test:  ## run the tests of Python and of the page that need no cluster and no browser
	@$(PYTHON) -m infra.setup system:test python frontend site
	@cd frontend && npm run --silent test
	@$(RUN) -m pytest -n $(JOBS) --dist loadfile -m "not ($(LEFT_OUT))" tests
	@echo "Left out here: the real cluster (make real) and the whole way in a browser (make e2e)."
	@$(PYTHON) -m infra.setup --check system:browser system:testbed || true

real:  ## run the tests against a real Kubernetes API and Flux (built first: 15 minutes, once)
	@$(PYTHON) -m infra.setup system:test system:testbed python
	@$(RUN) -m infra.testbed.build
	@$(RUN) -m pytest -m "real and not e2e" tests

e2e:  ## push, see it live in a browser, break it, roll back: on the stand-in and on the real parts
	@$(PYTHON) -m infra.setup system:browser system:testbed python frontend site
	@$(RUN) -m infra.testbed.build
	@$(RUN) -m pytest -m "e2e or browser" tests

bench:  ## measure, print JSON lines, and fail when a budget is broken (BENCH=… for options)
	@$(PYTHON) -m infra.setup system:test python frontend site
	@$(RUN) -m tests.bench $(BENCH)

lint:  ## ruff and eslint
	@$(PYTHON) -m infra.setup python frontend
	@$(RUN) -m ruff check $(SOURCES)
	@$(RUN) -m ruff format --check $(SOURCES)
	@cd frontend && npm run --silent lint

format:  ## put the Python sources into shape
	@$(PYTHON) -m infra.setup python
	@$(RUN) -m ruff check --fix-only $(SOURCES)
	@$(RUN) -m ruff format $(SOURCES)

types:  ## mypy --strict and tsc
	@$(PYTHON) -m infra.setup python frontend
	@$(RUN) -m mypy $(SOURCES)
	@cd frontend && npm run --silent typecheck

contracts:  ## who may import whom
	@$(PYTHON) -m infra.setup python
	@.venv/bin/lint-imports

gen:  ## write what is generated: wire schema, fold histories, OpenAPI, the page's types
	@$(PYTHON) -m infra.setup python frontend
	@set -e; for one in $(GENERATORS); do $(RUN) -m $$one; done
	@cd frontend && npm run --silent gen

gen-check:  ## fail when something generated is stale
	@$(PYTHON) -m infra.setup python frontend
	@set -e; for one in $(GENERATORS); do $(RUN) -m $$one --check; done
	@cd frontend && npm run --silent gen:check

build:  ## build the page into frontend/dist
	@$(PYTHON) -m infra.setup frontend site

budget: build  ## fail when the first screen loads too much script
	@cd frontend && npm run --silent budget

package:  ## make build/package: the zip, the template of all functions, the image's context
	@$(PYTHON) -m infra.setup python
	@$(RUN) -m infra.package build/package
	@.venv/bin/cfn-lint --non-zero-exit-code informational build/package/template.json

testbed:  ## build the real cluster and Flux from Go modules (15 minutes, once)
	@$(PYTHON) -m infra.setup system:testbed python
	@$(RUN) -m infra.testbed.build

clean:  ## remove what was built and every cache of the checkout; the state of `make run` stays
	@rm -rf build frontend/dist .setup .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
