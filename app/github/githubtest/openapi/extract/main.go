// Extract cuts the operations that Anvil uses out of GitHub's OpenAPI description,
// with the schemas that they need, and leaves out all prose and examples.
//
// The description comes from npm, package @octokit/openapi, MIT licence:
//
//	npm pack @octokit/openapi@23.0.2
//	tar xzf octokit-openapi-23.0.2.tgz package/generated/api.github.com.json
//	go run ./app/github/githubtest/openapi/extract -version 23.0.2 \
//	  package/generated/api.github.com.json > app/github/githubtest/openapi/github.json
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
)

// operations are those that the simulated GitHub serves and GitHub documents.
var operations = []string{
	"GET /app",
	"GET /app/hook/config",
	"GET /app/hook/deliveries",
	"GET /app/hook/deliveries/{delivery_id}",
	"POST /app/hook/deliveries/{delivery_id}/attempts",
	"GET /app/installations",
	"GET /app/installations/{installation_id}",
	"POST /app/installations/{installation_id}/access_tokens",
	"GET /installation/repositories",
	"DELETE /applications/{client_id}/token",
	"DELETE /installation/token",
	"GET /orgs/{org}/installation",
	"GET /rate_limit",
	"GET /repos/{owner}/{repo}",
	"GET /repos/{owner}/{repo}/actions/jobs/{job_id}",
	"GET /repos/{owner}/{repo}/actions/jobs/{job_id}/logs",
	"GET /repos/{owner}/{repo}/actions/runs",
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}",
	"POST /repos/{owner}/{repo}/actions/runs/{run_id}/cancel",
	"POST /repos/{owner}/{repo}/actions/runs/{run_id}/force-cancel",
	"GET /repos/{owner}/{repo}/actions/runs/{run_id}/jobs",
	"GET /repos/{owner}/{repo}/actions/workflows",
	"GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}",
	"POST /repos/{owner}/{repo}/actions/workflows/{workflow_id}/dispatches",
	"GET /repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
	"GET /repos/{owner}/{repo}/branches/{branch}",
	"POST /repos/{owner}/{repo}/check-runs",
	"GET /repos/{owner}/{repo}/check-runs/{check_run_id}",
	"PATCH /repos/{owner}/{repo}/check-runs/{check_run_id}",
	"GET /repos/{owner}/{repo}/collaborators/{username}/permission",
	"GET /repos/{owner}/{repo}/commits/{ref}",
	"GET /repos/{owner}/{repo}/commits/{ref}/check-runs",
	"GET /repos/{owner}/{repo}/compare/{basehead}",
	"GET /repos/{owner}/{repo}/contents/{path}",
	"GET /repos/{owner}/{repo}/git/commits/{commit_sha}",
	"POST /repos/{owner}/{repo}/git/commits",
	"GET /repos/{owner}/{repo}/git/matching-refs/{ref}",
	"GET /repos/{owner}/{repo}/git/ref/{ref}",
	"POST /repos/{owner}/{repo}/git/refs",
	"PATCH /repos/{owner}/{repo}/git/refs/{ref}",
	"DELETE /repos/{owner}/{repo}/git/refs/{ref}",
	"GET /repos/{owner}/{repo}/installation",
	"GET /repos/{owner}/{repo}/issues",
	"POST /repos/{owner}/{repo}/issues",
	"GET /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"PATCH /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}",
	"GET /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
	"POST /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions",
	"DELETE /repos/{owner}/{repo}/issues/comments/{comment_id}/reactions/{reaction_id}",
	"GET /repos/{owner}/{repo}/issues/{issue_number}",
	"PATCH /repos/{owner}/{repo}/issues/{issue_number}",
	"GET /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/comments",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/labels",
	"DELETE /repos/{owner}/{repo}/issues/{issue_number}/labels/{name}",
	"GET /repos/{owner}/{repo}/issues/{issue_number}/reactions",
	"POST /repos/{owner}/{repo}/issues/{issue_number}/reactions",
	"DELETE /repos/{owner}/{repo}/issues/{issue_number}/reactions/{reaction_id}",
	"GET /repos/{owner}/{repo}/pulls",
	"POST /repos/{owner}/{repo}/pulls",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}",
	"POST /repos/{owner}/{repo}/pulls/{pull_number}/comments/{comment_id}/replies",
	"POST /repos/{owner}/{repo}/pulls/{pull_number}/requested_reviewers",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/reviews/{review_id}/comments",
	"PATCH /repos/{owner}/{repo}/pulls/{pull_number}",
	"GET /repos/{owner}/{repo}/pulls/{pull_number}/files",
	"GET /user",
	"GET /user/{account_id}",
	"GET /users/{username}",
	"GET /users/{username}/installation",
}

