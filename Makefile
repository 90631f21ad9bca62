# Mooring: `make help` lists what can be done.
.DEFAULT_GOAL := help
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The two packages and the tools, as Python finds them.
SOURCES := tools:app/mooring/src:app/multicloud/src
# More arguments for the command behind a task: make deploy ARGS="-e web_framework=pecan"
ARGS ?=
# molecule and ansible find each other on the PATH, as in the activated virtualenv.
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Named, since Ansible ignores the ansible.cfg of a folder that everybody may write to (WSL, Vagrant, some runners).
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
# Ansible refuses a locale that the machine lacks, and each that is not UTF-8. `locale` tells of the first on stderr.
ifneq ($(shell locale 2>&1 >/dev/null || echo missing)$(shell locale charmap 2>/dev/null),UTF-8)
export LC_ALL := C.UTF-8
endif

.PHONY: help
help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: ## Build the controller's virtualenv, .venv, when it is missing or out of date
	@tools/venv.sh "$(PYTHON)"

.PHONY: deploy
deploy: venv ## Deploy the API to this machine (inventory/local); end with the API answering
	@ansible-playbook deploy.yml $(ARGS)

.PHONY: status
status: venv ## Tell what runs and which releases are kept
	@ansible-playbook playbooks/status.yml $(ARGS)

.PHONY: remove
remove: venv ## Drain and remove what `make deploy` has deployed (a data folder with something in it stays)
	@ansible-playbook playbooks/remove.yml $(ARGS)

# The Python tests run side by side, a file in one piece, in this order: longest first. One process more than there are cores, since
# many tests wait. A choice of tests (ARGS) runs in one process.
SIDE_BY_SIDE := --numprocesses $(shell echo $$(($$(nproc) + 1))) --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# What the built collection lies in; its name tells its version.
COLLECTION := build/collection

.PHONY: collection
collection: venv ## Build the Ansible collection mooring.mooring into build/collection, a file to install; no network
	@mkdir -p $(COLLECTION)
	@rm -f $(COLLECTION)/mooring-mooring-*.tar.gz
	@ansible-galaxy collection build --output-path $(COLLECTION)

# The new site's folder; relative to this one.
FOLDER ?=

.PHONY: site
site: collection ## Create a folder of your own with inventory and playbooks, and install the collection there: make site FOLDER=../my-site
	@test -n "$(FOLDER)" || { echo 'make: name the folder to create: make site FOLDER=../my-site' >&2; exit 1; }
	@ansible-playbook playbooks/new_site.yml -e '{"folder": "$(abspath $(FOLDER))"}' $(ARGS)
	@ANSIBLE_CONFIG=$(abspath $(FOLDER))/ansible.cfg ansible-galaxy collection install --offline -p $(abspath $(FOLDER))/collections $(COLLECTION)/mooring-mooring-*.tar.gz

.PHONY: test
test: lint-python ## Pass every test that needs no container engine or root; molecule's scenarios and ansible-lint too
	@python -m pytest $(SIDE_BY_SIDE) $(ARGS)

.PHONY: lint lint-python lint-ansible
lint: lint-python lint-ansible ## Check style, types, walls, YAML and roles
lint-python: venv ## The same without ansible-lint, which takes two minutes
	@ruff check
	@ruff format --check
	@mypy
	@PYTHONPATH=$(SOURCES) lint-imports
	@yamllint --strict .
	@python tools/variables_doc.py --check
	@python tools/roles_doc.py --check

# What ansible-lint reads; folders too, since a file that is deleted changes its folder alone.
LINTED := deploy.yml galaxy.yml ansible.cfg .ansible-lint .ansible-lint-ignore .yamllint requirements/controller.txt \
  $(shell find inventory meta molecule playbooks plugins roles templates -mindepth 1 -name __pycache__ -prune -o -mindepth 1 -print 2>/dev/null)

lint-ansible: .cache/ansible-lint.passed ## Check roles and playbooks, if one has changed since they passed

# As old as the begin of the check: what is changed meanwhile is checked the next time.
.cache/ansible-lint.passed: $(LINTED) | venv
	@mkdir -p .cache
	@touch $@.begun
	@ansible-lint --offline --strict
	@mv $@.begun $@

.PHONY: test-python
test-python: venv ## Run the unit, contract, functional, hosts, deploy and (briefly) fuzz tests
	@python -m pytest --ignore=tests/scenarios $(or $(ARGS),$(SIDE_BY_SIDE))

.PHONY: fuzz
fuzz: venv ## Fuzz every parser of what others send, and the worker's connection loop (bounded by examples; hours)
	@HYPOTHESIS_PROFILE=fuzz python -m pytest $(or $(ARGS),tests/fuzz tests/functional/test_worker_fuzz.py)

.PHONY: test-load
test-load: venv ## Prove under load that no operation fails a request, on both frameworks (minutes)
	@python -m pytest -o testpaths=tests/load $(ARGS)

