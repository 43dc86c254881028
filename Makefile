# Two commands matter: `make run` and `make test`.
PYTHON ?= python3.11
BIN := .venv/bin
RUN_STAMP := .venv/.run-stamp
DEV_STAMP := .venv/.dev-stamp
# The tests share the cores there are, each worker with a database of its own.
WORKERS ?= -n auto --dist worksteal

.PHONY: help run test test-pg check bench bench-pg lock clean
help:
	@echo "make run      set everything up and run the product with its demonstration"
	@echo "make test     set everything up and run all tests (BROWSER=no leaves the browser out)"
	@echo "make check    format, lint, layers, types, Django's checks, migrations, templates"
	@echo "make test-pg  run the tests on a throwaway PostgreSQL"
	@echo "make bench    measure against a baseline in the same run"
	@echo "make bench-pg the same on a throwaway PostgreSQL"
	@echo "make lock     write the lock files anew (maintainers; needs uv)"
	@echo "make clean    remove the virtual environment and var/"

.venv/bin/python:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is missing: install it, or name it with PYTHON=…"; exit 1; }
	@echo "Making a virtual environment in .venv …"
	@$(PYTHON) -m venv .venv

$(RUN_STAMP): requirements.txt | .venv/bin/python
	@echo "Installing the locked packages (about half a minute) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(DEV_STAMP): requirements-dev.txt $(RUN_STAMP)
	@echo "Installing the test tools …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

run: $(RUN_STAMP)
	@COUNCIL_DEMO=$${COUNCIL_DEMO:-1} $(BIN)/python manage.py serve

test: $(DEV_STAMP)
	@if [ "$(BROWSER)" = "no" ]; then \
		echo "BROWSER=no: the browser tests are left out."; \
		$(BIN)/python -m pytest -m "not browser" $(WORKERS) $(ARGS); \
	else \
		CHROMIUM="$$(sh scripts/find-chromium)" || exit 1; \
		CHROMIUM="$$CHROMIUM" $(BIN)/python -m pytest $(WORKERS) $(ARGS); \
	fi

test-pg: $(DEV_STAMP)
	@$(BIN)/python scripts/with_postgresql.py $(BIN)/python -m pytest -m "not browser and not slow" $(ARGS)

check: $(DEV_STAMP)
	@echo "ruff format"; $(BIN)/ruff format --check --quiet .
	@echo "ruff check"; $(BIN)/ruff check --quiet .
	@echo "layers"; PYTHONPATH=. $(BIN)/lint-imports --no-logo
	@echo "types"; $(BIN)/mypy apps config
	@echo "django checks"; $(BIN)/python manage.py check --fail-level WARNING
	@echo "migrations"; $(BIN)/python manage.py makemigrations --check --dry-run
	@echo "templates"; $(BIN)/python manage.py lint_templates

bench: $(DEV_STAMP)
	@$(BIN)/python -m tests.bench $(ARGS)

bench-pg: $(DEV_STAMP)
	@$(BIN)/python scripts/with_postgresql.py --durable $(BIN)/python -m tests.bench $(ARGS)

lock:
	uv pip compile -q --generate-hashes --python-version 3.11 --no-emit-index-url pyproject.toml -o requirements.txt
	uv pip compile -q --generate-hashes --python-version 3.11 --no-emit-index-url --extra dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf .venv var
