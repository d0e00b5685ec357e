# `make demo` and `make test` are all that a fresh machine needs: they make a virtual environment and install into it.

PYTHON ?= python3
VENV := .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
INSTALLED := $(VENV)/installed
BENCH_INSTALLED := $(VENV)/bench-installed
DOCS_INSTALLED := $(VENV)/docs-installed

.PHONY: demo test types tests format bench docs clean

demo: $(INSTALLED)  ## one unit with all its numbers, then training on real text; TEXT=path for a text of your own
	$(BIN)/python demos/03_bptt_all_numbers.py
	$(BIN)/python demos/04_character_rnn.py $(if $(TEXT),--text "$(TEXT)")

test: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(MAKE) --no-print-directory --jobs=2 types tests

types:  # one process, beside which the tests begin
	$(BIN)/mypy

tests: export PYTHONDONTWRITEBYTECODE :=  # else each process that a test starts compiles the package anew
tests:
	$(BIN)/pytest -n auto --dist worksteal

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH_INSTALLED)
	$(BIN)/python -m benchmarks

docs: $(DOCS_INSTALLED)  ## the book and the reference: open out/docs/index.html, no server needed
	rm -rf docs/made out/docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs out/docs
	$(BIN)/python docs/_ext/links.py out/docs
	@echo "Written: out/docs/index.html"

clean:
	rm -rf $(VENV) out docs/made

$(INSTALLED): pyproject.toml
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" \
	  || { echo "Python 3.11 or later is needed; say which with: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt install python3-venv"; exit 1; }
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]"
	@$(BIN)/python -c "open('$(INSTALLED)', 'w').close()"

$(BENCH_INSTALLED): $(INSTALLED) benchmarks/requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@$(BIN)/python -c "open('$(BENCH_INSTALLED)', 'w').close()"

$(DOCS_INSTALLED): $(INSTALLED) pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[docs]"
	@$(BIN)/python -c "open('$(DOCS_INSTALLED)', 'w').close()"
