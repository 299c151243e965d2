# Checks and tools of this repository: `make` lists them.

BIN := .venv/bin
ASYNQ_VERSIONS := 0.24.1 0.25.1 0.26.0

.DEFAULT_GOAL := help
.PHONY: help venv check static lint spelling types contract vet test coverage bench pyz man screenshots keys format hooks

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(BIN)/pytest: pyproject.toml constraints.txt
	python3 -m venv .venv
	$(BIN)/pip install -q -c constraints.txt -e '.[dev]'
	@touch $@

venv: $(BIN)/pytest ## Make the virtual environment, with the versions of constraints.txt

check: venv ## Everything that .ci/run checks
	@$(MAKE) --no-print-directory -j2 --output-sync=target static vet
	@$(MAKE) --no-print-directory test

static: lint spelling types contract

lint: venv ## Style and format (ruff)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

spelling: venv ## Spelling of code and documents (codespell)
	$(BIN)/codespell

types: venv ## Types (mypy, strict)
	$(BIN)/mypy

contract: venv ## Who may import whom (import-linter)
	$(BIN)/lint-imports

vet: ## The Go programs of the tests, against each version of Asynq; without Go nothing
	@if command -v go >/dev/null; then cd tests/asynq_go && for version in $(ASYNQ_VERSIONS); do \
		echo "go vet, Asynq $$version"; \
		go mod download -modfile="asynq-$$version.mod" && go vet -modfile="asynq-$$version.mod" ./... || exit 1; \
	done; echo "go vet, Asynq 0.17.2"; cd ../asynq_go_017 && go mod download && go vet ./...; fi

test: venv ## Every test
	$(BIN)/pytest

coverage: venv ## Every test that runs in one process with the program, and the lines that none of them runs
	$(BIN)/pytest --cov --cov-report=term:skip-covered tests/unit tests/payloads tests/store tests/journal tests/jobs tests/changes tests/commands tests/screens

bench: venv ## How fast it is, beside what others do (see docs/performance.md)
	$(BIN)/python tests/benchmarks

pyz: venv ## One file with all it needs, for any Python 3.11 or newer: archive-tui.pyz
	$(BIN)/python release/pyz.py archive-tui.pyz

man: venv ## The manual page, from the same source as --help: archive-tui.1
	$(BIN)/archive-tui man > archive-tui.1

screenshots: venv ## Make the pictures in screenshots/ again
	$(BIN)/python screenshots/make.py

keys: venv ## Make the page of keys in docs/ again
	$(BIN)/archive-tui keys --markdown > docs/keys.md

format: venv ## Put code into the form that lint wants
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

hooks: venv ## Have lint and spelling checked before every commit (pre-commit)
	$(BIN)/pre-commit install
