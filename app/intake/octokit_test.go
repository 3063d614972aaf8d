package intake

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// exampleDir is where GitHub's own example payloads are kept; the door's tests use
// them too. Its README says which version they are.
const exampleDir = "../hook/testdata/octokit"

// Payloads as GitHub really sends them are read without an error, and none of
// them, which know nothing of this App, starts anything.
func TestGitHubsOwnExamples(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat(exampleDir); errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("GitHub's example payloads are not in %s", exampleDir)
	}
	testExamples(t, exampleDir)
}

func testExamples(t *testing.T, dir string) {
	t.Helper()
	read := map[string]int{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, e := range exampleEvents(t, path, text) {
			for _, body := range e.Examples {
				read[e.Name]++
				checkExample(t, e.Name, body)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"issue_comment", "issues", "installation", "installation_repositories", "ping"} {
		if read[event] == 0 {
			t.Errorf("no example of %s was found among %v", event, read)
		}
	}
}

type exampleEvent struct {
	Name     string            `json:"name"`
	Examples []json.RawMessage `json:"examples"`
}

// exampleEvents reads a file of all events, or of one payload: EVENT.….json, or
// in a folder that is named for its event.
func exampleEvents(t *testing.T, path string, text []byte) []exampleEvent {
	t.Helper()
	var all []exampleEvent
	if json.Unmarshal(text, &all) == nil {
		return all
	}
	if event := filepath.Base(filepath.Dir(path)); handled(event) {
		return []exampleEvent{{Name: event, Examples: []json.RawMessage{text}}}
	}
	event, _, _ := strings.Cut(strings.TrimSuffix(filepath.Base(path), ".json"), ".")
	return []exampleEvent{{Name: event, Examples: []json.RawMessage{text}}}
}

func checkExample(t *testing.T, event string, body []byte) {
	t.Helper()
	r := reader()
	r.Self.AppID = 0 // the examples are of several Apps
	got, err := r.Parse(anvil.Delivery{ID: "example", Event: event, Body: body})
	if err != nil {
		t.Errorf("%s: %v", event, err)
		return
	}
	if got.Request != nil {
		t.Errorf("%s: it asks for something: %+v", event, got.Request)
	}
	if change := strings.HasPrefix(event, "installation"); change != (got.Change != nil) || (change || got.Gone != nil) != (got.Decision == anvil.Accepted) {
		t.Errorf("%s: got %s %q with change %+v", event, got.Decision, got.Reason, got.Change)
	}
	// As GitHub sends it to an App: with an installation. Then a comment that holds
	// a command is one.
	var payload o
	if err := json.Unmarshal(body, &payload); err != nil {
		t.Errorf("%s: %v", event, err)
		return
	}
	if comment, ok := payload["comment"].(o); ok && event == "issue_comment" && payload["action"] == "created" {
		payload["installation"] = o{"id": 1}
		comment["body"] = "/anvil fix it"
		comment["performed_via_github_app"] = nil
		body, err := json.Marshal(payload)
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.Parse(anvil.Delivery{ID: "example", Event: event, Body: body})
		if err != nil || got.Request == nil || got.Request.Command.Requester.ID == 0 || got.Request.Command.Thread.Repository.ID == 0 || got.Request.Command.Thread.Issue == 0 {
			t.Errorf("%s with a command: %+v %v", event, got, err)
		}
	}
}
