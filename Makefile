# `make help` lists the targets. What they build beside the two programs goes to
# $(TOOLBIN), once for all work trees.

GO       ?= go
TOOLBIN  := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/adp/bin
TAGS     ?=
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS  := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 20s
PKGS     ?= ./...
TESTFLAGS ?=

# A module of its own, so that ./... doesn't reach it.
COMPOSETEST = $(GO) -C deploy/composetest test $(TESTFLAGS) ./...

export PATH := $(PATH):$(TOOLBIN)
export VERSION

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

##@ Start here

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z][a-z-]*:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: build ## Start Temporal, a broker and the worker, play the scenarios, stay up until Ctrl-C (DEMO_EXIT=1: end after them)
	@exec bin/starter demo

.PHONY: setup
setup: .env build ## Make .env from its example, if there is none, and build the programs

.env:
	cp .env.example .env

.PHONY: install-deps
install-deps: tools ## Download every module, and build Temporal's command lines and the linters (minutes of CPU, once)
	$(GO) mod download
	$(GO) -C deploy/composetest mod download
	$(MAKE) --no-print-directory temporal tctl mailpit

##@ Build

.PHONY: build
build: ## Build bin/worker and bin/starter (TAGS=cloud: with object storage, s3://, gs:// and azblob://)
	CGO_ENABLED=0 $(GO) build -trimpath -tags '$(TAGS)' -ldflags '$(LDFLAGS)' -o bin/ ./worker ./starter

.PHONY: clean
clean: ## Remove what was built and measured here: bin/, tmp/, coverage.out, *.test, *.prof
	rm -rf bin tmp coverage.out
	find . -path ./data -prune -o \( -name '*.test' -o -name '*.prof' \) -type f -exec rm -f {} +

##@ Check

.PHONY: test
test: ## Run every test that needs Go alone (PKGS=./dq/..., TESTFLAGS=-v)
	$(GO) test $(TESTFLAGS) $(PKGS)
	$(COMPOSETEST)

.PHONY: test-race
test-race: ## The same with the race detector; without a C compiler, which it needs, it says so and runs without
	@if [ "$$(CGO_ENABLED=1 $(GO) env CGO_ENABLED)" = 1 ] && command -v "$$($(GO) env CC | cut -d' ' -f1)" >/dev/null; then \
		set -x; CGO_ENABLED=1 $(GO) test -race $(TESTFLAGS) $(PKGS); \
	else \
		echo "WARNING: no C compiler ($$($(GO) env CC)): running WITHOUT the race detector"; \
		set -x; $(GO) test $(TESTFLAGS) $(PKGS); \
	fi
	$(COMPOSETEST)

.PHONY: test-integration
test-integration: temporal tctl mailpit ## Run all tests, also those that need Temporal, a JDK and Maven (Apache Kafka, Iceberg REST catalog), Python or Chromium
	$(GO) test -tags integration,cloud -p 1 -timeout 40m $(TESTFLAGS) $(PKGS)

.PHONY: test-crash
test-crash: temporal ## Strike the whole pipeline with every fault, on every kind of table, and count (CRASH_TARGET=parquet CRASH_FAULTS=50 CRASH_SEED=1; CRASH_REPORT=docs/reliability.md writes the result there)
	@set -x; CRASH_TARGET=$${CRASH_TARGET:-all} CRASH_FAULTS=$${CRASH_FAULTS:-0} CRASH_REPORT=$(abspath $(CRASH_REPORT)) \
		$(GO) test -count=1 -tags integration,cloud -timeout 150m -run TestCrashSuite -v $(TESTFLAGS) ./internal/e2e

.PHONY: test-crash-short
test-crash-short: temporal ## The part of it that CI runs with the integration tests: 25 faults on a table in a folder
	$(GO) test -count=1 -tags integration,cloud -timeout 20m -run TestCrashSuite -v $(TESTFLAGS) ./internal/e2e

.PHONY: test-snowflake
test-snowflake: ## Run the Snowflake sink's tests against fakesnow (needs Python), and against a real account if SNOWFLAKE_ACCOUNT and the rest are set
	$(GO) test -count=1 -tags integration -timeout 30m $(TESTFLAGS) ./sink/snowflake
	$(GO) test -count=1 -tags integration -run 'EverySink|TwoPeople' $(TESTFLAGS) ./worker

