# What one does with this project, in one word each. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help demo demo-reset serve test test-sqlite test-postgres test-browser lint format lock clean

PYTHON_BIN := .venv/bin/python
PYTEST := $(PYTHON_BIN) -m pytest
# As many test processes as this machine has cores, but no more than eight: each has a database of its own.
PARALLEL := -n auto --maxprocesses 8

# The demonstration keeps to its own folder, whatever the environment names.
DEMO := DATA_DIR=$(CURDIR)/data/demo DATABASE_URL= REDIS_URL= ALLOWED_HOSTS= SECURE= $(PYTHON_BIN) manage.py demo

help:  ## list these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo:  ## run a live demonstration (in data/demo; a second start reuses it)
	@scripts/environment base
	@$(DEMO)

demo-reset:  ## throw the demonstration's data away and begin again
	@scripts/environment base
	@$(DEMO) --reset

serve:  ## run the site and its worker on the data folder, without demonstration
	@scripts/environment base
	@$(PYTHON_BIN) manage.py serve

test:  ## run all tests: on SQLite, on PostgreSQL with Redis, and in a browser
	@scripts/environment test
	@failed=0; \
	for part in test-sqlite test-postgres test-browser; do \
		$(MAKE) --no-print-directory $$part || failed=1; \
	done; \
	exit $$failed

test-sqlite:
	@scripts/environment test
	@$(PYTEST) $(PARALLEL) --database sqlite -m "not pages" $(ARGS)

test-postgres:
	@scripts/environment test
	@$(PYTEST) $(PARALLEL) --database postgres -m database $(ARGS)

test-browser:
	@scripts/environment test
	@$(PYTEST) tests/e2e -n 2 --dist worksteal --database postgres $(ARGS)

lint:  ## check style, types, import directions, templates and settings
	@scripts/environment dev
	@scripts/lint

format:  ## put code and templates into the common form
	@scripts/environment dev
	@.venv/bin/ruff check --fix --quiet .
	@.venv/bin/ruff format --quiet .
	@.venv/bin/djade $$(git ls-files 'templates/*.html')

lock:  ## choose the newest allowed packages anew and write requirements/*.txt
	@scripts/lock

clean:  ## remove the environment and everything that tools left behind
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
