# make env | demo | test | bench | lint. Requires Python 3.11 or 3.12; no system ffmpeg.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
# Arguments for pytest: make test ARGS="tests/jobs -k help"
ARGS ?=
# Processes that run tests: three for the whole suite, as each waits for other programs most of the
# time; none beside pytest's own for a part of it.
TEST_PROCESSES ?= $(if $(ARGS),0,3)

run := PYTHONPATH="$(CURDIR)" "$(VENV)/bin/python" -m
mytalk := $(run) jobs.app

.PHONY: env demo test lint bench dependencies
.DEFAULT_GOAL := help

help:
	@echo "make env    build the environment and install the mytalk command in $(VENV) (or VENV=PATH)"
	@echo "make demo   dub a small film; print the paths of the film and its report"
	@echo "make test   run the test suite (ARGS=\"...\": arguments for pytest)"
	@echo "make bench  run the benchmark dub_speed, or tests/benchmarks/NAME.py (BENCH=NAME, ARGS=\"...\")"
	@echo "make lint   check style, types and import rules"

# Dependencies only. Several clones can share one environment, so test, lint and demo put the
# clone on PYTHONPATH instead of installing it.
dependencies:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 found (make PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) .ci/environment.py "$(VENV)" >/dev/null

env: dependencies
	@"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@echo "ready: $(VENV)/bin/mytalk --help"

demo: dependencies
	@$(mytalk) models pull
	@$(mytalk) samples --title demo
	@$(mytalk) dub demo/title.yaml
	@echo "film:   $(CURDIR)/demo/dubbed.mp4"
	@echo "report: $(CURDIR)/demo/dubbed.mp4.report.html"

# The fault handler prints the Python stack when native code crashes, also after the last test.
# Modules keep their order, because the tests on Ray come first.
test: dependencies
	@PYTHONFAULTHANDLER=1 $(run) pytest --numprocesses $(TEST_PROCESSES) --no-loadscope-reorder \
		--durations 10 $(ARGS)

# BENCH: a module of tests/benchmarks; ARGS: its arguments, e.g. BENCH=preprocess_speed ARGS="engine".
BENCH ?= dub_speed
bench: dependencies
	@PYTHONPATH="$(CURDIR)" "$(VENV)/bin/python" tests/benchmarks/$(BENCH).py $(ARGS)

lint: dependencies
	@$(run) ruff check .
	@$(run) ruff format --check .
	@$(run) mypy
	@PYTHONPATH="$(CURDIR)" "$(VENV)/bin/lint-imports"
