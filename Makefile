# Openbook from a clean clone: `make run` serves it, `make test` tests it. Needs Python 3.11+ with pip and venv, git and make.

PYTHON ?= python3
VENV   ?= .venv
# Which lock is installed: cpu, or gpu for a machine with an NVIDIA card.
DEVICE ?= cpu
# Where pip takes PyTorch from; empty: from wherever pip is set up to look. Set it to the CPU wheel index that PyTorch's own
# install page names to save several GB of CUDA libraries on Linux.
TORCH_INDEX ?=

BIN       := $(VENV)/bin
INSTALLED := $(VENV)/.installed-$(DEVICE)
DEVELOP   := $(VENV)/.installed-$(DEVICE)-dev
PEERS     := .bench-venv
VLLM      := .vllm-venv
PIP       := PIP_DISABLE_PIP_VERSION_CHECK=1 $(BIN)/pip install --quiet

# One thread each for BLAS, torch and FAISS: as many as there are cores, in each of the test workers and of their services, would
# wait for each other longer than they work. Bytecode is kept even where the environment says not to: every service, worker and
# parsing child that a test starts would compile this code anew. Files go out in the order of their names, so that those of
# tests/acceptance, which take longest, come first and none of them is left over at the end.
TEST_WORKERS ?= 2
# A folder with SciFact (corpus.jsonl, queries.jsonl, qrels.tsv); without it the benchmarks make a corpus of their own.
BENCH_DATA ?= ../shared/data/scifact
# A folder with the data sets that fidelity is measured on, each in its own folder; those that are not there are left out.
FIDELITY_DATA ?= ../shared/data
# A folder with evaluation sets, each in its own folder, and one where what was brought in of them stays for the next time.
QUALITY_DATA ?= ../shared/data
QUALITY_FOLDER ?= build/quality
# At most so many questions of each set; empty: all. One half of them, tune or report, so that what was tuned on the one is reported
# on the other; empty: both. Which sets; empty: all that are there.
QUALITY_LIMIT ?=
QUALITY_SPLIT ?=
QUALITY_SETS ?=
# Which benchmarks to run; empty: all but the peers and quality.
BENCH ?=

.PHONY: help run install develop system test test-vllm check format lock soak bench bench-peers quality clean

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

run: $(INSTALLED)  ## serve the page and the API
	$(BIN)/openbook serve

install: $(INSTALLED)  ## what the service needs, from the lock, into .venv

develop: $(DEVELOP)  ## the same and the tools that check and test it

system:
	@sh tests/system_packages.sh

test: $(DEVELOP) system  ## all tests; skipped ones are listed at the end with their reasons
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= \
		$(BIN)/python -m pytest -n $(TEST_WORKERS) --dist loadfile --no-loadscope-reorder -m "not vllm" $(ARGS)

test-vllm: $(DEVELOP) $(VLLM)/.installed  ## those that need a real vLLM server, which they start on the CPU with a model of their own
	$(BIN)/python -m pytest -m vllm tests/vllm $(ARGS)

check: $(DEVELOP)  ## style, types and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: $(DEVELOP)  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Two workers on one queue, killed at random; SOAK_SEED=n repeats a run.
SOAK_JOBS ?= 1000

soak: $(DEVELOP) system  ## a thousand jobs under random kills, on SQLite and PostgreSQL (some minutes)
	SOAK_JOBS=$(SOAK_JOBS) $(BIN)/python -m pytest tests/acceptance/test_two_workers.py --timeout 1800 -s

bench: $(DEVELOP)  ## measure; prints one table per benchmark
	BENCH_DATA=$(BENCH_DATA) FIDELITY_DATA=$(FIDELITY_DATA) $(BIN)/python tests/benchmarks $(BENCH)

quality: $(DEVELOP)  ## measure retrieval, answers, citations and abstention on all evaluation sets (hours)
	QUALITY_DATA=$(QUALITY_DATA) QUALITY_FOLDER=$(QUALITY_FOLDER) QUALITY_LIMIT=$(QUALITY_LIMIT) QUALITY_SPLIT=$(QUALITY_SPLIT) \
		QUALITY_SETS="$(QUALITY_SETS)" $(BIN)/python tests/benchmarks quality

