# Bare `make` prints this help.
SHELL := /bin/bash
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 20
GO := go
REHEARSE = scripts/ready.sh rehearse && scripts/synth.sh && { test -x .build/rehearse || echo '  rehearsal (downloads its Go modules and compiles the first time, two or three minutes) …'; } && $(GO) build -o .build/rehearse ./cmd/rehearse && exec .build/rehearse

.DEFAULT_GOAL := help
.PHONY: help ready rehearse rehearse-switch rehearse-migrate test lint race sweep bench fuzz golden synth build clean check

help: ## print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

rehearse: ## watch a refresh in two simulated accounts (ARGS='--help' for options)
	@$(REHEARSE) refresh $(ARGS)

rehearse-switch: ## watch the staging application go back to the data it had before
	@$(REHEARSE) switch $(ARGS)

rehearse-migrate: ## watch a production cluster being migrated under a client that keeps writing
	@$(REHEARSE) migrate $(ARGS)

ready: ## set everything up and synthesise, without running
	@scripts/ready.sh all
	@scripts/synth.sh

test: ## run all tests
	@scripts/ready.sh test
	@$(GO) vet ./cmd/... ./internal/... ./functions/... ./infra/... ./events/... ./statemachines/...
	@GOOS=darwin $(GO) vet ./cmd/... ./internal/...
	$(GO) test -timeout 1800s ./cmd/... ./internal/... ./functions/... ./infra/... ./events/... ./statemachines/...

lint: ## gofmt, asl-validator and cfn-lint
	@scripts/ready.sh lint
	@scripts/synth.sh
	@scripts/lint.sh

race: ## all tests under the race detector
	@scripts/ready.sh test
	$(GO) test -race -timeout 1800s ./internal/...

sweep: ## disturb a refresh and a migration at every state in every way, and go on (about half an hour)
	@scripts/ready.sh test
	DBFERRY_SWEEP=1 $(GO) test -timeout 1800s -run 'TestEveryState$$|TestEvery.*Switch' ./internal/rehearsal
	DBFERRY_SWEEP=1 $(GO) test -timeout 3600s -run 'TestEvery|TestStoppedAnywhere|Disturbed' ./internal/migrate

bench: ## benchmarks; waiting, limits, prices, wall time and memory at the end
	@scripts/ready.sh rehearse
	$(GO) test -run '^$$' -bench . $$($(GO) list ./internal/... | grep -v /internal/scale$$)
	GOGC=400 $(GO) test -run '^$$' -bench . -benchtime 1x -timeout 1800s ./internal/scale

fuzz: ## fuzz each parser of outside input for a while (FUZZTIME=20s, FUZZ=name)
	@scripts/fuzz.sh

golden: ## write the golden files of packages that have some
	$(GO) test ./infra/stack ./internal/report ./internal/keypolicy ./internal/check ./internal/migrate ./internal/rehearsal ./internal/ground ./internal/template -update

synth: ## synthesise the templates with the real functions, into cdk.out
	npx cdk synth --quiet

build: ## compile everything
	$(GO) build ./cmd/... ./internal/... ./functions/... ./infra/... ./events/... ./statemachines/...

check: lint test ## what continuous integration runs, and lint

clean: ## remove what was built
	rm -rf .build cdk.out .cache/assembly