.PHONY: test-faults
test-faults: venv ## Kill, stop, starve and interrupt under load (minutes; full disks need root, clocks libfaketime)
	@python -m pytest -o testpaths=tests/faults $(ARGS)

.PHONY: test-security
test-security: venv ## Attack a deployment of root's from inside the application and from beside it (minutes; root)
	@python -m pytest -o testpaths=tests/security $(ARGS)

.PHONY: prove
prove: venv ## Prove on what `make deploy` has deployed that no request fails; write build/prove
	@ansible-playbook playbooks/prove.yml $(ARGS)

# molecule names a scenario's folder after the clone's own folder: below one ANSIBLE_HOME, two clones of one name would share it.
molecule-default molecule-pecan test-host test-hosts remove-hosts: export ANSIBLE_HOME := $(CURDIR)/.cache/ansible

.PHONY: molecule molecule-default molecule-pecan
molecule: molecule-default molecule-pecan ## Deploy, switch, roll back and remove on this machine (scenarios default and pecan)
molecule-default molecule-pecan: molecule-%: venv
	@molecule test -s $*

.PHONY: test-host
test-host: venv ## Deploy to a host with systemd: restart, kill, a second instance, reboot (root; Debian or Ubuntu)
	@molecule test -s systemd

.PHONY: test-hosts
test-hosts: test-host ## The same, then a cluster with a load balancer and faults in the middle of a roll
	@molecule test -s cluster

.PHONY: remove-hosts
remove-hosts: venv ## Remove the hosts that an interrupted test-host or test-hosts has left
	@molecule destroy -s systemd
	@molecule destroy -s cluster

.PHONY: parity
parity: venv ## Compare two servers of the API: make parity ARGS="http://one:9001 http://two:9001"
	@PYTHONPATH=$(SOURCES) python -m multicloud.parity $(ARGS)

.PHONY: bench
bench: venv ## Measure the worker against other servers (15 minutes; wrk and ab) and write docs/performance.md
	@PYTHONPATH=$(SOURCES) python -m bench $(ARGS)

.PHONY: bench-quick
bench-quick: venv ## Measure the targets alone (two minutes; wrk and ab); write build/bench/quick.md
	@PYTHONPATH=$(SOURCES) python -m bench --quick $(ARGS)

.PHONY: format
format: venv ## Format the Python code
	@ruff check --fix --quiet || true
	@ruff format

.PHONY: docs
docs: venv ## Write docs/variables.md, and the roles' READMEs and entry points, again from what they tell of
	@python tools/variables_doc.py
	@python tools/roles_doc.py

.PHONY: lock
lock: venv ## Pin requirements/*.in to the newest versions, with hashes
	@uv=$$(tools/extra_venv.sh lock)/uv; compile() { \
	  local python=$$1; shift; \
	  for name; do $$uv pip compile --quiet --universal --upgrade --python-version "$$python" --generate-hashes --no-emit-index-url \
	    --no-emit-find-links --custom-compile-command 'make lock' --output-file "requirements/$$name.txt" "requirements/$$name.in"; done; }; \
	  compile 3.10 runtime multicloud supervisor supervisor-4.2.5 installer && \
	  compile 3.11 controller site build lock audit packages bench bench-bjoern

.PHONY: lock-build
lock-build: venv ## Lock what builds your project, by hash: make lock-build ARGS=path/to/project
	@PYTHONPATH=$(SOURCES) python -m bundle.write_lock --uv "$$(tools/extra_venv.sh lock)/uv" $(ARGS)

.PHONY: sbom
sbom: venv ## Write what a deploy would install as bills of materials (CycloneDX), into build/
	@PYTHONPATH=$(SOURCES) python -m bundle.write_sbom $(ARGS)

.PHONY: packages
packages: venv ## Build app/mooring and app/multicloud as packages for an index, and check them, into build/packages
	@rm -rf build/packages
	@for project in mooring multicloud; do \
	  python -m build --no-isolation --outdir build/packages app/$$project >build/$$project.log 2>&1 || { cat build/$$project.log; exit 1; }; done
	@$$(tools/extra_venv.sh packages)/twine check --strict build/packages/*

# A copy of OSV's advisories for PyPI (all.zip, or a folder of its files), and requirements files beside Mooring's own.
ADVISORIES ?=
REQUIREMENTS ?=

.PHONY: audit
audit: venv ## Look for known vulnerabilities in the locked packages by pip-audit (ADVISORIES=all.zip: offline)
	@PYTHONPATH=$(SOURCES) python -m audit --advisories "$(ADVISORIES)" $(REQUIREMENTS) $(ARGS)

.PHONY: clean
clean: ## Remove the virtualenv, caches, built bundles and reports (not a deployment: make remove)
	@rm -rf $(VENV) build .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .ansible
