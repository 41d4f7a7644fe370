# Targets of the sandbox that are run by hand; the Makefile of the repository
# includes this file.

.PHONY: record-sandbox differential-sandbox probe-sandbox fuzz-sandbox bench-sandbox

record-sandbox: ## ask lua5.1 and luajit again for all recorded outputs
	go run ./sandbox/internal/record -generated

differential-sandbox: ## compare new random programs with luajit (SEED=, PROGRAMS=, SECONDS=)
	@command -v luajit >/dev/null || { echo "luajit is not on the PATH; on Debian: apt-get install luajit"; exit 1; }
	go test -tags differential -run TestDifferential -count 1 -v -timeout 0 ./sandbox

fuzz-sandbox: ## each fuzz target of the sandbox for FUZZTIME
	@for t in FuzzCompile FuzzRun FuzzGenerated FuzzPattern FuzzFormat FuzzNumeral FuzzJSON; do \
		go test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1s ./sandbox || exit 1; done

ROUNDS ?= 9
bench-sandbox: ## our machine beside gopher-lua, lua5.1 and luajit: writes sandbox/BENCHMARKS.md (ROUNDS=9)
	@for c in lua5.1 luajit; do command -v $$c >/dev/null || { echo "$$c is not on the PATH; on Debian: apt-get install lua5.1 luajit"; exit 1; }; done
	@mkdir -p $(CACHE)
	cd sandbox/internal/benchcmp && GOWORK=off go run . -rounds $(ROUNDS) > ../../../$(CACHE)/bench-sandbox.md
	@mv $(CACHE)/bench-sandbox.md sandbox/BENCHMARKS.md && cat sandbox/BENCHMARKS.md

probe-sandbox: ## all attacks, depth caps and counts inside a real Envoy
	@build/envoy >/dev/null
	ENVOY="$$(build/envoy)" go test -tags envoy -count 1 -timeout 20m ./sandbox/internal/envoyprobe

# What the probe runs in Envoy; it makes this itself.
$(DIST)/test/envoyprobe.wasm: FORCE
	$(call wasm,./sandbox/internal/envoyprobe/wasm)

e2e: probe-sandbox

$(DIST)/test/sandbox.wasm: FORCE
	$(call wasm,./sandbox/internal/size/wasm)

$(DIST)/test/sandbox-filter.wasm: FORCE
	$(call wasm,./sandbox/internal/size/filter)

.PHONY: size-sandbox
size-sandbox: $(addprefix $(DIST)/,authcallout.wasm test/sandbox-filter.wasm test/empty.wasm test/sandbox.wasm) ## what the sandbox adds to a filter and to the bare SDK, in bytes
	@less() { a=$$(wc -c < $$2) b=$$(wc -c < $$3); echo "$$1: $$b - $$a = $$((b - a)) bytes"; }; \
		less "beside a filter (authcallout)" $(DIST)/authcallout.wasm $(DIST)/test/sandbox-filter.wasm; \
		less "on the bare SDK" $(DIST)/test/empty.wasm $(DIST)/test/sandbox.wasm
