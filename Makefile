# `make` or `make help` lists what there is.

# Without a home (a bare container, a build daemon) Go, npm and Chromium keep
# their caches in this directory.
ifeq ($(strip $(HOME)),)
export HOME := $(CURDIR)/.cache/home
export GOPATH := $(CURDIR)/.cache/go
export GOMODCACHE := $(CURDIR)/.cache/go/pkg/mod
export GOCACHE := $(CURDIR)/.cache/go-build
$(shell mkdir -p $(HOME))
endif

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
FUZZTIME ?= 10s
TESTFLAGS ?=
BENCHFLAGS ?=
SOAK ?= 30m
IMAGE_ARCHS ?= amd64 arm64
BIN ?= bin
HA_PASSES ?= 1

.DEFAULT_GOAL := help
.PHONY: help run build test test-race screenshots referees checks lint generate check-generated bench soak ha ha-short fuzz upgrade docker deps clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: deps build ## build and start the development provider, with a demo application and a wallet
	@exec bin/idp dev

# What the environment says must not get into what is published.
GOBUILD = env GOFLAGS= GOEXPERIMENT= GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=0 go build -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION)'
# With the same flags, so that it is made of the same compiled packages.
RELEASE = env GOFLAGS= GOEXPERIMENT= GOAMD64=v1 GOARM64=v8.0 CGO_ENABLED=0 go run -trimpath ./internal/release

build: ## build bin/idp: static, stripped, reproducible
	@$(GOBUILD) -o bin/idp ./cmd/idp

test: ## run every test, with those that need a browser or Node.js
	@scripts/deps.sh --browser --node --rp --ha
	go test -timeout 30m $(TESTFLAGS) ./...

test-race: ## run every test under the race detector; needs a C compiler
	@scripts/deps.sh --browser --node --rp --ha
	CGO_ENABLED=1 go test -race -timeout 30m $(TESTFLAGS) ./...

screenshots: ## write a picture of every state of every page to artifacts/
	@scripts/deps.sh --browser --node
	@mkdir -p artifacts
	IDP_ARTIFACTS='$(CURDIR)/artifacts' go test -count=1 -run 'TestLooks' $(TESTFLAGS) ./internal/e2e

referees: ## have Keycloak and other relying parties sign in; say which could not be had
	@scripts/referees.sh $(TESTFLAGS)

checks: ## print the security checks with their tests; fail if one has none
	@go run ./internal/checks

lint: ## check formatting, go vet and staticcheck
	@scripts/lint.sh

generate: ## generate the templates' Go and the pages' JavaScript
	go generate ./...

check-generated: ## fail if the committed generated files are stale
	@scripts/check-generated.sh

bench: deps build ## measure beside a floor program: rates, latency, CPU, WAL, memory, size, start; docs/performance.md
	@go run ./internal/bench $(BENCHFLAGS)

soak: deps build ## sign in for SOAK (30m), and fail if memory or tables grow
	@go run ./internal/bench -soak $(SOAK) $(BENCHFLAGS)

ha: ## kill, cut off and mislead two replicas and their database under load; HA_PASSES=3 for three passes
	@scripts/deps.sh --ha
	IDP_HA=full go test -count=$(HA_PASSES) -timeout 60m -v -run TestFaultsUnderLoad ./internal/ha

ha-short: ## make ha with faults of a second or two each
	@scripts/deps.sh --ha
	IDP_HA=short go test -count=1 -timeout 15m -v -run TestFaultsUnderLoad ./internal/ha

fuzz: deps ## run every fuzz target for FUZZTIME (10s) each
	@scripts/fuzz.sh $(FUZZTIME)

upgrade: deps ## replace an earlier build by this one while people sign in
	IDP_UPGRADE=1 go test -count=1 -v -run TestUpgrade ./internal/e2e

.PHONY: image sbom reproducible
image: $(IMAGE_ARCHS:%=image-%) ## write the container image of each of IMAGE_ARCHS to bin, without Docker

image-%:
	@mkdir -p $(BIN)
	@GOOS=linux GOARCH=$* $(GOBUILD) -o $(BIN)/idp-linux-$* ./cmd/idp
	@$(RELEASE) image -binary $(BIN)/idp-linux-$* -arch $* -version '$(VERSION)' -o $(BIN)/near-idp-linux-$*.tar
	@printf '%s\n' $(BIN)/near-idp-linux-$*.tar

sbom: $(IMAGE_ARCHS:%=sbom-%) ## write the bill of materials of the program for each of IMAGE_ARCHS to bin (CycloneDX)

sbom-%:
	@mkdir -p $(BIN)
	@GOOS=linux GOARCH=$* $(GOBUILD) -o $(BIN)/idp-linux-$* ./cmd/idp
	@$(RELEASE) sbom -binary $(BIN)/idp-linux-$* -version '$(VERSION)' -o $(BIN)/idp-linux-$*.cdx.json
	@printf '%s\n' $(BIN)/idp-linux-$*.cdx.json

reproducible: ## fail unless two builds in two places are the same, byte for byte
	@scripts/reproducible.sh '$(VERSION)'

docker: ## build the container image near-idp with Docker
	docker build --build-arg VERSION=$(VERSION) -t near-idp .

deps: ## install what is missing, or say what to install
	@scripts/deps.sh

clean: ## remove what was built, and the caches kept here
	@rm -rf artifacts bin internal/e2e/node_modules internal/referees/node/node_modules examples/*/node_modules
	@if [ -d .cache ]; then chmod -R u+w .cache && rm -rf .cache; fi
