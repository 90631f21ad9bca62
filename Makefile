# Mooring: `make help` lists what can be done.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# More arguments for the command behind a task: make deploy ARGS="-e web_framework=pecan"
ARGS ?=
# molecule and ansible find each other on the PATH, as in the activated virtualenv.
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: help
help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements/controller.txt
	@$(PYTHON) -c 'import sys; sys.exit("make: the controller needs Python 3.11 or newer, and $(PYTHON) is older; name one: make PYTHON=/path/to/python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "Building the virtualenv $(VENV) (once; the packages are locked by hash) …"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/controller.txt
	@touch $@

.PHONY: venv
venv: $(VENV)/.installed ## Build the controller's virtualenv, .venv

.PHONY: deploy
deploy: $(VENV)/.installed ## Deploy the API to this machine (inventory/local); ends with the API answering
	@ansible-playbook deploy.yml $(ARGS)

.PHONY: status
status: $(VENV)/.installed ## Tell what runs and which releases are kept
	@ansible-playbook playbooks/status.yml $(ARGS)

.PHONY: remove
remove: $(VENV)/.installed ## Drain and remove what `make deploy` has deployed
	@ansible-playbook playbooks/remove.yml $(ARGS)

.PHONY: test
test: lint test-python molecule ## Pass every test that needs no container engine or root

.PHONY: lint
lint: $(VENV)/.installed ## Check style, types, walls, YAML and roles
	@ruff check
	@ruff format --check
	@mypy
	@PYTHONPATH=app lint-imports
	@yamllint --strict .
	@ansible-lint --offline --strict
	@python tools/variables_doc.py --check

.PHONY: test-python
test-python: $(VENV)/.installed ## Run the unit, contract, functional, hosts and deploy tests
	@python -m pytest $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed ## Fuzz the worker's connection loop for long (bounded by examples; hours)
	@HYPOTHESIS_PROFILE=fuzz python -m pytest tests/functional/test_worker_fuzz.py $(ARGS)

.PHONY: test-load
test-load: $(VENV)/.installed ## Prove under load that no operation fails a request, on both frameworks (minutes)
	@python -m pytest tests/load $(ARGS)

.PHONY: test-faults
test-faults: $(VENV)/.installed ## Kill, stop, starve and interrupt under load (minutes; full disks need root, clocks libfaketime)
	@python -m pytest tests/faults $(ARGS)

.PHONY: prove
prove: $(VENV)/.installed ## Prove on what `make deploy` has deployed that no request fails; writes build/prove
	@ansible-playbook playbooks/prove.yml $(ARGS)

# molecule names a scenario's folder after the clone's own folder: below one ANSIBLE_HOME, two clones of one name would share it.
molecule test-host test-hosts: export ANSIBLE_HOME := $(CURDIR)/.cache/ansible

.PHONY: molecule
molecule: $(VENV)/.installed ## Deploy, switch, roll back and remove on this machine (scenarios default and pecan)
	@molecule test -s default
	@molecule test -s pecan

.PHONY: test-host
test-host: $(VENV)/.installed ## Deploy to a host with systemd: restart, kill, a second instance, reboot (root; Debian or Ubuntu)
	@molecule test -s systemd

.PHONY: test-hosts
test-hosts: test-host ## The same, and then a cluster with a balancer and faults in the middle of a roll
	@molecule test -s cluster

.PHONY: parity
parity: $(VENV)/.installed ## Compare two servers of the API: make parity ARGS="http://one:9001 http://two:9001"
	@PYTHONPATH=app python -m multicloud.parity $(ARGS)

.PHONY: bench
bench: $(VENV)/.installed ## Measure the worker against other servers (15 minutes; wrk and ab) and write docs/performance.md
	@PYTHONPATH=tools python -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: $(VENV)/.installed ## Measure the targets alone (two minutes; wrk and ab); the report goes to build/bench/quick.md
	@PYTHONPATH=tools python -m bench --quick $(ARGS)

.PHONY: format
format: $(VENV)/.installed ## Format the Python code
	@ruff check --fix --quiet || true
	@ruff format

.PHONY: docs
docs: $(VENV)/.installed ## Write docs/variables.md anew
	@python tools/variables_doc.py

.PHONY: lock
lock: $(VENV)/.installed ## Pin requirements/*.in anew, with hashes
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	@for name in runtime multicloud supervisor supervisor-4.2.5 installer; do \
	  uv pip compile --quiet --universal --upgrade --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock' --output-file requirements/$$name.txt requirements/$$name.in; done
	@uv pip compile --quiet --universal --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --custom-compile-command 'make lock' --output-file requirements/controller.txt requirements/controller.in
	@for name in bench bench-bjoern; do \
	  uv pip compile --quiet --universal --upgrade --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --custom-compile-command 'make lock' --output-file requirements/$$name.txt requirements/$$name.in; done

.PHONY: clean
clean: ## Remove the virtualenv, caches, built bundles and reports (not a deployment: make remove)
	@rm -rf $(VENV) build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
