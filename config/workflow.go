package config

import _ "embed"

// CallerWorkflow is the workflow file that a repository needs: what users copy to
// .github/workflows/anvil.yml.
//
//go:embed workflow/anvil.yml
var CallerWorkflow []byte

// StandaloneWorkflow is what a repository without a server has in its place.
//
//go:embed workflow/standalone.yml
var StandaloneWorkflow []byte

// ExampleRules is .github/anvil.yml with every key explained.
//
//go:embed policy.example.yml
var ExampleRules []byte
