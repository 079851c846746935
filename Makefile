# All targets run in .venv, which is installed from the lock files; `make` alone lists the targets.
# Needs Python 3.11 or later (PYTHON=… chooses one) and make. Uses Node, if installed, for GraphiQL's assets and
# the test clients.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

PYTHON ?=
PORT ?= 8000
# Arguments for the command of a target: make test ARGS='-k watch', make demo ARGS='--log-level debug'.
ARGS ?=
CLUSTER ?= .cluster
# The cluster whose schema the typed clients are generated from: SCHEMA='--context prod'.
SCHEMA ?= --demo
# The duration of a soak.
MINUTES ?= 10
# The number of inputs of a fuzz run.
N ?= 100000

bin := .venv/bin
typed := examples/typed-clients
# The environment of the typed Python client: its generator needs other versions than the gateway.
typed_client := $(CURDIR)/.venv/typed-client/bin
# The npm packages of the pages that the gateway serves, and the remaining ones, which only tests use.
pages := gateway/server $(wildcard gateway/server/*) $(patsubst %/index.html,%,$(wildcard examples/*/index.html))
assets_packages := $(patsubst %/package-lock.json,%,$(wildcard $(addsuffix /package-lock.json,$(pages))))
test_packages := $(filter-out $(assets_packages),$(patsubst %/package-lock.json,%,$(wildcard tests/*/package-lock.json examples/*/package-lock.json examples/*/*/package-lock.json)))

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.installed $(addsuffix /node_modules/.installed,$(assets_packages)) ## run the gateway on the embedded demo cluster
	@$(bin)/kube-graphql serve --demo --port $(PORT) $(ARGS)

.PHONY: spreadsheet
spreadsheet: .venv/.installed-spreadsheet ## control deployments from a workbook: ARGS=deployments.xlsx
	@PYTHONPATH=examples/spreadsheet $(bin)/python -m kubesheet $(ARGS)

.PHONY: typed-client
typed-client: .venv/.installed .venv/.installed-typed-client ## list deployments with a typed Python client: ARGS='--scale shop/web=5'
	@$(bin)/kube-graphql schema $(SCHEMA) --kinds Deployment >$(typed)/python/schema.graphql
	@cd $(typed)/python && $(typed_client)/ariadne-codegen >/dev/null && $(typed_client)/mypy
	@cd $(typed)/python && $(typed_client)/python deployments.py $(ARGS)

.PHONY: typed-page
typed-page: .venv/.installed $(typed)/typescript/node_modules/.installed ## build the typed React page; make demo then serves it
	@$(bin)/kube-graphql schema $(SCHEMA) --kinds Deployment >$(typed)/typescript/schema.graphql
	@cd $(typed)/typescript && npm run --silent generate && npm run --silent check && npm run --silent build

.PHONY: test
test: install ## run the whole test suite
	$(bin)/pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

.PHONY: lint
lint: .venv/.installed-dev tests/clients/node_modules/.installed ## ruff, mypy and import-linter; biome where Node is installed
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/lint-imports
	@if [ -x tests/clients/node_modules/.bin/biome ]; then \
	  echo "biome lint" && tests/clients/node_modules/.bin/biome lint --error-on-warnings; \
	else \
	  echo "the npm packages of tests/clients are not installed: the JavaScript is not linted"; \
	fi

.PHONY: format
format: .venv/.installed-dev ## format, and apply the fixes of ruff
	$(bin)/ruff format .
	$(bin)/ruff check --fix .

.PHONY: check
check: lint test ## lint and test

.PHONY: install
install: .venv/.installed-dev .venv/.installed-typed-client $(addsuffix /node_modules/.installed,$(assets_packages) $(test_packages)) ## install the environment of the tests in .venv

.PHONY: cluster-up
cluster-up: ## start a real kube-apiserver on loopback (built with Go the first time)
	@KUBEBUILDER_ASSETS=$$(tests/kube/build.sh) tests/kube/cluster.sh up $(CLUSTER)

.PHONY: cluster-down
cluster-down: ## stop that kube-apiserver
	@tests/kube/cluster.sh down $(CLUSTER)

