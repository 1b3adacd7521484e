# Two commands do everything: make demo, make test. Both build .venv where it is missing or out of date.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Copies of the sample data beside the project are used before the network.
LANDSLIDE_MIRROR ?= $(abspath $(wildcard ../shared/data))
ifneq ($(LANDSLIDE_MIRROR),)
export LANDSLIDE_MIRROR
endif

# Other sliding-window tools, to be measured against; apart from .venv, which they have no part in.
BENCH := .venv-bench
BENCH_STAMP := $(BENCH)/.installed
# What is measured, and how: e.g. make bench BENCH_ARGS="--only speed --quick"
BENCH_ARGS ?= --json benchmarks/latest.json --document docs/performance.md --picture docs/images/performance.png

.PHONY: help env demo serve test test-slow lint format docs screenshots bench clean

help:
	@echo "make demo      scan the demonstration scene and say where the result is"
	@echo "make serve     a Prefect server and a worker that scan regions/*.yaml by their schedules, until Ctrl-C"
	@echo "make test      linters, types, import contract, and all tests but the slow ones"
	@echo "make test-slow the slow tests"
	@echo "make lint      linters, types and import contract only"
	@echo "make format    format the code"
	@echo "make docs      the documentation as pages: build/docs/index.html"
	@echo "make screenshots   the pictures of the tutorial, of real QGIS and a real browser"
	@echo "make bench     measure speed and memory beside other tools; writes docs/performance.md (half an hour)"

env: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (a few minutes the first time) …"
	@PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[train,flows,onnx,postgis,l1c,app,docs,dev]'
	@touch $@

demo: $(STAMP)
	@$(BIN)/landslide demo --out out --data data/raw

serve: $(STAMP)
	@$(BIN)/python -m flows.serve $(SERVE_ARGS)

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

test: lint
	$(BIN)/pytest

test-slow: $(STAMP)
	$(BIN)/pytest -m slow

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Warnings are errors: links, headings and references must lead somewhere. Pages hold parts made of the program (-E).
docs: $(STAMP)
	@$(BIN)/python -m sphinx -q -E -n -W --keep-going -d build/doctrees docs build/docs
	@echo "build/docs/index.html"

# Needs Debian's packages qgis, xvfb and chromium; says so where they are missing.
screenshots: $(STAMP)
	@$(BIN)/python docs/screenshots.py $(SCREENSHOT_ARGS)

$(BENCH_STAMP): pyproject.toml constraints.txt
	@test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	@echo "Installing into $(BENCH) (a few minutes the first time) …"
	@PYTHONWARNINGS=ignore $(BENCH)/bin/python -m pip install --quiet --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[bench]'
	@touch $@

bench: $(BENCH_STAMP)
	@$(BENCH)/bin/python -W ignore -m benchmarks --data build/bench $(BENCH_ARGS)

clean:
	rm -rf $(VENV) $(BENCH) build dist out data/raw data/scan
