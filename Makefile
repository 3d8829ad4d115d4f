# make demo   see it work: a local API with made-up people, loaded into DuckDB
# make test   the tests, in an environment of their own
VENV ?= .venv
PYTHON ?= python3
WAREHOUSES ?= $(CURDIR)/.warehouses
WAREHOUSE ?= all
SCREENSHOTS ?= $(CURDIR)/.screenshots
BIN := $(VENV)/bin
# the tests start many processes: what one has compiled the others need not
unexport PYTHONDONTWRITEBYTECODE
DBT_VENV ?= .cache/dbt

.PHONY: help demo test test-slow test-faults test-soak test-warehouses emulators test-dbt test-browser audit lint bench docs clean
help:
	@sed -n 's/^# make/make/p' Makefile

$(VENV)/.installed: pyproject.toml
	@echo "Installing into $(VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/instaview demo

test: $(VENV)/.installed
	@$(BIN)/python -m pytest -n 4 --dist worksteal

# make test-slow  what takes many loads to show (some minutes; TESTS=tests/e2e: of that folder alone)
test-slow: $(VENV)/.installed
	@$(BIN)/python -m pytest -n 4 --dist worksteal -m "slow and not long and not browser" $(TESTS)

# make test-faults  crashes, faults, hostile and random input, a day of loads: the long way (most of an hour; needs PostgreSQL)
test-faults: $(VENV)/.installed
	@$(BIN)/python -m pytest tests/faults tests/unit -m "not browser" -n 2 -rP

# make test-soak  a whole week of a load every five minutes (most of an hour)
test-soak: $(VENV)/.installed
	@SOAK_LOADS=2016 $(BIN)/python -m pytest tests/faults/test_soak.py -m long -s

# make test-warehouses  the promises on DuckDB, Postgres, and emulators of Snowflake and BigQuery (WAREHOUSE=postgres: there alone)
test-warehouses: $(VENV)/.installed
	@INSTAVIEW_WAREHOUSES=$(WAREHOUSES) $(BIN)/python -m pytest tests/warehouses $(addprefix --warehouse ,$(WAREHOUSE)) -m "not long" -n 3 --dist worksteal

# make emulators  their environments alone, which make test-warehouses would make (a minute)
emulators: $(VENV)/.installed
	@INSTAVIEW_WAREHOUSES=$(WAREHOUSES) $(BIN)/python tests/warehouses/services.py

# make audit  known vulnerabilities in what is installed: asks PyPI, or reads ADVISORIES=PATH (tests/faults/advisories.py)
audit: $(VENV)/.installed
ifdef ADVISORIES
	@$(BIN)/python tests/faults/advisories.py $(ADVISORIES)
else
	@$(BIN)/pip install --quiet --disable-pip-version-check pip-audit
	@# strict: what PyPI does not know of would else be passed over, and the rest called good
	@$(BIN)/pip freeze --exclude-editable | $(BIN)/pip-audit --requirement /dev/stdin --no-deps --disable-pip --strict
endif

# make test-dbt  the sources of dbt, with dbt on DuckDB in an environment of its own
test-dbt: $(VENV)/.installed $(DBT_VENV)/.installed
	@DBT=$(DBT_VENV)/bin/dbt $(BIN)/python -m pytest tests/dbt/check_dbt.py

$(DBT_VENV)/.installed: tests/dbt/requirements.txt
	@echo "Installing dbt into $(DBT_VENV) (once, about a minute) …"
	@$(PYTHON) -m venv $(DBT_VENV)
	@$(DBT_VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

# make test-browser  the report and the dashboard in Chromium, light and dark, at three widths; pictures in .screenshots
test-browser: $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev,browser]'
	@INSTAVIEW_SCREENSHOTS=$(SCREENSHOTS) $(BIN)/python -m pytest tests/browser -m browser

# make lint   ruff and mypy
lint: $(VENV)/.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# make bench  how fast and how frugal, beside what one would pick instead (half an hour)
bench: $(VENV)/.installed
	@$(BIN)/python benchmarks/run.py $(BENCH)
	@$(BIN)/python benchmarks/publish.py

# make docs   write again what follows from the model: dictionary, questions, sources of dbt
docs: $(VENV)/.installed
	@cd docs && $(abspath $(BIN))/python -m instaview_docs

# make clean  remove the environment and what the demo left
clean:
	@rm -rf $(VENV) $(WAREHOUSES) $(SCREENSHOTS) .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	@rm -f instaview_demo.duckdb instaview_demo.html