// prose is what no validator reads.
var prose = []string{"description", "summary", "example", "examples", "externalDocs", "tags", "title", "x-github", "x-webhooks", "operationId"}

func main() {
	version := flag.String("version", "", "version of the npm package")
	flag.Parse()
	if err := run(flag.Arg(0), *version); err != nil {
		fmt.Fprintln(os.Stderr, "extract:", err)
		os.Exit(1)
	}
}

func run(path, version string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return err
	}
	paths := map[string]any{}
	for _, op := range operations {
		method, path, _ := strings.Cut(op, " ")
		item, _ := all["paths"].(map[string]any)[path].(map[string]any)
		found, is := item[strings.ToLower(method)]
		if !is {
			return fmt.Errorf("%s is not documented", op)
		}
		kept, _ := paths[path].(map[string]any)
		if kept == nil {
			kept = map[string]any{}
			paths[path] = kept
		}
		kept[strings.ToLower(method)] = strip(found, false)
	}
	components := map[string]any{}
	collect(all, paths, components)
	info := all["info"].(map[string]any)
	out, err := json.Marshal(map[string]any{
		"openapi": all["openapi"], "paths": paths, "components": components,
		"info": map[string]any{"title": info["title"], "version": info["version"], "license": info["license"],
			"description": "An extract of GitHub's OpenAPI description: npm @octokit/openapi@" + version + ", generated/api.github.com.json (MIT). " +
				"Prose, examples and all operations that Anvil does not use are left out. Made by app/github/githubtest/openapi/extract."},
	})
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(out, '\n'))
	return err
}

// strip removes prose. In a map of names (properties, headers …) each key is a
// name, whatever it says.
func strip(v any, names bool) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if !names && slices.Contains(prose, k) {
				if k == "description" && v["content"] != nil {
					out[k] = "" // a response must have one
				}
				continue
			}
			inner := !names && slices.Contains([]string{"properties", "patternProperties", "responses", "headers", "content"}, k)
			out[k] = strip(x, inner)
		}
		if _, has := v["description"]; has && !names && v["type"] == nil && v["schema"] == nil && v["$ref"] == nil && out["description"] == nil {
			out["description"] = "" // of a response without content
		}
		return out
	case []any:
		var out []any
		for _, x := range v {
			out = append(out, strip(x, false))
		}
		if out == nil {
			return []any{}
		}
		return out
	}
	return v
}

// collect adds everything that v refers to, and what that refers to.
func collect(all map[string]any, v any, into map[string]any) {
	switch v := v.(type) {
	case map[string]any:
		if ref, is := v["$ref"].(string); is {
			parts := strings.Split(strings.TrimPrefix(ref, "#/components/"), "/")
			kind, _ := into[parts[0]].(map[string]any)
			if kind == nil {
				kind = map[string]any{}
				into[parts[0]] = kind
			}
			if _, has := kind[parts[1]]; !has {
				found := strip(all["components"].(map[string]any)[parts[0]].(map[string]any)[parts[1]], false)
				kind[parts[1]] = found
				collect(all, found, into)
			}
		}
		for _, x := range v {
			collect(all, x, into)
		}
	case []any:
		for _, x := range v {
			collect(all, x, into)
		}
	}
}
