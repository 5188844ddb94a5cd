# How `sam build` makes each layer and function: in the project's root, into ARTIFACTS_DIR, which is SAM's.
# A layer is what its requirements.txt lists and nothing else: pip would add to one what is in the other.
export PYTHONHASHSEED := 0
WHEELS := $(subst arm64,aarch64,$(ARCHITECTURE))

build-SharedLayer: installed-shared
	python3.13 -m infra.artifacts.finish layer shared "$(ARTIFACTS_DIR)"

build-ChatLayer: installed-chat
	python3.13 -m infra.artifacts.finish layer chat "$(ARTIFACTS_DIR)"

build-TracingLayer: installed-tracing
	python3.13 -m infra.artifacts.finish layer tracing "$(ARTIFACTS_DIR)"

build-SessionsFunction: FUNCTION := sessions
build-ChatFunction: FUNCTION := chat
build-StreamFunction: FUNCTION := stream
build-WorkerFunction: FUNCTION := worker
build-StatsFunction: FUNCTION := stats
build-SweepFunction: FUNCTION := sweep
build-PurgeFunction: FUNCTION := purge
build-%Function:
	python3.13 -m infra.artifacts.finish function $(FUNCTION) "$(ARTIFACTS_DIR)"

installed-%:
	python3.13 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: \
		--python-version 3.13 --platform manylinux2014_$(WHEELS) --platform manylinux_2_28_$(WHEELS) --no-compile \
		--target "$(ARTIFACTS_DIR)/python" --requirement layers/$*/requirements.txt