.PHONY: lock
lock: .venv/.uv ## resolve the dependencies and write the lock files (UPGRADE=1: newest versions)
	$(compile) pyproject.toml -o requirements.lock
	$(compile) pyproject.toml --extra dev -c requirements.lock -o requirements-dev.lock
	$(compile) examples/spreadsheet/requirements.in -c requirements-dev.lock -o examples/spreadsheet/requirements.lock
	$(compile) examples/typed-clients/python/requirements.in -o examples/typed-clients/python/requirements.lock
	printf '%s\n' $(patsubst %,'%',$(build_requirements)) | $(compile) - --no-annotate -o requirements-build.lock

.PHONY: bench
bench: .venv/.installed-dev ## benchmark on a real kube-apiserver; ARGS='fanout --quick' for a part
	@KUBEBUILDER_ASSETS=$$(tests/kube/build.sh) $(bin)/python -m bench $(ARGS)

.PHONY: bench-record
bench-record: .venv/.installed-dev ## benchmark, and write the results into docs/performance.md
	@KUBEBUILDER_ASSETS=$$(tests/kube/build.sh) $(bin)/python -m bench --record $(ARGS)

.PHONY: soak
soak: .venv/.installed-dev ## subscribe and unsubscribe for MINUTES=10; fails on leaks
	@KUBEBUILDER_ASSETS=$$(tests/kube/build.sh) $(bin)/python -m bench.soak --minutes $(MINUTES) $(ARGS)

.PHONY: fuzz
fuzz: .venv/.installed-dev ## send N=100000 random documents, bodies and messages to the demo; fails on a 5xx, a missing answer, a traceback or growth
	$(bin)/python -m bench.fuzz --count $(N) $(ARGS)

.PHONY: readme
readme: .venv/.installed ## write the table of settings into docs/settings.md
	@$(bin)/python -m gateway.settings >.venv/settings.md
	@sed -i.bak -e '/^<!-- settings -->$$/,/^<!-- \/settings -->$$/{//!d;}' -e '/^<!-- settings -->$$/r .venv/settings.md' docs/settings.md
	@rm -f docs/settings.md.bak

.PHONY: clean
clean: ## remove the files that make creates
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .grimp_cache build dist *.egg-info
	rm -rf $(addsuffix /node_modules,$(assets_packages) $(test_packages))
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. Stamp files make repeated runs instant; a changed lock file triggers an installation.
pip_install := $(bin)/python -m pip install --quiet --disable-pip-version-check
compile = $(bin)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade)
build_requirements = $(shell sed -n 's/^requires = \[\(.*\)\]$$/\1/p' pyproject.toml | tr -d '", ')

.venv/bin/python:
	@for python in $(or $(PYTHON),python3.14 python3.13 python3.12 python3.11 python3); do \
	  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "making .venv with $$($$python --version)"; \
	    $$python -m venv .venv && exit 0; \
	    rm -rf .venv; \
	    echo "$$python cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; \
	  fi; \
	done; \
	echo "no Python 3.11 or later found$(if $(PYTHON), as $(PYTHON)); name one with PYTHON=/path/to/python3" >&2; exit 1

.venv/.installed: requirements.lock requirements-build.lock pyproject.toml | .venv/bin/python
	@echo "installing the gateway into .venv"
	@$(pip_install) --require-hashes -r requirements.lock -r requirements-build.lock
	@$(pip_install) --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.installed-dev: requirements-dev.lock .venv/.installed
	@echo "installing the test dependencies into .venv"
	@$(pip_install) --require-hashes -r requirements-dev.lock
	@touch $@

.venv/.installed-spreadsheet: examples/spreadsheet/requirements.lock | .venv/bin/python
	@echo "installing the spreadsheet example's dependencies into .venv"
	@$(pip_install) --require-hashes -r examples/spreadsheet/requirements.lock
	@touch $@

.venv/.installed-typed-client: examples/typed-clients/python/requirements.lock | .venv/bin/python
	@echo "installing the typed Python client's dependencies into .venv/typed-client"
	@$(bin)/python -m venv --clear .venv/typed-client
	@$(typed_client)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

.venv/.uv: | .venv/bin/python
	$(pip_install) uv
	@touch $@

# npm packages are optional: the demo falls back to the CDN, and tests report missing packages.
%/node_modules/.installed: %/package-lock.json
	@if ! command -v npm >/dev/null; then \
	  echo "npm is not installed: continuing without the packages of $* (install Node.js 20 or later for them)"; \
	elif (cd $* && npm ci --silent --no-audit --no-fund --fetch-retries=1); then \
	  touch $@; \
	else \
	  echo "npm ci failed in $*: continuing without its packages"; \
	fi