.PHONY: test-agent
test-agent: ## Run the decision agent's tests
	$(GO) test $(TESTFLAGS) ./agent/...

.PHONY: test-ollama
test-ollama: ollama ## Ask a small model in real Ollama (its build takes minutes, a C++ compiler, nlohmann-json3-dev and libstb-dev)
	OLLAMA_BIN=$(TOOLBIN)/ollama $(GO) test -count=1 -tags integration -run Ollama -v $(TESTFLAGS) ./internal/realllm

.PHONY: eval
eval: ## Score the agent's decisions on labelled scenarios, and fail if the gate is shut (EVALFLAGS='--sample 20 --markdown docs/agent.md')
	$(GO) run ./starter eval $(EVALFLAGS)

.PHONY: test-dq
test-dq: ## Run the data quality tests
	$(GO) test $(TESTFLAGS) ./dq/...

.PHONY: test-gx
test-gx: ## Compare with Great Expectations itself over generated suites and tables (needs Python; GXDIFF_CASES=300; GXDIFF_SEED=1, or a new one each time)
	GXDIFF_CASES=$${GXDIFF_CASES:-300} GXDIFF_SEED=$${GXDIFF_SEED:-$$(date +%s)} $(GO) test -count=1 -tags integration -timeout 60m -v -run 'GreatExpectations|Comparer' $(TESTFLAGS) ./internal/gxdiff

.PHONY: bench-dq
bench-dq: ## Measure nine expectations over 2,000,000 rows beside Great Expectations: CPU and memory, as ratios (needs Python; BENCH_DQ_ROWS)
	BENCH_DQ_ROWS=$${BENCH_DQ_ROWS:-2000000} $(GO) test -count=1 -tags integration -timeout 60m -v -run TestBench $(TESTFLAGS) ./internal/gxdiff

.PHONY: test-engine
test-engine: ## Run the engine's tests: decode, drift, lateness, staging
	$(GO) test $(TESTFLAGS) ./batch/...

.PHONY: test-coverage
test-coverage: ## Run the tests and print the share of statements that they reach, by package; details in coverage.out
	$(GO) test -coverprofile coverage.out -coverpkg ./... $(TESTFLAGS) $(PKGS)
	$(GO) tool cover -func coverage.out | tail -1

.PHONY: fuzz
fuzz: ## Run each fuzz target for FUZZTIME (20s)
	@set -e; for dir in $$(grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -r -n1 dirname | sort -u); do \
		for target in $$($(GO) test -list '^Fuzz' $$dir | grep '^Fuzz'); do \
			echo "== $$dir $$target"; $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$dir; \
		done; \
	done

.PHONY: golden
golden: temporal ## Write golden files and saved histories anew (tests with the flag -update); read the diff before you commit it
	@set -e; dirs=$$(grep -rlE 'flag\.Bool\("update"' --include='*_test.go' . | xargs -r -n1 dirname | sort -u); \
	if [ -z "$$dirs" ]; then echo "no test has the flag -update"; exit 1; fi; \
	set -x; $(GO) test -count=1 -tags integration $$dirs -update; git status --short -- '*/testdata/*'

.PHONY: fmt
fmt: tools ## Format the Go files
	$(TOOLBIN)/golangci-lint fmt ./...

.PHONY: lint
lint: tools ## gofmt, go vet, golangci-lint, workflowcheck and the import rules
	@unformatted=$$(gofmt -l .); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(GO) vet -tags integration,cloud ./...
	$(GO) vet -tags crashpoints ./worker ./sink/...
	$(GO) -C deploy/composetest vet ./...
	$(TOOLBIN)/golangci-lint run ./...
	$(TOOLBIN)/workflowcheck -config tools/workflowcheck/config.yml ./workflows/...
	$(GO) test -count=1 ./internal/archtest

.PHONY: check
check: lint test-race ## All that a change must pass before it is proposed, but for the integration tests

##@ Stack in Docker

# Without a daemon, `docker compose` gives an error that names a socket alone.
.PHONY: docker
docker:
	@docker compose version >/dev/null 2>&1 || { echo "docker compose is missing: install Docker with its compose plugin, or use make demo, which needs neither"; exit 1; }
	@docker info >/dev/null 2>&1 || { echo "the Docker daemon doesn't answer: start it, or use make demo, which needs none"; exit 1; }

