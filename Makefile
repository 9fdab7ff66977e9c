# Everything that a developer or an operator does with the project. "make help" lists it.

.DEFAULT_GOAL := help
include deploy/deploy.mk

FUNCTIONS := $(notdir $(wildcard functions/*))
GO_SOURCES := $(wildcard $(shell git ls-files -co --exclude-standard '*.go' '*.html')) go.mod go.sum

# The tags and flags that make a Lambda binary small: no RPC mode, no symbols, no paths of the machine it was built on.
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -tags lambda.norpc

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2

.PHONY: demo
demo: setup host tool ## Move 200 users (USERS=…) between two local pools and show the report; KEEP=1 leaves it running
	@go run ./sandbox/cmd/demo

# Six tests at once in a package: most wait more than they compute.
.PHONY: test
test: setup host ## Run all tests, against DynamoDB Local and two local user pools
	@command -v chromium >/dev/null || echo "No browser is found (chromium): nobody looks at the report's page in these tests."
	go test -parallel 6 ./...
	go test ./pkg/signin -run '^$$' -fuzz FuzzInvoke -fuzztime 20000x
	go test ./pkg/ledger/spool -run '^$$' -fuzz FuzzParse -fuzztime 50000x

.PHONY: bench
bench: setup host ## Measure a sign-in against the floor, the cold start and memory; print a table
	@go build -o build/host/bench ./sandbox/cmd/bench
	@build/host/bench
	@go test -run '^$$' -bench . -benchmem ./pkg/...

.PHONY: chaos
chaos: setup host ## Have 2,000 users sign in while everything fails at random, and prove that nothing was lost (a few minutes)
	@go build -o build/host/chaos ./sandbox/cmd/chaos
	@build/host/chaos

.PHONY: simulate
simulate: ## Hold the verdicts of readiness to migrations whose users' habits are known; print tables (a few minutes)
	@go run ./sandbox/cmd/simulate

.PHONY: census
census: setup host tool ## Count 100,000 users (CENSUS_USERS=…) of a local pool at the rate that is set, killed and disturbed on the way (some minutes)
	CENSUS_USERS=$(or $(CENSUS_USERS),100000) go test ./e2e -run '^TestCensusOfMany$$' -count=1 -timeout=60m -v

.PHONY: build
build: host $(FUNCTIONS:%=build/%/bootstrap) ## Build the functions to deploy (linux/arm64), and for this machine

# A deployment says which version it is of by the tool.
deploy: tool

.PHONY: tool
tool: ## Build the operator's tool, build/migration
	CGO_ENABLED=0 go build -trimpath -o build/migration ./cmd/migration

# A linter's cache that checkouts share names files of other checkouts.
.PHONY: lint
lint: ## Check formatting, vet and golangci-lint
	@unformatted=$$(go run mvdan.cc/gofumpt@v0.12.0 -l .); [ -z "$$unformatted" ] || { echo "not formatted by gofumpt:"; echo "$$unformatted"; exit 1; }
	go vet ./...
	GOLANGCI_LINT_CACHE="$(CURDIR)/.cache/golangci-lint" $(GOLANGCI_LINT) run

.PHONY: package
package: build ## Put what a deployment needs beyond the AWS CLI into build/release: the templates, and a zip for each function
	@rm -rf build/release
	@go run ./deploy/bundle build/release

.PHONY: setup
setup: ## Install what demo and test need beyond Go, into .cache
	@command -v go >/dev/null || { echo "Go is needed: https://go.dev/doc/install" >&2; exit 1; }
	@sandbox/setup

.PHONY: clean
clean: ## Remove what was built and installed here
	rm -rf build .cache

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: host
host: $(FUNCTIONS:%=build/host/%/bootstrap)

build/host/%/bootstrap: $(GO_SOURCES)
	@mkdir -p $(@D)
	$(BUILD) -o $@ ./functions/$*

build/%/bootstrap: $(GO_SOURCES)
	@mkdir -p $(@D)
	GOOS=linux GOARCH=arm64 $(BUILD) -o $@ ./functions/$*