bench-peers: $(DEVELOP) $(PEERS)/.installed  ## measure Openbook beside what one would use instead
	BENCH_DATA=$(BENCH_DATA) BENCH_PEERS=$(PEERS)/bin/python $(BIN)/python tests/benchmarks peers

# torch is not in the locks: its builds differ by platform, so no list of hashes fits all. The locked packages come first, so that
# torch finds its own dependencies there and brings none but CUDA's. faiss-cpu and faiss-gpu install one and the same module,
# so whoever changes DEVICE gets a new environment.
$(VENV)/.installed-%: requirements/%.txt requirements/build.txt requirements/torch.txt pyproject.toml
	$(if $(filter-out $@,$(wildcard $(VENV)/.installed-cpu $(VENV)/.installed-gpu)),rm -rf $(VENV))
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -f $(VENV)/.installed-*
	$(PIP) --require-hashes --no-deps -r requirements/build.txt
	$(PIP) --require-hashes --no-deps --no-build-isolation -r $<
	$(PIP) $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -r requirements/torch.txt
	$(PIP) --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	touch $@

$(DEVELOP): $(INSTALLED) requirements/dev.txt
	$(PIP) --require-hashes --no-deps --no-build-isolation -r requirements/dev.txt
	$(BIN)/pip check
	touch $@

$(PEERS)/.installed: tests/benchmarks/peers/requirements.txt requirements/torch.txt
	test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -r requirements/torch.txt
	$(PEERS)/bin/pip install --quiet -r tests/benchmarks/peers/requirements.txt
	touch $@

# vLLM pins what the service pins otherwise, so its server has an environment of its own; nothing of it is ever imported here.
# The import at the end shows that it works, and compiles the few modules of the many that a start reads.
$(VLLM)/.installed: requirements/vllm.txt requirements/torch.txt
	rm -rf $(VLLM)
	$(PYTHON) -m venv $(VLLM)
	$(VLLM)/bin/pip install --quiet --no-compile --require-hashes --no-deps -r requirements/vllm.txt
	$(VLLM)/bin/pip install --quiet --no-compile $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) -r requirements/torch.txt
	$(VLLM)/bin/python -c "import torch; assert torch.version.cuda is None, 'this is the CUDA build: set TORCH_INDEX'"
	$(VLLM)/bin/python -c "import vllm.entrypoints.openai.api_server"
	touch $@

# On Linux without TORCH_INDEX pip would resolve the CUDA build; the check at the end refuses a CPU lock that has it.
COMPILE := CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/pip-compile --quiet --strip-extras --generate-hashes --unsafe-package torch \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX))

lock: $(DEVELOP)  ## resolve the dependencies of pyproject.toml anew; UPGRADE=--upgrade takes newer versions
	$(COMPILE) $(UPGRADE) --only-build-deps --build-deps-for editable --output-file requirements/build.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra cpu --extra s3 --output-file requirements/cpu.txt pyproject.toml
	$(COMPILE) $(UPGRADE) --extra dev --constraint requirements/cpu.txt --output-file requirements/dev.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --no-emit-package torch --custom-compile-command "make lock" \
		--python-version 3.11 --python-platform x86_64-unknown-linux-gnu --constraint requirements/cpu.txt \
		--extra gpu --extra s3 --output-file requirements/gpu.txt pyproject.toml
	$(BIN)/uv pip compile --quiet --generate-hashes --custom-compile-command "make lock" $(UPGRADE) \
		--python-version 3.11 --python-platform x86_64-unknown-linux-gnu --excludes requirements/vllm-without.in \
		--output-file requirements/vllm.txt requirements/vllm.in
	@! grep -qE '^(nvidia|cuda|triton)' requirements/cpu.txt requirements/dev.txt || { \
		echo "The CPU lock has CUDA packages: run 'make lock TORCH_INDEX=...' with PyTorch's CPU wheel index." >&2; exit 1; }

clean:  ## remove what was installed and built, not your data
	rm -rf $(VENV) $(PEERS) $(VLLM) build .pytest_cache .ruff_cache .import_linter_cache .hypothesis
