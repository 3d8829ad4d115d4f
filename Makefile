# make demo   see it work: a local API with made-up people, loaded into DuckDB
# make test   the tests, in an environment of their own
VENV ?= .venv
PYTHON ?= python3
WAREHOUSES ?= $(CURDIR)/.warehouses
SCREENSHOTS ?= $(CURDIR)/.screenshots
BIN := $(VENV)/bin

.PHONY: help demo test test-faults test-warehouses test-browser lint bench clean
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
	@$(BIN)/python -m pytest -n 4

# make test-faults  crashes, faults, hostile input and a week of loads, the long way (half an hour; needs PostgreSQL)
test-faults: $(VENV)/.installed
	@$(BIN)/python -m pytest tests/faults -m "long or not long" -n 2

# make test-warehouses  the promises on DuckDB, Postgres, and emulators of Snowflake and BigQuery
test-warehouses: $(VENV)/.installed
	@INSTAVIEW_WAREHOUSES=$(WAREHOUSES) $(BIN)/python -m pytest tests/warehouses --warehouse all -n 3 --dist loadgroup

# make test-browser  the report and the dashboard in Chromium, light and dark, wide and narrow; pictures in .screenshots
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
	@$(BIN)/python benchmarks/plot.py

# make clean  remove the environment and what the demo left
clean:
	@rm -rf $(VENV) $(WAREHOUSES) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage $(SCREENSHOTS) instaview_demo.duckdb instaview_demo.html
