# The verbs of this repository. `make help` lists them.
export CGO_ENABLED = 0
TOOL = go tool -modfile=.ci/tools/go.mod

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## build every program into bin/
	go build -o bin/ ./cmd/...

.PHONY: demo
demo: build ## the whole way from a comment to a pull request, on this machine; ONCE=1 ends after it and prints JSON
	@bin/anvil demo $(if $(ONCE),--once --json)

.PHONY: test
test: ## every test that runs anywhere with Go and git
	go test -timeout 15m ./...
	@echo "not run here: the workflow files themselves, which need act (make test-workflows), and the measurements, which need a quiet machine (make bench)"

.PHONY: test-workflows
test-workflows: ## run the workflow files and action.yml themselves, under act, against the simulated GitHub
	go build -modfile=.ci/tools/go.mod -o bin/ github.com/nektos/act github.com/rhysd/actionlint/cmd/actionlint
	ANVIL_ACT=$(CURDIR)/bin/act ANVIL_ACTIONLINT=$(CURDIR)/bin/actionlint go test -count=1 -timeout 10m -run TestWorkflow ./app/workflowtest

.PHONY: lint
lint: ## gofmt, vet, staticcheck, actionlint, go mod tidy
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) actionlint .github/workflows/*.yml config/workflow/*.yml
	go mod tidy -diff

.PHONY: bench
bench: ## measure, as ratios against a peer or a limit in the same run
	go test -count=1 -timeout 10m -run TestBench -v ./bench

.PHONY: clean
clean: ## remove what was built
	rm -rf bin
