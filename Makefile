# SPDX-License-Identifier: Apache-2.0
# The verbs of the project; the work is done by CMake (CMakePresets.json) and by tools/.
# ./start VERB installs what a verb needs before it runs it.

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
FUZZ_JOBS ?= $(JOBS)
PEERS_OPTIONS ?=
# MPI=1 builds, tests and installs a cappy that trains in many processes, in build-mpi/.
MPI ?=
BUILD := build$(if $(filter-out 0,$(MPI)),-mpi)
export JOBS FUZZ_SECONDS FUZZ_JOBS

# CMake starts a make of its own, which must not take the flags of this one for its own.
CMAKE := env -u MAKEFLAGS -u MAKELEVEL cmake
CTEST := env -u MAKEFLAGS -u MAKELEVEL ctest --output-on-failure -j $(JOBS)

.PHONY: all run test test-arm asan fuzz bench bench-peers bench-train-peers lint fmt install clean help

## all: build the library and the command into build/; with MPI=1, for many processes, into build-mpi/
all: $(BUILD)/configured
	@$(CMAKE) --build $(BUILD) -j $(JOBS) --target cappy cappy_command

## run: rank a few answers and classify a few texts with the default model
run: all
	@examples/demo.sh $(BUILD)/cappy

## test: build everything and run all tests
test: $(BUILD)/configured
	@$(CMAKE) --build $(BUILD) -j $(JOBS)
	@$(CTEST) --test-dir $(BUILD)

## asan: run all tests with the address and undefined behaviour sanitizers
asan: build-asan/configured
	@$(CMAKE) --build build-asan -j $(JOBS)
	@$(CTEST) --test-dir build-asan

## test-arm: build for 64-bit ARM and run the tests of the library in an emulator
# Once with all that it emulates, and the kernels without BF16 and without dot products too.
test-arm: build-neon/configured
	@$(CMAKE) --build build-neon -j $(JOBS)
	@QEMU_CPU=max $(CTEST) --test-dir build-neon -R '^(unit|fuzz)/'
	@for cpu in cortex-a76 cortex-a72; do \
		QEMU_CPU=$$cpu $(CTEST) --test-dir build-neon -R '^unit/(kernel|model/scorer)' || exit 1; \
	done

## fuzz: run each fuzz harness for FUZZ_SECONDS (60) with FUZZ_JOBS processes
fuzz: build-fuzz/configured
	@$(CMAKE) --build build-fuzz -j $(JOBS)
	@tools/fuzz.sh build-fuzz

## bench: measure the speed of this build on this machine
bench: build/configured
	@$(CMAKE) --build build -j $(JOBS) --target benchmarks
	@bench/run.sh build

## bench-peers: measure cappy beside other programs, with the options in PEERS_OPTIONS
bench-peers: all
	@bench/peers/run.sh build $(PEERS_OPTIONS)

## bench-train-peers: measure training beside PyTorch, with the options in PEERS_OPTIONS
bench-train-peers: build/configured
	@$(CMAKE) --build build -j $(JOBS) --target bench_train
	@$$(bench/python.sh bench/peers/requirements.txt) bench/peers/train_torch.py $(PEERS_OPTIONS)

## lint: check the law of the folders, the rules of the house and the formatting
lint:
	@tools/lint.sh

## fmt: format the C files
fmt:
	@tools/lint.sh --fix

## install: install under PREFIX (/usr/local), staged in DESTDIR where given
install: all
	@$(CMAKE) --install $(BUILD) --prefix $(PREFIX)

## clean: remove everything that was built
clean:
	@rm -rf build build-mpi build-asan build-neon build-fuzz

## help: print this list
help:
	@sed -n 's/^## \([a-z-]*\): /\1 /p' Makefile | while read -r verb text; do \
		printf '  %-12s %s\n' "$$verb" "$$text"; done

# A folder is configured once; CMake itself sees later changes to its files, but not to the presets.
configured = @mkdir -p $(@D) && { cmake --preset $(1) >$(@D)/configure.log 2>&1 || \
	{ cat $(@D)/configure.log >&2; exit 1; }; } && touch $@
build/configured: CMakePresets.json
	$(call configured,release)
build-mpi/configured: CMakePresets.json
	$(call configured,mpi)
build-asan/configured: CMakePresets.json
	$(call configured,asan)
build-neon/configured: CMakePresets.json cmake/neon.cmake build-neon/sysroot/complete
	$(call configured,neon)
build-neon/sysroot/complete: start tools/arm64_sysroot.sh
	@rm -rf $(@D) && tools/arm64_sysroot.sh $(@D) && touch $@
build-fuzz/configured: CMakePresets.json
	$(call configured,fuzz)
