# Two commands matter: `make run` and `make test`. They need python3 (3.11 or newer), make and a package index.
# `make` without a target lists the rest. The environment is .venv, made from requirements.lock (versions and hashes).

HOME_DIR ?= data
VENV := .venv
BIN := $(VENV)/bin
MUSTER := MUSTER_HOME="$(HOME_DIR)" $(BIN)/muster
SOURCES := pipelines dashboards tests benchmarks
# The newest python3 found that is new enough; PYTHON=… chooses another.
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(if $(shell $(name) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(name))))
# What `make bench` measures: sizes, workloads, and further options of `python -m benchmarks`.
TRIPS ?= 10000 100000
WORKLOADS ?= all
BENCH_OPTIONS ?=

.DEFAULT_GOAL := help
.PHONY: help run demo serve test check lint format dagster screenshots load pages bench audit-curve clean hostile faults spark

help: ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.stamp ## make the environment and a demo home if none, run the pipeline, serve the dashboard
	@if [ -e "$(HOME_DIR)/home.json" ] || [ -n "$$(find "$(HOME_DIR)/inbox" -type f -print -quit 2>/dev/null)" ]; then \
		$(MUSTER) run; \
	else \
		$(MUSTER) demo; \
	fi
	@exec env MUSTER_HOME="$(HOME_DIR)" $(BIN)/muster serve

demo: $(VENV)/.stamp ## make a demo office in an empty home (HOME_DIR=data)
	@$(MUSTER) demo

serve: $(VENV)/.stamp ## serve the dashboard of a home that was run before
	@exec env MUSTER_HOME="$(HOME_DIR)" $(BIN)/muster serve

test: lint $(if $(shell command -v java),$(VENV)/.stamp-spark) ## lint, then every test; with Java also those of Spark
	$(BIN)/python -m pytest -n 2 --dist worksteal --durations=15

check: test

spark: $(VENV)/.stamp-spark ## add pyspark to the environment, for muster run --engine spark (half a gigabyte; needs Java)

hostile: $(VENV)/.stamp ## every hostile statement under every layer of the SQL sandbox: some 20 minutes
	MUSTER_HOSTILE=long $(BIN)/python -m pytest -s tests/sandbox/test_hostile.py

faults: $(VENV)/.stamp ## ten times as many kills and damaged files as in `make test` (2,000 runs): an hour or so
	MUSTER_FAULTS=10 $(BIN)/python -m pytest tests/faults tests/landing/test_malformed_fuzz.py

lint: $(VENV)/.stamp ## ruff, mypy and sqlfluff
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	PYTHONWARNINGS=ignore::UserWarning $(BIN)/sqlfluff lint --processes 2 --disable-progress-bar --nocolor sql

format: $(VENV)/.stamp ## mend what ruff and sqlfluff can mend
	$(BIN)/ruff check --fix $(SOURCES)
	$(BIN)/ruff format $(SOURCES)
	$(BIN)/sqlfluff fix --disable-progress-bar sql

dagster: $(VENV)/.stamp ## Dagster's own pages on this machine alone: assets, checks, schedule, sensor
	@exec $(BIN)/python -m pipelines.instance --home "$(HOME_DIR)" --port $${PORT:-3000}

screenshots: $(VENV)/.stamp ## pictures of every page of the dashboard into screenshots/
	@MUSTER_HOME="$(HOME_DIR)" $(BIN)/python -m tests.dashboards.screenshots

bench: $(VENV)/.stamp ## measure speed and memory beside a floor and peers: TRIPS="10000 100000", WORKLOADS="whole start", WORK=DIR
	@$(BIN)/python -m benchmarks --trips "$(TRIPS)" --workloads "$(WORKLOADS)" $(if $(WORK),--work "$(WORK)") $(BENCH_OPTIONS)

load: $(VENV)/.stamp ## ten people (or SESSIONS=1) at the dashboard of a home at once: seconds by step, every page compared
	@MUSTER_HOME="$(HOME_DIR)" $(BIN)/python -m tests.dashboards.load $(SESSIONS)

pages: $(VENV)/.stamp ## how long each page of a home takes to its first useful content, in Chromium
	@MUSTER_HOME="$(HOME_DIR)" $(BIN)/python -m tests.dashboards.page_times

audit-curve: $(VENV)/.stamp ## precision and recall of the audit on generated offices, as noise rises (some minutes)
	@$(BIN)/python -m tests.audit.measure

clean: ## remove the environment and caches; never a home
	rm -rf $(VENV) build .pytest_cache .mypy_cache .ruff_cache .hypothesis muster.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamp is newer than the lock only when an installation ended well. The lock is complete, so pip resolves nothing
# (older versions of pip fail to, beside hashes); `pip check` confirms it. Code is compiled here, once, so that the first
# start does not pay for it.
$(VENV)/.stamp: requirements.lock pyproject.toml
	@if [ -z "$(PYTHON)" ]; then \
		echo "Muster needs Python 3.11 or newer; python3 here is $$(python3 --version 2>/dev/null || echo missing). Install one, or name it: make PYTHON=/path/to/python3" >&2; \
		exit 1; \
	fi
	@echo "Making the environment in $(VENV) with $$($(PYTHON) --version): a minute or two …"
	@if [ ! -x $(BIN)/python ] || ! $(BIN)/python -c '' 2>/dev/null; then \
		rm -rf $(VENV) && $(PYTHON) -m venv $(VENV) || { \
			echo "Python's venv module is missing; install it (Debian and Ubuntu: apt-get install python3-venv)." >&2; exit 1; }; \
	fi
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile -r requirements.lock
	$(BIN)/python -m pip check --disable-pip-version-check
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib pipelines dashboards >/dev/null || true
	@touch $@

# pyspark comes as source alone and is built with what the environment has.
$(VENV)/.stamp-spark: requirements-spark.lock $(VENV)/.stamp
	@echo "Adding pyspark to $(VENV): half a minute …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --no-compile --no-build-isolation -r requirements-spark.lock
	$(BIN)/python -m pip check --disable-pip-version-check
	@touch $@
