# The verbs of this repository. `make help` lists them.
export CGO_ENABLED = 0
TOOL = go tool -modfile=.ci/tools/go.mod
# The coding agents that tests and the demo run, at the versions that the adapters
# were tried with (config/load.go says the same).
AGENTS = $(CURDIR)/.work/agents
CODEX = @openai/codex@0.169.0
CLAUDE = @anthropic-ai/claude-code@2.1.330
OPENCODE = opencode-ai@1.18.33
GEMINI = @google/gemini-cli@0.61.0
# GitHub's own parser of workflows, and what makes it one file.
PARSER = @actions/workflow-parser@0.3.61 esbuild@0.28.2
INSPECTOR = @modelcontextprotocol/inspector@1.0.3
# By which the simulated Linear and Slack are tried.
LINEAR = @linear/sdk@98.0.0
SLACK_API = @slack/web-api@7.19.0

.PHONY: help
help: ## list the verbs
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

.PHONY: build
build: ## build every program into bin/
	go build -o bin/ ./cmd/...

.PHONY: demo
demo: build ## the whole way from a comment to a pull request, on this machine; ONCE=1 ends after it and prints JSON; SLACK=1 asks in a simulated Slack; ENGINE=codex or claude for a real agent (MODEL=NAME with a key)
	@$(if $(filter codex,$(ENGINE)),command -v codex >/dev/null || .ci/agents $(AGENTS) $(CODEX))
	@$(if $(filter claude,$(ENGINE)),command -v claude >/dev/null || .ci/agents $(AGENTS) $(CLAUDE))
	@PATH="$$PATH:$(AGENTS)/node_modules/.bin" bin/anvil demo $(if $(ONCE),--once --json) $(if $(SLACK),--slack) $(if $(ENGINE),--engine $(ENGINE)) $(if $(MODEL),--model $(MODEL))

.PHONY: test
test: ## every test that runs anywhere with Go and git
	go test -timeout 15m ./...
	@echo "not run here: the workflow files themselves, which need act (make test-workflows), the hostile agent, which needs bubblewrap (make test-hostile), Docker and Podman (make test-containers), the real coding agents, which npm installs (make test-agents), dev containers, which need container engines (make test-devcontainer), and the measurements, which need a quiet machine (make bench)"

.PHONY: test-agents
test-agents: ## the real Codex CLI and Claude Code, installed by npm, from an issue to a pull request with a scripted model, and OpenCode and Gemini CLI by theirs; what a runner fetches, as npm has it; and Linear's and Slack's own clients against the simulated ones
	.ci/agents $(AGENTS) $(CODEX) $(CLAUDE) $(OPENCODE) $(GEMINI) $(INSPECTOR) $(LINEAR) $(SLACK_API)
	ANVIL_AGENTS=$(AGENTS)/node_modules/.bin go test -count=1 -timeout 10m -run 'TestReal' ./action/agent ./action/tool ./app/apptest ./app/gateway/modeltest ./app/tools ./app/linear/lineartest ./app/slack/slacktest

.PHONY: test-workflows
test-workflows: ## run the workflow files and action.yml themselves, under act, against the simulated GitHub, and read by GitHub's own parser
	go build -modfile=.ci/tools/go.mod -o bin/ github.com/nektos/act github.com/rhysd/actionlint/cmd/actionlint
	.ci/agents $(CURDIR)/.work/parser $(PARSER)
	ANVIL_WORKFLOW_PARSER=$(CURDIR)/.work/parser/node_modules ANVIL_ACT=$(CURDIR)/bin/act ANVIL_ACTIONLINT=$(CURDIR)/bin/actionlint go test -count=1 -timeout 10m -run TestWorkflow ./app/workflowtest

.PHONY: test-hostile
test-hostile: ## a hostile agent in the agent's place: each attack and what it reached; needs bubblewrap or Docker
	ANVIL_HOSTILE=1 go test -count=1 -timeout 10m -run 'TestHostile' -v ./app/apptest

.PHONY: test-containers
test-containers: ## what contains an agent, in bubblewrap, Docker and Podman, as root and as another user; needs root on Linux with Debian's packages
	.ci/containers

.PHONY: test-devcontainer
test-devcontainer: ## dev containers, Codex in one of them, and the cache of their images, on container engines and a registry of its own; needs root on Linux with Debian's packages
	.ci/agents $(AGENTS) $(CODEX)
	ANVIL_AGENTS=$(AGENTS)/node_modules/.bin .ci/devcontainer .ci/devcontainer-tests

.PHONY: test-buildkit
test-buildkit: ## the cache of images with a builder of one's own, a BuildKit that is built for it from source
	.ci/devcontainer .ci/buildkit

.PHONY: lint
lint: ## gofmt, vet, staticcheck, actionlint, go mod tidy
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w on:"; echo "$$unformatted"; exit 1; fi
	go vet ./...
	$(TOOL) staticcheck ./...
	$(TOOL) actionlint .github/workflows/*.yml config/workflow/*.yml
	go mod tidy -diff

.PHONY: bench
bench: ## measure, as ratios against a peer or a limit in the same run
	go test -count=1 -timeout 25m -run TestBench -v ./bench

.PHONY: release
release: ## every program of a release into dist/, built twice and compared; VERSION=vX.Y.Z
	.ci/release $(VERSION) dist

.PHONY: runner-image
runner-image: ## build runner-image/ from a Debian of its own and look at what came out; needs root on Linux with Debian's packages
	.ci/runner-image

.PHONY: clean
clean: ## remove what was built
	rm -rf bin dist
