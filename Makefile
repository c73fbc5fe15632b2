# Every target sets itself up. `make generate` needs Python 3.11, make and git; `make test` also Go and Debian's packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Containers often set it; hundreds of Pythons would compile the same modules anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help generate site check test fast lint loki lab mutants fuzz bench release clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=python3.12 make …" >&2; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "this Python cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

generate: $(VENV)/.ready ## compile catalog/ into output/ and validate it
	$(BIN)/python -m generator generate --all-outputs

site: $(VENV)/.ready ## write the runbooks as web pages into site/
	$(BIN)/python -m generator site

check: $(VENV)/.ready ## run every check, write nothing, fail if output/ or CHANGELOG.md is not up to date
	$(BIN)/python -m generator generate --all-outputs --check
	$(BIN)/python -m generator changelog --check

lint: $(VENV)/.ready ## ruff and mypy
	$(BIN)/ruff check generator tests
	$(BIN)/ruff format --check generator tests
	$(BIN)/mypy

test: $(VENV)/.ready lint ## run every test
	$(BIN)/pytest -n auto --dist worksteal

fast: $(VENV)/.ready ## the tests that start no program, server or command; less than a minute
	$(BIN)/pytest -n auto --dist worksteal -m "not starts"

loki: $(VENV)/.ready ## run what starts a Loki 2 in `make test` again, on a Loki 3
	$(BIN)/pytest --loki 3 -n auto --dist worksteal

lab: $(VENV)/.ready ## provoke every failure in real kube-proxy builds, an hour; writes what was seen into docs/evidence.md
	$(BIN)/python -m tests.lab --record
	$(BIN)/python -m tests.lab.prove --record

mutants: $(VENV)/.ready ## weaken every rule, piece by piece, and show that the tests notice
	$(BIN)/python -m tests.mutants

fuzz: $(VENV)/.ready ## run the tests that make up their own inputs with up to a hundred times as many, 40 s each
	$(BIN)/pytest -m hypothesis --hypothesis-profile=long

bench: $(VENV)/.ready ## speed against sigma-cli and how cost grows; what the rules cost Loki; diagnose against ripgrep
	$(BIN)/python -m tests.bench
	$(BIN)/python -m tests.bench_loki
	$(BIN)/python -m tests.bench_diagnose

release: $(VENV)/.ready ## wheel, sdist, rules for each preset, site, man pages, SBOM, licences and checksums of the last commit, into dist/
	$(BIN)/python -m tests.release

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
