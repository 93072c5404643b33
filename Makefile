# make run: the page.  make test: all checks.  Variables: PYTHON, PORT, HOST, PIP_ARGS.
VERSIONS := 3.11 3.12 3.13
PIP_ARGS ?=
BIN := .venv/bin
NPM_CI := npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
# The first that starts (pyenv's stand-ins may not) and can make a virtual environment
PYTHON ?= $(firstword $(foreach version,$(VERSIONS),$(shell \
	python$(version) -c 'import ensurepip, venv; print("python$(version)")' 2>/dev/null)))
NO_PYTHON := there is no Python $(VERSIONS) with venv here: install one (python3-venv on Debian), \
	or name yours, as in: make run PYTHON=/path/to/python

.PHONY: run setup develop browser check test test-space test-all bench clean

run: setup
	$(BIN)/python app.py

setup: .venv/page.done
develop: .venv/develop.done

.venv/bin/python:
	$(or $(PYTHON),$(error $(NO_PYTHON))) -m venv .venv

.venv/page.done: requirements.txt constraints.txt package-lock.json | .venv/bin/python
	$(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt -r requirements.txt
	@if command -v npm >/dev/null; then $(NPM_CI) --omit=dev; \
	else echo "No npm here: browsers that draw by themselves take onnxruntime-web from a CDN."; fi
	touch $@

.venv/develop.done: requirements-dev.txt requirements-train.txt .venv/page.done
	$(BIN)/pip install -q $(PIP_ARGS) -c constraints.txt -r requirements-dev.txt
	@if command -v npm >/dev/null; then $(NPM_CI); fi
	touch $@

# Chromium for the browser tests: Debian's as root, Playwright's own elsewhere.
browser: develop
	@command -v chromium-headless-shell >/dev/null || command -v chromium >/dev/null || \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; \
	then apt-get update -qq && apt-get install -y -qq chromium-headless-shell; \
	else $(BIN)/playwright install --only-shell chromium; fi

check: develop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --level error
	$(BIN)/lint-imports
	@if command -v npm >/dev/null; then npm run --silent check; \
	else echo "No npm here: the JavaScript is not checked (biome, tsc)."; fi

# Two at a time, each file as a whole; a thread each, or their threads wait for each other.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

test: check browser
	$(PYTEST)

# A rehearsal of the Space, in an environment that has what requirements.txt names and no more.
test-space: browser
	$(BIN)/pytest -m "" tests/browser/test_space.py

test-all: check browser
	$(PYTEST) -m ""

bench: browser
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv runs
