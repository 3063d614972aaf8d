package config

import _ "embed"

// CallerWorkflow is the workflow file that a repository needs: what users copy to
// .github/workflows/anvil.yml.
//
//go:embed workflow/anvil.yml
var CallerWorkflow []byte
