# Needs make and Python 3.11 to 3.14; everything else is set up in .venv by the first target that needs it.
BIN := .venv/bin
SETUP := .venv/.ready
COMPILE = $(BIN)/uv pip compile --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url $(UPGRADE)
# The requirements of the extras named, without the project's own, which belong to the chat layer alone.
EXTRAS = $(BIN)/python -c 'import sys, tomllib; from pathlib import Path; \
	extras = tomllib.loads(Path("pyproject.toml").read_text())["project"]["optional-dependencies"]; \
	print(*(line for name in sys.argv[1:] for line in extras[name]), sep="\n")'
IN_SHARED_LAYER = $$(sed -n 's/^\([a-z0-9_-]*\)==.*/--no-emit-package \1/p' layers/shared/requirements.txt)
PEERS := langgraph-checkpoint-amazon-dynamodb langgraph-checkpoint-aws langgraph-checkpoint-dynamodb langgraph-dynamodb-checkpoint
TOOLS := checkov sam clients frontends wheelhouse langgraph-server browser console
EXPANDED := .aws-sam/expanded
EXPAND = rm -rf $(EXPANDED) && $(BIN)/python -m infra.expansion $(EXPANDED)
ARGS ?=
SEED ?=
EXAMPLES ?= 2000
JAVA = $(shell java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p')
PYTEST = $(BIN)/python -m pytest -n auto --dist worksteal
# The local runner brings its own engine, so its tests need no second run.
PER_ENGINE = $(PYTEST) tests/integration --ignore-glob='*/test_local_*' --ignore-glob='*/test_walk.py' \
	--ignore-glob='*/test_hammer.py' $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help setup run console screenshots token publish-console test test-thorough test-engines test-hostile test-deploy test-setup test-clients test-frontends test-browser console-packages test-wheel test-langgraph tools check format lint lint-deployment types openapi lock build wheel bench-checkpoints bench-turns bench-stream bench-context bench-console bench-cold build-host test-build clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(SETUP) ## prepare .venv, once

$(SETUP): tests/requirements.txt infra/local/setup.py infra/local/fetch.py infra/local/model-requirements.txt infra/local/uv-requirements.txt
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.14 python3.11; do \
		if "$$python" -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null; \
		then exec "$$python" infra/local/setup.py >&2; fi; \
	done; echo "Python 3.11 to 3.14 with venv was not found; name it: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; exit 1

run: $(SETUP) ## serve the API on this machine; PORT, CHATKEEP_DATA, WORKERS, DYNAMODB_ENDPOINT
	@exec $(BIN)/python -m infra.local

console: $(SETUP) ## the same, for the console at the printed address; DEMO=1 with a month of conversations
	@exec $(BIN)/python -m infra.local$(if $(DEMO),.demo)

# GROUPS is expanded here, as bash has a variable of its own under that name.
token: $(SETUP) ## a bearer token: make -s token USER=alice [EXPIRES=seconds] [GROUPS=a,b]
	@exec $(BIN)/python -m infra.local.tokens "$$USER" "$${EXPIRES:-43200}" "$(GROUPS)"

test: $(SETUP) ## all tests on moto but the thorough ones; ARGS for pytest
	$(PYTEST) $(ARGS)

test-thorough: $(SETUP) ## the tests that take long: many clients at once, long lists, a fault at each request of large graphs and turns
	$(PYTEST) -m thorough $(ARGS)

test-hostile: $(SETUP) ## sessions with models that send anything, 2,000 or EXAMPLES of them; SEED for others
	HOSTILE_EXAMPLES=$(EXAMPLES) HOSTILE_SEED=$(SEED) $(PYTEST) tests/faults/test_hostile_models.py $(ARGS)

# Unit tests of templates and documents need no engine. Models are the same on every one, as are the edges' own tests and
# the words of streams, so that DynamoDB Local, the slowest, is spared them.
test-engines: $(SETUP) ## the integration tests on dynoxide, with coverage, and, where Java 17 is, on DynamoDB Local
	CHATKEEP_TEST_ENGINE=dynoxide CHATKEEP_EXAMPLES=15 $(PER_ENGINE) tests/unit --ignore-glob='*_template.py' \
		--ignore-glob='*/test_openapi*' --ignore-glob='*/test_fake_provider_*' --ignore-glob='*/test_manuals.py' -m '' --cov --cov-report=term
	@if [ "$(JAVA)" -ge 17 ] 2>/dev/null; then set -x; CHATKEEP_TEST_ENGINE=dynamodb-local $(PER_ENGINE) \
		--ignore-glob='*/test_model_*' -k '(checkpointer or sessions or stale or turn or usage or kinds or formats or preferences or removal) and not inputs and not stream'; \
	else echo "no Java 17 here: DynamoDB Local is left out"; fi

test-clients: $(SETUP) .venv/clients/.ready ## generate a TypeScript and a Python client, and use both with the runner
	$(BIN)/python -m pytest tests/clients $(ARGS)

# In the background of `.ci/run`, as this waits for the network.
tools: $(SETUP) $(TOOLS:%=.venv/%/.ready) ## prepare the environments of the tests and benchmarks that have their own
	@if [ "$(JAVA)" -ge 17 ] 2>/dev/null; then set -x; $(BIN)/python -m infra.local.fetch dynamodb-local; fi

.venv/clients/.ready: tests/clients/requirements.txt tests/clients/package-lock.json $(SETUP)
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/clients
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/clients/bin/python tests/clients/requirements.txt
	@cp tests/clients/package.json tests/clients/package-lock.json .venv/clients
	cd .venv/clients && PATH="$$PWD/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

test-frontends: .venv/clients/.ready .venv/frontends/.ready ## conversations by AI SDK's useChat and AG-UI's client with the runner
	$(BIN)/python -m pytest tests/frontends $(ARGS)

.venv/frontends/.ready: tests/frontends/package-lock.json .venv/clients/.ready
	@mkdir -p .venv/frontends
	@cp tests/frontends/package.json tests/frontends/package-lock.json .venv/frontends
	cd .venv/frontends && PATH="$(CURDIR)/.venv/clients/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# The browser itself is Debian's, which the tests install where they may. The packages lie in a folder that is added to the
# environment's: nobody else needs them.
test-browser: $(SETUP) .venv/browser/.ready .venv/console/.ready ## the console in Chromium, with the runner; ARGS for pytest
	$(BIN)/python -m tests.browser.chromium
	PYTHONPATH=.venv/browser $(BIN)/python -m pytest -n 3 --dist worksteal tests/browser $(ARGS)

.venv/browser/.ready: tests/browser/requirements.txt $(SETUP)
	rm -rf .venv/browser
	$(BIN)/uv pip install --quiet --require-hashes --target .venv/browser --requirement $<
	@touch $@

screenshots: $(SETUP) .venv/browser/.ready ## take the pictures of the console that the manuals show; ALL=folder takes every page there
	$(BIN)/python -m tests.browser.chromium
	PYTHONPATH=.venv/browser $(BIN)/python -m tests.browser.pictures $(ALL)

console-packages: .venv/console/.ready ## bundle the packages of the console into infra/console
	cd .venv/console && "$(CURDIR)/.venv/clients/bin/node" build.mjs "$(CURDIR)/infra/console"

.venv/console/.ready: $(wildcard infra/console/packages/*) .venv/clients/.ready
	@mkdir -p .venv/console
	@cp infra/console/packages/* .venv/console
	cd .venv/console && PATH="$(CURDIR)/.venv/clients/bin:$$PATH" npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

# Not pinned: a checkout names what it needs. Packages beside it may be older than the saver takes: all come from PyPI.
test-langgraph: $(SETUP) ## the tests of a LangGraph checkout with this saver; LANGGRAPH=folder, ARGS for pytest
	@test -d "$(LANGGRAPH)/libs/langgraph/tests" || { echo "name a checkout: make $@ LANGGRAPH=folder" >&2; exit 1; }
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/langgraph
	$(BIN)/uv pip install --quiet --python .venv/langgraph/bin/python --no-sources -e "$(LANGGRAPH)/libs/langgraph" \
		--group "$(LANGGRAPH)/libs/langgraph/pyproject.toml:test" boto3 'langgraph-checkpoint>=4.3.2,<5' 'moto[dynamodb]'
	cd "$(LANGGRAPH)/libs/langgraph" && NO_DOCKER=true PYTHONPATH="$(CURDIR)/layers/shared:$(CURDIR)/tests/langgraph" \
		"$(CURDIR)/.venv/langgraph/bin/python" -m pytest -p dynamodb_savers -o addopts= -n auto --tb=short -q tests $(ARGS)

test-setup: $(SETUP) ## set up and run a copy of the tree with each Python at hand and little else; ARGS for others
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES $(BIN)/python -m tests.bare_setup $(ARGS)

check: lint types test ## what has to hold before a change lands

format: $(SETUP) ## format and repair what a tool can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lint: $(SETUP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/cfn-lint template.yaml infra/*.yaml
	$(EXPAND)
	$(BIN)/cfn-lint --ignore-checks W3002 -- $(EXPANDED)/template.json # W3002: nested templates are not uploaded yet

lint-deployment: $(SETUP) .venv/checkov/.ready ## what checkov says of the expanded template; needs no network
	$(EXPAND)
	.venv/checkov/bin/checkov --config-file infra/checkov.yml --directory $(EXPANDED)

types: $(SETUP)
	$(BIN)/mypy

openapi: $(SETUP) ## write infra/openapi.json
	$(BIN)/python -m infra.openapi

# The versions of aws-sam-translator that know streams ask for an older pydantic than the functions have, and need none.
lock: $(SETUP) ## pin what pyproject.toml names; UPGRADE=--upgrade for newer versions
	echo "pydantic>=2.14,<3" | $(COMPILE) --universal --python-version 3.11 --all-extras --group dev pyproject.toml \
		--override /dev/stdin -o tests/requirements.txt
	$(EXTRAS) service | $(COMPILE) --universal --python-version 3.13 -c tests/requirements.txt - -o layers/shared/requirements.txt
	$(COMPILE) --python-platform linux --python-version 3.13 -c tests/requirements.txt \
		--extra checkpointer --extra service --extra chat pyproject.toml $(IN_SHARED_LAYER) -o layers/chat/requirements.txt
	$(EXTRAS) service tracing | $(COMPILE) --python-platform linux --python-version 3.13 -c tests/requirements.txt - \
		$(IN_SHARED_LAYER) -o layers/tracing/requirements.txt
	$(COMPILE) --universal --python-version 3.11 --group sam -o infra/sam-requirements.txt
	$(COMPILE) --universal --python-version 3.11 --group clients -o tests/clients/requirements.txt
	$(COMPILE) --universal --python-version 3.13 --group emulator -o tests/deploy/requirements.txt
	$(COMPILE) --universal --python-version 3.11 --group checkov -o infra/checkov-requirements.txt
	$(COMPILE) --universal --python-version 3.11 -c tests/requirements.txt --extra checkpointer --group wheel pyproject.toml \
		-o tests/wheel/requirements.txt
	$(COMPILE) --universal --python-version 3.11 -c tests/requirements.txt --group browser -o tests/browser/requirements.txt
	sed -n 's/^\(lang[a-z-]*==[^ ]*\).*/\1/p' tests/requirements.txt | $(COMPILE) --universal --python-version 3.11 \
		-c /dev/stdin --group langgraph-server -o tests/bench/stream/requirements.txt
	for peer in $(PEERS); do sed -n 's/^\(lang[a-z-]*==[^ ]*\).*/\1/p' tests/requirements.txt | $(COMPILE) --universal --python-version 3.11 \
		-c /dev/stdin --group bench --group $$peer -o tests/bench/peers/$$peer-requirements.txt || exit 1; done

build: $(SETUP) .venv/sam/.ready ## build functions and layers with SAM and print their sizes; ARCHITECTURE=x86_64
	$(BIN)/python -m infra.build

build-host: $(SETUP) .venv/sam/.ready ## the same for this machine, beside it, for tests and benchmarks
	$(BIN)/python -m infra.build --host

.venv/%/.ready: infra/%-requirements.txt $(SETUP)
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/$*
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/$*/bin/python $<
	@touch $@

publish-console: $(SETUP) ## put the console's files where a stack serves them: make publish-console STACK=chatkeep
	@test -n "$(STACK)" || { echo "name a stack: make $@ STACK=chatkeep" >&2; exit 1; }
	@$(BIN)/python -m infra.publish "$(STACK)"

test-build: build build-host ## build for both, and look into the builds and run them; ARGS for pytest
	$(PYTEST) tests/build --ignore=tests/build/test_built_starts.py $(ARGS)
	$(BIN)/python -m pytest tests/build/test_built_starts.py $(ARGS) # measures CPU, so that nothing runs beside it

wheel: $(SETUP) ## build what `pip install chatkeep` installs, wheel and sdist, in dist
	rm -rf dist
	$(BIN)/uv build --quiet --build-constraints tests/wheel/requirements.txt --require-hashes --out-dir dist

test-wheel: $(SETUP) .venv/wheelhouse/.ready ## build it, install it where nothing else is, and run its manual's example there
	$(BIN)/python -m pytest tests/wheel $(ARGS)

.venv/wheelhouse/.ready: tests/wheel/requirements.txt $(SETUP)
	rm -rf .venv/wheelhouse
	$(BIN)/python -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
		--dest .venv/wheelhouse --requirement $<
	@touch $@

test-deploy: build-host .venv/emulator/.ready ## build, deploy to an emulator of AWS, and chat with what is there; ARGS for pytest
	$(BIN)/python -m pytest -q tests/deploy $(ARGS)

# The emulator runs the functions with its own Python, so that has to be Lambda's; without one the build has said so.
.venv/emulator/.ready: tests/deploy/requirements.txt $(SETUP) | build-host
	$(BIN)/uv venv --quiet --allow-existing .venv/emulator \
		--python "$$($(BIN)/python -c 'from infra.build import find_python; print(find_python())')"
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/emulator/bin/python tests/deploy/requirements.txt
	@touch $@

.venv/peers/%/.ready: tests/bench/peers/%-requirements.txt $(SETUP)
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/peers/$*
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/peers/$*/bin/python $<
	@touch $@

bench-checkpoints: $(SETUP) $(PEERS:%=.venv/peers/%/.ready) ## cost of checkpoints, side by side with the public savers'
	PYTHONPATH=layers/shared $(BIN)/python -m tests.bench.checkpoints $(ARGS)

bench-turns: $(SETUP) ## cost of whole turns, side by side with a baseline
	PYTHONPATH=layers/shared $(BIN)/python -m tests.bench.turns $(ARGS)

.venv/langgraph-server/.ready: tests/bench/stream/requirements.txt $(SETUP)
	$(BIN)/uv venv --quiet --allow-existing --python $(BIN)/python .venv/langgraph-server
	$(BIN)/uv pip sync --quiet --require-hashes --python .venv/langgraph-server/bin/python $<
	@touch $@

bench-stream: $(SETUP) .venv/langgraph-server/.ready ## cost of streams, side by side with LangGraph's server and bare apps
	PYTHONPATH=layers/shared $(BIN)/python -m tests.bench.stream $(ARGS)

bench-context: $(SETUP) ## long conversations: summaries, beside LangChain's middleware and trimming
	PYTHONPATH=layers/shared $(BIN)/python -m tests.bench.context $(ARGS)

bench-console: $(SETUP) .venv/browser/.ready ## the console in Chromium: its first view, and frames while long lists scroll
	PYTHONPATH=.venv/browser $(BIN)/python -m tests.bench.console $(ARGS)

bench-cold: build-host ## cost of the functions' starts, beside the same without bytecode, and their sizes
	$(BIN)/python -m tests.bench.cold $(ARGS)

clean: ## remove what is built or cached, the environment too; the data folder stays
	rm -rf .aws-sam .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .venv dist
