# Portolan. `make demo` shows it, `make test` is everything that CI runs.

.PHONY: help setup build release layout demo test check format generate python bench interop chaos screenshots clean

help:
	@echo "make demo         build, start Regions on loopback and tell the whole story (ONESHOT=1: verdict and exit)"
	@echo "make release      the executable that is deployed, into .build/release"
	@echo "make layout       finds out which functions services call, for the linker"
	@echo "make test         install, build, check, unit and integration tests, the story once"
	@echo "make check        formatting, generated code, architecture rules"
	@echo "make screenshots  pictures of the pages in headless Chromium (needs a Region that is up)"
	@echo "make generate     regenerate Sources/Contracts from Protos"
	@echo "make bench        what is fast and what is not, into bench.json (ROWS='rpc.*' measures some)"
	@echo "make interop: what is tried so far"
	@echo "make chaos        simulated Regions under faults, then real ones (SEED=1 MINUTES=5)"

setup:
	@Scripts/setup

build: setup
	swift build --product portolan

release: setup
	@Scripts/release

layout: release
	@.venv/bin/python -m Scripts.layout
	@Scripts/release

demo: build
	@.venv/bin/python -m Scripts.demo

test:
	@SCREENSHOTS=1 Scripts/setup
	@Scripts/test

check: setup
	@Scripts/check

python: setup
	@.venv/bin/python -m unittest discover -s Scripts/tests -t . -v

format:
	swift format --in-place --recursive --parallel Package.swift $$(Scripts/check --hand-written)

generate: setup
	Scripts/generate

bench: setup
	@Scripts/release portolan
	@Scripts/release portolan-bench
	@Scripts/bench/setup
	@.venv/bin/python -m Scripts.bench

interop: build
	@.venv/bin/python -m Scripts.interop
	@.venv/bin/python -m Scripts.interop.aws
	@ONESHOT=1 ROWS=M8,M14,M17 .venv/bin/python -m Scripts.demo

chaos: build
	@Scripts/simulate
	@.venv/bin/python -m Scripts.stress
	@Scripts/fuzz
	@.venv/bin/python -m Scripts.chaos

screenshots:
	@SCREENSHOTS=1 Scripts/setup
	@.venv/bin/python -m Scripts.demo.screenshots

clean:
	rm -rf .demo
