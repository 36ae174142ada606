# The front door. `make run` shows the main job, `make test` passes the tests; both set up what is missing.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$p; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
NODES ?= 1

.PHONY: setup setup-dev run test quick fuzz kafka kills bench bench-drain bench-day faults lock format clean python

setup: $(VENV)/.runtime
setup-dev: $(VENV)/.dev

python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is missing: apt-get install python3 python3-venv"; exit 1; }

$(VENV)/bin/python: | python
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runtime: deploy/lock/runtime.txt pyproject.toml | $(VENV)/bin/python
	@echo "setting up .venv"
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r deploy/lock/runtime.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: deploy/lock/dev.txt $(VENV)/.runtime
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r deploy/lock/dev.txt
	@touch $@

run: setup
	@$(BIN)/hookline demo $(ARGS)

test: setup-dev
	@$(BIN)/python tests/run.py $(ARGS)

quick: setup-dev
	@$(BIN)/python tests/run.py --quick $(ARGS)

fuzz: setup-dev
	@$(BIN)/python tests/fuzz.py $(ARGS)

kafka: setup
	@$(BIN)/python deploy/kafka/cluster.py run --nodes $(NODES) $(ARGS)

bench: setup
	@$(BIN)/python deploy/bench/embedded_log.py $(ARGS)

bench-drain: setup
	@$(BIN)/python deploy/bench/spool_drain.py $(ARGS)

bench-day: setup
	@$(BIN)/python deploy/bench/consume_day.py $(ARGS)

faults: setup
	@$(BIN)/python -m deploy.faults $(ARGS)

kills: setup-dev
	@HOOKLINE_TEST_KILLS=25 $(BIN)/python -m pytest -s -m kafka tests/kafka/test_kafka_kills.py tests/kafka/test_kafka_kills_sqlite.py $(ARGS)

format: setup-dev
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

# Newer versions within the ranges of pyproject.toml. Needs uv: pip install uv
lock:
	uv pip compile -q --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --python-version 3.11 --extra build pyproject.toml -o deploy/lock/runtime.txt
	uv pip compile -q --universal --no-header --no-annotate --no-emit-index-url --no-emit-find-links --generate-hashes --python-version 3.11 --extra build --extra dev --override deploy/lock/overrides.txt -c deploy/lock/runtime.txt pyproject.toml -o deploy/lock/dev.txt

clean:
	rm -rf $(VENV) var .mypy_cache .ruff_cache .pytest_cache .hypothesis
