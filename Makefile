# Everything a person or a CI runs. `make` alone lists the targets.
.DEFAULT_GOAL := help
.PHONY: help bootstrap demo test explore steady coverage test-system check format bench docs soak mutate dist-check lock clean
SHELL := /bin/bash
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= auto
ARGS ?=
STRICT ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

bootstrap: ## prepare .venv (every other target does it first)
	@scripts/bootstrap

demo: bootstrap ## watch a stock Hummingbot make a market on a local Tegro; ARGS="--for 90s --seed 7"
	@$(BIN)/tegro demo $(ARGS)

test: bootstrap ## all tests that need nothing but PyPI, a process per core; WORKERS=0 for one
	$(PYTEST) -m "not system and not soak" -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

explore: bootstrap ## ask each property test new questions, 1,000 at least; what fails becomes an @example
	$(PYTEST) -m "hypothesis and not system and not soak" --hypothesis-profile=explore --timeout=0 $(ARGS)

steady: bootstrap ## the whole of `make test` five times in a row, each time in another order
	@for run in 1 2 3 4 5; do echo "== run $$run of 5"; \
	  $(PYTEST) -m "not system and not soak" -n $(WORKERS) --dist loadfile -q -p randomly $(ARGS) || exit 1; done

coverage: bootstrap ## every branch where money moves, covered: signing, outcomes, journal, books, approvals, candles
	$(BIN)/coverage run --source=tegro -m pytest packages/tegro/tests tests/chaos -m "not system and not soak" -q $(ARGS)
	$(BIN)/coverage report --show-missing --fail-under=100 --include='*/tegro/eip712.py,*/tegro/outcome.py,*/tegro/journal/*,*/tegro/order_book.py,*/tegro/allowance.py,*/tegro/candles/*'

test-system: bootstrap ## tests against Node.js (ethers), Anvil, Chromium, mosquitto; see scripts/system-tools
	@scripts/system-tools --check
	$(PYTEST) -m system $(ARGS)

check: bootstrap ## format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy packages/tegro/src packages/tegro-localnet/src packages/hummingbot-tegro/src
	$(BIN)/lint-imports
	$(BIN)/python scripts/check_floats.py
	$(BIN)/python scripts/sync_twin --check

format: bootstrap ## format and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: bootstrap ## run every benchmark and list the targets that were missed; STRICT=1 makes a missed one an error
	@missed=""; failed=""; for script in bench/*.py; do echo "== $$script"; $(BIN)/python $$script; \
	case $$? in 0) ;; 3) missed="$$missed $$script" ;; *) failed="$$failed $$script" ;; esac; done; \
	echo "missed a target:$${missed:- none}"; \
	if [ -n "$$failed" ]; then echo "broke:$$failed"; exit 1; fi; \
	if [ -n "$$missed" ] && [ -n "$(STRICT)" ]; then exit 3; fi

docs: bootstrap ## build the documentation site into site/, strictly
	$(BIN)/mkdocs build --strict

soak: bootstrap ## the long runs
	$(PYTEST) -m soak --timeout=0 $(ARGS)

mutate: bootstrap ## put faults into the modules on which money depends, in copies; ARGS="eip712 margin" for some
	$(BIN)/python scripts/mutate.py $(ARGS)

dist-check: bootstrap ## build what would be published and use it beside a stock Hummingbot in a clean environment
	$(BIN)/python scripts/dist_check.py

lock: ## resolve the workspace again into requirements.lock
	@scripts/lock --upgrade

clean: ## remove what was built; the environment stays
	rm -rf dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
