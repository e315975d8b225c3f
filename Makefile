# make env | demo | test | bench | lint. Needs Python 3.11 or 3.12 and nothing else; no system ffmpeg.

VENV ?= .venv
PYTHON ?= $(shell for p in python3.11 python3.12 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& echo $$p && break; done)
# Arguments for pytest: make test ARGS="tests/jobs -k help"
ARGS ?=

run := PYTHONPATH="$(CURDIR)" "$(VENV)/bin/python" -m
mytalk := $(run) jobs.app

.PHONY: env demo test lint bench dependencies
.DEFAULT_GOAL := help

help:
	@echo "make env    build the environment in $(VENV) (VENV=PATH: there), with the mytalk command"
	@echo "make demo   dub a sample clip and say where the film and its report are"
	@echo "make test   run the whole suite"
	@echo "make bench  measure how fast a dub is, or another of tests/benchmarks (BENCH=NAME)"
	@echo "make lint   style, types and the rules between rooms"

# Dependencies only: several clones may share one environment, so test, lint and demo put the
# clone on PYTHONPATH instead of installing it.
dependencies:
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or 3.12 found (make PYTHON=...)" >&2; exit 2; }
	@$(PYTHON) .ci/environment.py "$(VENV)" >/dev/null

env: dependencies
	@"$(VENV)/bin/python" -m pip install --quiet --disable-pip-version-check \
		--no-deps --no-build-isolation --editable .
	@echo "ready: $(VENV)/bin/mytalk --help"

film := demo/jwp_intro_dubbed.mp4

demo: dependencies
	@mkdir -p demo
	@$(mytalk) models pull
	@$(mytalk) samples
	@$(mytalk) dub "$$($(mytalk) --quiet samples jwp_intro)" \
		"$$($(mytalk) --quiet samples test_movie)" --out $(film)
	@echo "film:   $(CURDIR)/$(film)"
	@echo "report: $(CURDIR)/$(film).report.html"

# A crash in native code, be it after the last test, says where Python was.
test: dependencies
	@PYTHONFAULTHANDLER=1 $(run) pytest $(ARGS)

# BENCH=preprocess_speed, ARGS="engine nodes": one of tests/benchmarks, and what it is to measure.
BENCH ?= dub_speed
bench: dependencies
	@PYTHONPATH="$(CURDIR)" "$(VENV)/bin/python" tests/benchmarks/$(BENCH).py $(ARGS)

lint: dependencies
	@$(run) ruff check .
	@$(run) ruff format --check .
	@$(run) mypy
	@PYTHONPATH="$(CURDIR)" "$(VENV)/bin/lint-imports"
