# make demo   see it work: a local API with made-up people, loaded into DuckDB
# make test   the tests, in an environment of their own
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: help demo test lint bench clean
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

# make lint   ruff and mypy
lint: $(VENV)/.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

# make bench  how fast and how frugal, beside what one would pick instead (half an hour)
bench: $(VENV)/.installed
	@$(BIN)/python benchmarks/run.py $(BENCH)
	@$(BIN)/python benchmarks/publish.py

# make clean  remove the environment and what the demo left
clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage instaview_demo.duckdb
