# One verb per line; `make help` prints them. Everything is built below target/.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

CARGO ?= cargo
CARGOFLAGS ?= --locked
CC ?= cc
CFLAGS ?= -O2 -g
STRICT := -std=c99 -D_XOPEN_SOURCE=700 -Wall -Wextra -Wpedantic -Werror
STRICT_CXX := -std=c++17 -Wall -Wextra -Wpedantic -Werror
LINK := -Ltarget/release -lplasma -Wl,-rpath,'$$ORIGIN/../release' -Wl,-rpath,'$$ORIGIN/../../release'

# make demo DIR=/some/files
DIR ?=

CXX ?= c++
CXXFLAGS ?= -O2 -g
PROGRAMS := $(addprefix target/c/,demo producer worker collector)
EXAMPLES := $(patsubst c_examples/%.c,target/c/examples/%,$(wildcard c_examples/*.c)) \
    $(patsubst cpp_examples/%.cpp,target/cpp/examples/%,$(wildcard cpp_examples/*.cpp))
# The programs of the benchmark: Plasma in its languages, the floors, recovery; see benches/README.md.
SUBJECTS := $(addprefix target/bench/,plasma plasma_cpp plasma_py plasma_command floor recovery)
MIRI := $(CARGO) +nightly miri

.PHONY: help build release-lib demo test cli header lint loom shuttle mutants kill matrix matrix-mutants stress crash instructions storm limits
.PHONY: fuzz miri litmus sanitize bench bench-peers bench-check docs package-test deb dist install clean
.PHONY: library wheel sdist python python-libraries reference old-kernel bindings

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

build: library $(PROGRAMS) $(EXAMPLES) ## libplasma.so, libplasma.a and the C and C++ programs, for release

release-lib: target/portable/libplasma.so ## libplasma.so for any Linux with glibc 2.28 or newer, in target/portable

# Pythons for the wheels: 3.9, 3.10, and one for all versions from 3.11 on.
WHEEL_PYTHONS = $$(scripts/list-pythons.sh 9 10) $$(scripts/list-pythons.sh 11 13 1)
wheel: target/portable/libplasma.so target/portable/plasma-store-server ## Python wheels for any Linux with glibc 2.28 or newer, in target/wheels
	rm -rf target/wheels
	PLATFORM=manylinux_2_28_$(shell uname -m) scripts/build-wheels.sh $< target/wheels $(WHEEL_PYTHONS)
	scripts/build-hook.sh target/wheels $$(scripts/list-pythons.sh 9 13 1)

sdist: ## the source distribution for pip, in target/sdist, and its tests, installed with the oldest and newest Python; SHORT=1
	scripts/test-sdist.sh target/sdist $$(scripts/list-pythons.sh 9 9) $$(scripts/list-pythons.sh 13 13)

python: wheel ## tests of the wheels on each installed Python from 3.9 to 3.13, their types, their costs
	OPTIONAL= scripts/test-wheels.sh target/wheels $$(scripts/list-pythons.sh 9 13 1)
	PLASMA_LONG=1 scripts/test-wheels.sh target/wheels $$(scripts/list-pythons.sh 9 13)
	scripts/lint-python.sh target/wheels
	scripts/measure-python.sh target/wheels --check

# Each check says what it lacks: PyPI, and Pythons with wheels of pyarrow. SHORT=1 leaves the projects out.
python-libraries: wheel ## Arrow 11's tests of pyarrow.plasma, plasma/client.h, and projects from PyPI, on Python 3.11 and 3.13; SHORT=1
	scripts/test-python-libraries.sh target/wheels $$(scripts/list-pythons.sh 11 11) $$(scripts/list-pythons.sh 13 13)

reference: wheel ## the reference of the Python modules, in target/python-docs
	scripts/render-python-reference.sh target/wheels target/python-docs

bindings: library ## tests of the bindings for Java, Node, Go, Ruby and R; each says what it lacks
	scripts/test-bindings.sh target/release/libplasma.so

demo: library $(PROGRAMS) ## real files through the store in seven processes, one of them killed; DIR= names files
	./target/c/demo "$(DIR)"

test: build $(SUBJECTS) ## all tests that have to pass: unit, processes, C, kill points, loom, Python
	PLASMA_LIB_DIR="$(CURDIR)/target/release" $(CARGO) test $(CARGOFLAGS) --no-fail-fast
	$(CARGO) test $(CARGOFLAGS) --package plasma-fuzz
	$(CARGO) test $(CARGOFLAGS) --no-fail-fast --package plasma-cli
	$(MAKE) --no-print-directory kill
	$(MAKE) --no-print-directory old-kernel SHORT=1
	$(LOOM)
	SHUTTLE_ITERATIONS=50 $(SHUTTLE)
	scripts/test-python.sh target/release/libplasma.so
	python3 -m unittest discover benches/tests
	python3 benches/run.py --quick --no-plots
	@if command -v cmake >/dev/null; then $(PACKAGE_TEST); else \
	    skip="SKIP package-test: there is no cmake"; \
	    echo "$$skip"; [ -z "$${PLASMA_SKIPS:-}" ] || echo "$$skip" >> "$$PLASMA_SKIPS"; \
	fi

# Not part of `build`: it needs crates that the library does not need.
cli: ## the plasma command, its manual pages and completions: target/release/plasma, target/share
	$(CARGO) build --release $(CARGOFLAGS) --package plasma-cli
	./target/release/plasma share target/share

header: ## write include/plasma.h from src/ffi, and bindings/plasma.json with the tables of bindings
	PLASMA_UPDATE_HEADER=1 $(CARGO) test $(CARGOFLAGS) --test header the_header_is_current
	python3 bindings/generate.py

lint: ## formatting, clippy, and unidiomatic phrases
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(CARGOFLAGS) --workspace --all-targets -- -D warnings
	scripts/check-idioms.py

# A release build for models: no link-time optimisation, no debug information.
MODELS := CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_DEBUG=0
LOOM_BUILD := RUSTFLAGS="--cfg loom" $(MODELS) \
    $(CARGO) test $(CARGOFLAGS) -p plasma-store --lib --release --target-dir target/loom
LOOM := LOOM_MAX_PREEMPTIONS=2 $(LOOM_BUILD)
SHUTTLE := RUSTFLAGS="--cfg shuttle" $(MODELS) \
    $(CARGO) test $(CARGOFLAGS) -p plasma-store --lib --release --target-dir target/shuttle

loom: ## models of the protocols in all interleavings, up to the number of preemptions of each model
	$(LOOM_BUILD) -- --nocapture

shuttle: ## larger models of the protocols in random interleavings
	SHUTTLE_ITERATIONS=20000 $(SHUTTLE) -- --nocapture

mutants: ## each ordering and fence broken in a copy: a model has to fail
	python3 tests/mutants/run.py

# Tests with kill points; the library in them is a debug build with some optimisation.
KILL := $(CARGO) test $(CARGOFLAGS) --features kill-points --target-dir target/kill \
    --config profile.dev.package.plasma-store.opt-level=2

kill: ## processes killed at some stores to shared memory and system calls of every operation
	$(KILL) --test kill_points --test lock_owner --test matrix --test planted_names --test builders

# Both forms write a list of the cells that ran to target/kill/tmp/matrix.txt.
MATRIX_SEED ?= 1
matrix: ## every C call with every disturbance, at several points; ONLY="words" selects cells
	PLASMA_MATRIX_FULL=1 PLASMA_MATRIX_SEED=$(MATRIX_SEED) PLASMA_MATRIX_ONLY="$(ONLY)" \
	    $(KILL) --test matrix -- --nocapture

matrix-mutants: ## faults seeded into a copy: the matrix has to find each of them
	python3 tests/matrix/mutants.py

# Processes of 40 rounds each.
STRESS ?= 500
stress: ## threads that share a client, interrupted at random points; STRESS=500 processes, SEED=
	PLASMA_STRESS_SEED=$(SEED) PLASMA_STRESS_PROCESSES=$(STRESS) \
	    $(KILL) --test matrix -- --nocapture threads_that_share_a_client

crash: library ## processes killed at all of them, and at some machine instructions
	PLASMA_KILL_ALL=1 $(KILL) --test kill_points -- --nocapture
	PLASMA_LIB_DIR="$(CURDIR)/target/release" $(KILL) --test instructions -- --nocapture

instructions: library ## processes killed at each machine instruction of create, seal, get, release, delete
	PLASMA_STEP_ALL=1 PLASMA_LIB_DIR="$(CURDIR)/target/release" \
	    $(KILL) --test instructions -- --nocapture

# All plans derive from SEED; the same seed draws the same plans.
SEED ?= 20261122
KILLS ?= 10000
storm: ## KILLS=10000 processes killed at random, while others work on the same stores; SEED=
	PLASMA_STORM_SEED=$(SEED) PLASMA_STORM_KILLS=$(KILLS) $(KILL) --test storm -- --nocapture

# Each test runs in a process that cannot use any system call newer than Linux 4.18.
REFUSE := target/old_kernel/refuse
$(REFUSE): tests/old_kernel/refuse.c tests/old_kernel/young.h
	mkdir -p $(@D)
	$(CC) $(STRICT) -D_DEFAULT_SOURCE $(CFLAGS) -o $@ $<

RUNNER = CARGO_TARGET_$(shell rustc -vV | sed -n 's/^host: //p' | tr 'a-z-' 'A-Z_')_RUNNER
OLD_KERNEL_C := block connect_address event_fd evict fork fork_children lock low_descriptors \
    permissions read reap remove threads write
old-kernel: library $(REFUSE) ## the tests as on Linux 4.18: newer system calls fail with ENOSYS, then EPERM; SHORT=1 for some
	for error in ENOSYS EPERM; do \
	    export $(RUNNER)="$(CURDIR)/$(REFUSE) $$error"; \
	    export PLASMA_LIB_DIR="$(CURDIR)/target/release"; \
	    if [ -n "$(SHORT)" ]; then \
	        $(CARGO) test $(CARGOFLAGS) --test c_suite -- --exact $(OLD_KERNEL_C); \
	        $(CARGO) test $(CARGOFLAGS) --lib -- sys:: store::; \
	    else \
	        $(CARGO) test $(CARGOFLAGS) --no-fail-fast; \
	        $(CARGO) test $(CARGOFLAGS) --no-fail-fast --package plasma-cli; \
	        $(KILL) --test kill_points --test lock_owner; \
	        $(REFUSE) $$error scripts/test-python.sh target/release/libplasma.so; \
	    fi; \
	done

LIMITS := small_mounts rlimits cgroup out_of_memory hostile_kernel hostile_names hostile_reader strangers
limits: library ## exhausted memory, files and room, at each size, and attackers; takes an hour
	PLASMA_LONG=1 PLASMA_C_SLOWER=60 PLASMA_LIB_DIR="$(CURDIR)/target/release" \
	    $(CARGO) test $(CARGOFLAGS) --test c_suite -- --exact --nocapture --test-threads=1 $(LIMITS)

# Executions of each target, and processes that share them.
FUZZ_RUNS ?= 1000000
FUZZ_JOBS ?= 2
fuzz: ## hostile bytes and calls under AddressSanitizer, FUZZ_RUNS of each; needs nightly and g++
	FUZZ_RUNS=$(FUZZ_RUNS) FUZZ_JOBS=$(FUZZ_JOBS) CARGO="$(CARGO)" scripts/run-fuzzers.sh

# The seeds of schedules that miri tries with each test in threads, for example 0..4.
SEEDS ?= 0..64
miri: ## the protocols under miri: once, and in threads with SEEDS=0..64; needs nightly
	@if $(MIRI) --version >/dev/null 2>&1; then \
	    MIRIFLAGS='-Zmiri-strict-provenance -Zmiri-disable-isolation' $(MIRI_TEST) $(MIRI_LAYERS); \
	    MIRIFLAGS='-Zmiri-strict-provenance -Zmiri-many-seeds=$(SEEDS)' $(MIRI_TEST) threads::; \
	else \
	    skip="SKIP miri: rustup component add --toolchain nightly miri rust-src"; \
	    echo "$$skip"; [ -z "$${PLASMA_SKIPS:-}" ] || echo "$$skip" >> "$$PLASMA_SKIPS"; \
	fi
MIRI_TEST := $(MIRI) test $(CARGOFLAGS) -p plasma-store --lib --target-dir target/miri --
MIRI_LAYERS := id:: error:: layout:: index:: alloc:: lease:: writer_lock:: wake:: events:: store::objects::metadata:: store::handles::writers:: \
    --skip sys:: --skip segment:: --skip ffi:: --skip threads::

litmus: ## the orderings under the models of C11, x86-64 and AArch64; scripts/fetch-herd.sh brings herd7
	$(CARGO) test $(CARGOFLAGS) --test litmus -- --nocapture

sanitize: library ## the tests under AddressSanitizer, ThreadSanitizer and valgrind; SHORT=1 for some
	scripts/run-sanitizers.sh asan tsan valgrind

bench: build $(SUBJECTS) ## Plasma and the floors of this machine, into target/bench/tables.md
	python3 benches/run.py
	$(CARGO) bench $(CARGOFLAGS) --package plasma-bench

bench-peers: build $(SUBJECTS) ## the same with other libraries, which it fetches
	scripts/fetch-peers.sh
	python3 benches/run.py --peers

bench-check: build $(SUBJECTS) ## checks the targets in benches/targets.py; needs an idle machine
	python3 benches/run.py --check

docs: ## the manual of both headers as HTML in target/docs, by Doxygen; its warnings are errors
	@if command -v doxygen >/dev/null; then \
	    rm -rf target/docs && mkdir -p target/docs && \
	    PLASMA_DOCS=target/docs PLASMA_VERSION="$$($(VERSION))" doxygen docs/doxygen/Doxyfile && \
	    echo "target/docs/index.html"; \
	else \
	    skip="SKIP docs: there is no doxygen"; \
	    echo "$$skip"; [ -z "$${PLASMA_SKIPS:-}" ] || echo "$$skip" >> "$$PLASMA_SKIPS"; \
	fi
VERSION := sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml

# CMake builds below target, in the same cargo directory.
CMAKE_BUILD = cmake -S . -B $(1) -DPLASMA_CARGO_DIR="$(CURDIR)/target" $(2) && cmake --build $(1)

PACKAGE_TEST = $(call CMAKE_BUILD,target/cmake) && ctest --test-dir target/cmake --output-on-failure -j 2
package-test: release-lib ## ctest: the installation by CMake, its packages, and programs that use it; see docs/guide/abi.md
	$(PACKAGE_TEST)

# Stops with advice where there is no cmake.
NEED_CMAKE = command -v cmake >/dev/null || \
    { echo "make $@ needs CMake 3.16 or newer: apt-get install cmake" >&2; exit 1; }

deb: ## packages for Debian, in target/deb: libplasma-store0.1, -dev, plasma-store-tools
	@$(NEED_CMAKE)
	$(call CMAKE_BUILD,target/deb,-DCMAKE_INSTALL_PREFIX=/usr -DPLASMA_DEBIAN=ON \
	    -DPLASMA_BUILD_EXAMPLES=OFF -DBUILD_TESTING=OFF)
	cd target/deb && cpack -G DEB

dist: ## plasma-VERSION.tar.xz in target/dist, with all crates, for builds without a network
	scripts/pack-source.sh target/dist

PREFIX ?= /usr/local
install: ## headers, libraries, the plasma command and manual pages into PREFIX, by CMake
	@$(NEED_CMAKE)
	$(call CMAKE_BUILD,target/cmake)
	cmake --install target/cmake --prefix "$(PREFIX)"

clean: ## remove everything built
	$(CARGO) clean

library: target/release/libplasma.so

# Cargo decides what is out of date.
target/release/libplasma_capi.a: FORCE
	$(CARGO) build --release $(CARGOFLAGS) --package plasma-capi --config capi/release.toml
FORCE: ;

target/release/plasma.o: target/release/libplasma_capi.a capi/plasma.map scripts/make-object.sh
	scripts/make-object.sh $< $@

LINK_LIBRARIES := $(addprefix scripts/,link-libraries.sh split-debug.sh print-soname.sh) \
    $(addprefix capi/,link-options plasma.map)

target/release/libplasma.so: target/release/plasma.o $(LINK_LIBRARIES)
	scripts/link-libraries.sh $< $(@D)

# zig links with the symbols of glibc 2.28, of 2018, instead of those of this machine. PyPI has it.
ZIG := target/zig/bin/python -m ziglang
target/zig: ; python3 -m venv $@ && $@/bin/pip install --quiet ziglang==0.17.1

target/portable/libplasma.so: target/release/plasma.o $(LINK_LIBRARIES) | target/zig
	CC="$(ZIG) cc -target $(shell uname -m)-linux-gnu.2.28" scripts/link-libraries.sh $< $(@D) \
	    "$$($(CC) -print-file-name=libgcc_s.so.1)" -lpthread -ldl -lm

# With the C library inside, it runs with any.
target/portable/plasma-store-server: FORCE | target/portable/libplasma.so
	$(CARGO) rustc --release $(CARGOFLAGS) --package plasma-cli --bin plasma-store-server -- -C target-feature=+crt-static
	cp target/release/plasma-store-server $@

target/c target/c/examples target/cpp/examples target/bench:
	mkdir -p $@

HEADERS := include/plasma.h $(wildcard c_examples/demo/*.h)

target/c/demo: $(addprefix c_examples/demo/,demo.c processes.c corpus.c common.c)
target/c/producer: $(addprefix c_examples/demo/,producer.c common.c)
target/c/worker: $(addprefix c_examples/demo/,worker.c common.c)
target/c/collector: $(addprefix c_examples/demo/,collector.c common.c)
$(PROGRAMS): $(HEADERS) target/release/libplasma.so | target/c
	$(CC) $(STRICT) $(CFLAGS) -Iinclude -o $@ $(filter %.c,$^) $(LINK)

target/c/examples/%: c_examples/%.c include/plasma.h target/release/libplasma.so | target/c/examples
	$(CC) $(STRICT) $(CFLAGS) -Iinclude -o $@ $< $(LINK)

CPP_HEADERS := include/plasma.h include/plasma.hpp $(wildcard include/plasma/*.hpp)

target/cpp/examples/%: cpp_examples/%.cpp $(CPP_HEADERS) target/release/libplasma.so | target/cpp/examples
	$(CXX) $(STRICT_CXX) $(CXXFLAGS) -Iinclude -o $@ $< $(LINK)

BENCH_HEADERS := include/plasma.h $(wildcard benches/*.h benches/subjects/*.h)

target/bench/plasma: $(wildcard benches/subjects/plasma*.c)
target/bench/recovery: benches/recovery.c
target/bench/plasma target/bench/recovery: $(BENCH_HEADERS) target/release/libplasma.so | target/bench
	$(CC) $(STRICT) $(CFLAGS) -Iinclude -o $@ $(filter %.c,$^) $(LINK) -lm

target/bench/floor: $(wildcard benches/subjects/floor*.c) $(BENCH_HEADERS) | target/bench
	$(CC) $(STRICT) $(CFLAGS) -pthread -o $@ $(filter %.c,$^) -lm

target/bench/plasma_cpp: benches/subjects/plasma_cpp.cpp $(CPP_HEADERS) $(BENCH_HEADERS) \
    target/release/libplasma.so | target/bench
	$(CXX) $(STRICT_CXX) $(CXXFLAGS) -Iinclude -o $@ $< $(LINK) -lm

target/bench/plasma_command: benches/subjects/plasma_command.py | cli target/bench
	ln -sf ../../$< $@

# If it cannot be made, the script prints the reason and leaves no file.
target/bench/plasma_py: scripts/install-bench-python.sh python/setup.py target/release/libplasma.so \
    $(wildcard python/native/* python/src/plasma/*.py)
	scripts/install-bench-python.sh target/release/libplasma.so
