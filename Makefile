# Each target is one command. `./scripts/test` needs no make.

# The versions of all tools, here and nowhere else.
GOLANGCI_LINT = go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOFUMPT       = go run mvdan.cc/gofumpt@v0.9.2
GOVULNCHECK   = go run golang.org/x/vuln/cmd/govulncheck@v1.1.4

FUZZTIME ?= 30s
PACKAGES ?= ./...

.PHONY: all fmt-check fmt lint test test-peers fuzz bench bench-gateway bench-dev torture vuln build

all: fmt-check lint test

fmt-check: # fails if a file is not formatted, and names it
	@files=$$($(GOFUMPT) -l .) && { test -z "$$files" || { echo "not gofumpt-ed, run make fmt:"; echo "$$files"; exit 1; }; }

fmt:
	$(GOFUMPT) -w .

lint:
	$(GOLANGCI_LINT) run $(PACKAGES)

test: # without XMPP servers
	RESTANZA_TEST_PEERS= ./scripts/test $(PACKAGES)

test-peers: # everything, with real XMPP servers
	./scripts/test $(PACKAGES)

fuzz: # every fuzz target, one after the other, for FUZZTIME each
	FUZZTIME=$(FUZZTIME) ./scripts/fuzz $(PACKAGES)

bench:
	go test -run '^$$' -bench . -benchmem $(PACKAGES)

bench-gateway: # the load tool; see docs/performance.md
	go run ./internal/load $(LOADFLAGS)

bench-dev: # 2,000 clients of restanza dev
	go run ./internal/load -dev 2000

torture: # fifty kills, twenty restarts of each server, trouble with callback and disk, a backlog of a million; see docs/reliability.md
	RESTANZA_TORTURE=50 RESTANZA_TEST_PEERS=$${RESTANZA_TEST_PEERS-prosody,ejabberd} go test . -run 'Durable_killed|Outbox_killedAtRandom|Durable_window' -count=1 -timeout 60m -v
	RESTANZA_TORTURE=20 RESTANZA_TEST_PEERS=$${RESTANZA_TEST_PEERS-prosody,ejabberd} go test . -run 'Server_restarted' -count=1 -timeout 60m -v
	go test . -run 'Callback_troubles|Disk_|Damage_' -count=1 -timeout 30m -v
	RESTANZA_TEST_BACKLOG=1000000 go test . -run 'TestBacklog$$' -count=1 -timeout 30m -v

vuln:
	$(GOVULNCHECK) $(PACKAGES)

build: # a static binary, ./restanza
	CGO_ENABLED=0 go build -trimpath -o restanza ./cmd/restanza