.PHONY: up
up: docker ## Start Apache Kafka, Temporal, a worker and a mail catcher, and wait until they are healthy
	docker compose up --build --detach --wait

.PHONY: down
down: docker ## Stop them; data stays
	docker compose down

.PHONY: down-v
down-v: docker ## Stop them and remove their data
	docker compose down --volumes

.PHONY: logs
logs: docker ## Follow their logs
	docker compose logs --follow --tail 100

##@ Data

.PHONY: reset-data
reset-data: ## Remove data/ with all it holds: tables, quarantine, reports, the demo's topics and workflows
	@if [ -d data ]; then echo "removing data/, $$(du -sh data | cut -f1):"; ls data | sed 's|^|  data/|'; rm -rf data; else echo "there is no data/"; fi

##@ Tools, built once

.PHONY: tools
tools: ## Build golangci-lint and workflowcheck into the cache folder, if they aren't the pinned versions
	@mkdir -p $(TOOLBIN)
	@[ -x $(TOOLBIN)/golangci-lint ] || echo "building golangci-lint into $(TOOLBIN): a few minutes of CPU, once"
	@GOBIN=$(TOOLBIN) $(GO) -C tools/lint install -trimpath -ldflags '-s -w' tool
	@GOBIN=$(TOOLBIN) $(GO) -C tools/workflowcheck install -trimpath -ldflags '-s -w' tool

.PHONY: tctl
tctl: ## Build tctl into the cache folder
	@mkdir -p $(TOOLBIN)
	@GOBIN=$(TOOLBIN) $(GO) -C tools/tctl install -trimpath -ldflags '-s -w' tool

.PHONY: mailpit
mailpit: ## Build Mailpit, which catches mail in tests, into the cache folder
	@if $(GO) version -m $(TOOLBIN)/mailpit 2>/dev/null | grep -q "axllent/mailpit.*$(MAILPIT_VERSION)"; then exit 0; fi; \
	mkdir -p $(TOOLBIN); GOBIN=$(TOOLBIN) CGO_ENABLED=0 $(GO) install -trimpath -ldflags '-s -w' github.com/axllent/mailpit@$(MAILPIT_VERSION)

.PHONY: temporal
temporal: ## Build Temporal's command line into the cache folder, unless there is one on PATH (about 5 minutes of CPU)
	@found=$$(command -v temporal || true); \
	if [ -n "$$found" ] && [ "$$found" != $(TOOLBIN)/temporal ]; then exit 0; fi; \
	if $(GO) version -m $(TOOLBIN)/temporal 2>/dev/null | grep -q "github.com/temporalio/cli.*$(TEMPORAL_VERSION)"; then exit 0; fi; \
	mkdir -p $(TOOLBIN); echo "building temporal into $(TOOLBIN): about 5 minutes of CPU, once"; \
	GOBIN=$(TOOLBIN) $(GO) install -ldflags '-s -w' github.com/temporalio/cli/cmd/temporal@$(TEMPORAL_VERSION)

# Ollama's Go module lacks one header, which another module carries.
OLLAMA_VERSION = v0.17.4
.PHONY: ollama
ollama: ## Build Ollama into the cache folder (minutes of CPU, once)
	@if $(GO) version -m $(TOOLBIN)/ollama 2>/dev/null | grep -q "github.com/ollama/ollama.*$(OLLAMA_VERSION)"; then exit 0; fi; \
	set -e; mkdir -p $(TOOLBIN) $(TOOLBIN)/../include; echo "building ollama into $(TOOLBIN): about 8 minutes of CPU, once"; \
	dir=$$($(GO) mod download -json github.com/gen2brain/malgo@v0.11.24 | sed -n 's/.*"Dir": "\(.*\)",/\1/p'); \
	ln -sfn "$$dir" $(TOOLBIN)/../include/miniaudio; \
	CGO_ENABLED=1 CPATH=$(TOOLBIN)/../include CGO_CFLAGS="-O3 -march=x86-64-v3" CGO_CXXFLAGS="-O3 -march=x86-64-v3" \
		GOBIN=$(TOOLBIN) $(GO) install -trimpath -ldflags '-s -w' github.com/ollama/ollama@$(OLLAMA_VERSION)

# One place names the version: internal/devstack.
TEMPORAL_VERSION = $(shell sed -n 's/^\tTemporalVersion = "\(.*\)"/\1/p' internal/devstack/binary.go)
MAILPIT_VERSION := v1.27.11
