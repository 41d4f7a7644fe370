# Everything that this project can be told to do; "make help" lists it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

DIST  := dist
CACHE := .cache

VERSION ?= 0.1.0-dev
# The commit is compiled in, so the same commit always gives the same bytes.
COMMIT := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)$(shell git diff --quiet HEAD -- '*.go' go.mod go.work 2>/dev/null || echo -dirty)

STAMP := github.com/gatehouse-proxy/gatehouse/filters/internal/filter
LDFLAGS := -s -w -X $(STAMP).Version=$(VERSION) -X $(STAMP).Commit=$(COMMIT)

# $(call wasm,PACKAGE,WITHOUT) compiles a package to the module $@, with the shell's
# callbacks in the place of the SDK's and without some exports; the target
# needs FORCE. go build itself knows what has changed. A user's GOFLAGS must not
# change what is built.
define wasm
@mkdir -p $(@D) $(CACHE)/linked/$(@D)
@GOFLAGS=-buildvcs=false GOWORK=$(CURDIR)/go.work GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 \
	go build -trimpath -buildmode=c-shared -overlay=$(CACHE)/runtime/overlay.json -ldflags="$(LDFLAGS)" -o $(CACHE)/linked/$@ $(1)
@go run -buildvcs=false ./build/optimize -prefix github.com/gatehouse-proxy/gatehouse/ -own gatehouse_ $(addprefix -without ,$(2)) $(CACHE)/linked/$@ $@
endef

MODULES := $(notdir $(patsubst %/main.go,%,$(wildcard build/wasm/*/main.go)))
FILES   := $(MODULES:%=$(DIST)/%.wasm) $(DIST)/test/probe.wasm

# All packages but e2e, which takes a real Envoy.
UNIT = $$(go list ./... | grep -v '/e2e$$')

.PHONY: run test build sigv4-differential unit wasm-test mounts e2e bench soak soak-short fuzz generate lint accept-sizes clean help

export S3
run: $(FILES) ## start the demo: Envoy with the filters, an auth service, an upstream and an S3 store on localhost (PORT=10000, S3=minio)
	@build/envoy >/dev/null
	@if [ "$(S3)" = minio ]; then build/minio >/dev/null; fi
	@mkdir -p $(CACHE)/bin
	@go build -buildvcs=false -o $(CACHE)/bin/ ./cmd/demo ./cmd/authservice
	@exec $(CACHE)/bin/demo -authservice $(CACHE)/bin/authservice

test: lint build unit wasm-test sigv4-differential mounts fuzz e2e soak-short ## everything: what CI runs

build: $(FILES) ## compile the modules to dist/*.wasm and check their sizes
	@build/sizes $(DIST)

# Callbacks that nobody needs: each costs a way into the VM and back. The end of a
# stream is proxy_on_delete; proxy_on_done asks whether a stream or a configuration
# may go: always.
UNUSED := proxy_on_done,proxy_on_log

# Nor does a filter that does not look at responses' bodies need their callbacks,
# one for each piece.
WITHOUT := $(UNUSED),proxy_on_response_body,proxy_on_response_trailers

$(DIST)/%.wasm: FORCE
	$(call wasm,./build/wasm/$*,$(WITHOUT))

# The shell's own tests, not shipped.
$(DIST)/test/probe.wasm: FORCE
	$(call wasm,./filters/internal/probe/probewasm,$(UNUSED))

# What the SDK and Envoy's calls cost by themselves, for the benchmark.
BENCHED := $(DIST)/test/empty.wasm $(DIST)/test/callout.wasm $(DIST)/test/calls.wasm
$(BENCHED): $(DIST)/test/%.wasm: FORCE
	$(call wasm,./e2e/bench/$*)

FORCE:
	@build/runtime >/dev/null

accept-sizes: ## take the sizes of the last build as the ones to check against
	@build/sizes -accept $(DIST)

unit: ## fast tests, without Wasm and without Envoy
	@[ -d "$${SIGV4_SUITE:-../shared/aws-signing-test-suite}/v4" ] || echo "sigv4: AWS's signing test suite is not there, its cases are left out: set SIGV4_SUITE" >&2
	go test -skip '^TestWasm' $(UNIT)

wasm-test: $(FILES) ## the compiled modules in an emulated host
	go test -run '^TestWasm' ./filters/...

export ENVOY ENVOY_VERSION MINIO

e2e: $(FILES) ## the compiled modules in a real Envoy ($$ENVOY, ENVOY_VERSION=1.36.2 or 1.40.0; $$MINIO)
	@build/envoy >/dev/null
	@build/minio >/dev/null
	@build/boto3 >/dev/null
	@build/sdkclient >/dev/null
	go test -count=1 -timeout 15m ./e2e

# BENCH=quick measures little, in under 2 minutes, and writes nothing.
BENCH ?= full
bench: $(FILES) $(BENCHED) ## what the filters cost in a real Envoy: writes BENCHMARKS.md (BENCH=quick prints only)
	@build/envoy >/dev/null
	@go run -buildvcs=false ./e2e/bench $(if $(filter quick,$(BENCH)),-quick)

sigv4-differential: ## the signer against aws-sdk-go-v2, on random requests
	cd sigv4/internal/difftest && GOWORK=off go test -count=1 ./...

mounts: ## the samples for Istio and Envoy Gateway against their schemas
	cd envoy/mounts && go test -count=1 ./...

MINUTES ?= 10
soak: $(DIST)/authcallout.wasm ## mixed traffic for MINUTES while the auth service and the configuration come and go
	@build/envoy >/dev/null
	@go run -buildvcs=false ./e2e/soak -minutes $(MINUTES)

soak-short: ## soak for a minute
	@$(MAKE) --no-print-directory soak MINUTES=1

FUZZTIME ?= 3s
fuzz: ## each fuzz target for FUZZTIME
	@build/fuzz $(FUZZTIME)

# The packages whose tests have the flag -update, by importing golden.
GOLDEN := github.com/gatehouse-proxy/gatehouse/filters/all/golden
generate: ## rewrite what is generated: schemas, tables, golden files
	go test $$(go list -test -f '{{range .Deps}}{{if eq . "$(GOLDEN)"}}{{$$.ForTest}}{{end}}{{end}}' ./... | sort -u) -skip '^TestWasm' -update

lint: ## gofmt, go vet, golangci-lint, yamllint
	@build/lint

include sandbox/internal/sandbox.mk

clean: ## remove dist/ and the demo's files; the installed tools in .cache/ stay
	rm -rf $(DIST) $(CACHE)/bin/demo $(CACHE)/bin/authservice

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { gsub(/\$$\$$/, "$$", $$2); printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
