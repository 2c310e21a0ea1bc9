# Needs Python 3.11 to 3.13 and make alone; everything else comes into .venv by hashed locks.
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11; do \
	$$python -c 'import venv, ensurepip' 2>/dev/null && echo $$python && exit; done; echo python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Without addresses: which registry serves a package is the machine's own matter, the hashes say what it must be.
PIP_COMPILE := env -u PIP_FIND_LINKS $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url \
	--no-emit-find-links --no-header --strip-extras --allow-unsafe

.DEFAULT_GOAL := help
.PHONY: help venv test demo certify simulate planted chaos mutate audit chart image up down lint types fmt lock generated pictures bench clean

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | awk -F'\t' '{printf "  make %-10s %s\n", $$1, $$2}'

$(VENV)/.demo: requirements/demo.txt pyproject.toml
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11, 3.12 or 3.13 with venv is needed; name one: make PYTHON=/path/to/python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.demo requirements/dev.txt
	$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

venv: $(VENV)/.dev ## make the environment in .venv

demo: $(VENV)/.demo ## the whole system on this machine, the gateway killed in the middle
	$(BIN)/pos-gateway demo --kill

certify: $(VENV)/.demo ## the provider's checklist of 132 items through real gateway processes
	@mkdir -p .cache
	$(BIN)/pos-gateway certify --json .cache/certify.json

test: $(VENV)/.dev lint types ## everything that must hold
	$(BIN)/python -m tests

SEEDS ?= 500
simulate: $(VENV)/.dev ## histories by seed in virtual time; SEEDS=20000 for the long form
	$(BIN)/python -m tests.simulation --seeds $(SEEDS)

planted: $(VENV)/.dev ## plant known bugs, one by one, and show what catches each
	$(BIN)/python -m tests.planted

MINUTES ?= 10
BROKERS ?= 1
chaos: $(VENV)/.dev ## real gateways and brokers under violence; MINUTES=60 BROKERS=3 for the long form
	$(BIN)/python -m tests.chaos --minutes $(MINUTES) --brokers $(BROKERS)

$(VENV)/.mutate: $(VENV)/.dev requirements/mutate.txt
	$(PIP) install --require-hashes -r requirements/mutate.txt
	@touch $@

SAMPLE ?= 400
SEED ?= 6
mutate: $(VENV)/.mutate ## change the rules one thing at a time, and count what is caught
	$(BIN)/python -m tests.mutation --sample $(SAMPLE) --seed $(SEED)

AUDIT := .cache/audit
$(AUDIT)/.done: requirements/audit.txt
	$(PYTHON) -m venv $(AUDIT)
	$(AUDIT)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/audit.txt
	@touch $@

audit: $(VENV)/.dev $(AUDIT)/.done ## known holes in what the service runs with, where an advisory service answers
	$(BIN)/python -m tests.house.audit $(AUDIT)/bin/pip-audit

image: $(VENV)/.dev ## build the image without Docker, and play a payment through its container
	$(BIN)/python -m tests.deployed

up: ## Kafka, sandbox, gateway, load, Prometheus and Grafana, with Docker Compose
	docker compose --file deploy/compose.yaml build
	docker compose --file deploy/compose.yaml up --detach

down: ## stop what `make up` started, and forget what it kept
	docker compose --file deploy/compose.yaml down --volumes

chart: $(VENV)/.dev ## the Helm chart's tests, with their tools in .cache; Helm is built once, in minutes
	$(BIN)/python -m tests.chart.tools
	$(BIN)/python -m pytest tests/chart

lint: $(VENV)/.dev ## format, lint and architecture
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/lint-imports --no-logo

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

fmt: $(VENV)/.dev ## format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Made with Python 3.11, so that what only an older one needs is in; all three must be able to install them.
lock: $(VENV)/.dev ## renew the hashed locks
	$(PIP_COMPILE) --build-deps-for editable --extra demo --extra otel --extra dev -o requirements/dev.txt pyproject.toml
	$(PIP_COMPILE) --build-deps-for editable --extra demo -c requirements/dev.txt -o requirements/demo.txt pyproject.toml
	$(PIP_COMPILE) -c requirements/dev.txt -o requirements/run.txt pyproject.toml
	$(PIP_COMPILE) --extra otel -c requirements/dev.txt -o requirements/image.txt pyproject.toml
	$(PIP_COMPILE) --only-build-deps --build-deps-for wheel -c requirements/dev.txt -o requirements/build.txt pyproject.toml
	$(PIP_COMPILE) -c requirements/dev.txt -o requirements/mutate.txt requirements/mutate.in
	$(PIP_COMPILE) -c requirements/dev.txt -o requirements/pictures.txt requirements/pictures.in
	$(PIP_COMPILE) -o requirements/audit.txt requirements/audit.in
	$(PIP_COMPILE) -o requirements/chart.txt requirements/chart.in

generated: $(VENV)/.dev ## renew the documents that are made from the code
	$(BIN)/python -m tests.house.documents

$(VENV)/.pictures: $(VENV)/.dev requirements/pictures.txt
	$(PIP) install --require-hashes -r requirements/pictures.txt
	@touch $@

pictures: $(VENV)/.pictures ## draw what the dashboards show of a gateway under load, anew; needs prometheus
	$(BIN)/python -m tests.watched.pictures

bench: $(VENV)/.dev ## measure beside floors written by hand, a quarter of an hour; then make generated for the README's tables
	@mkdir -p .cache
	$(BIN)/python -m tests.bench | tee .cache/bench.jsonl
	@cp .cache/bench.jsonl deploy/docs/bench.jsonl

clean: ## remove what the verbs above made
	rm -rf $(VENV) .cache build dist mutants .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
