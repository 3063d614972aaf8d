package devcontainer

import (
	"reflect"
	"testing"
)

func TestReadSettings(t *testing.T) {
	t.Parallel()
	got, err := ReadSettings([]byte(`[
		{"remoteUser": "base", "containerUser": "c", "containerEnv": {"A": "base", "B": "base"}, "onCreateCommand": "base"},
		{"id": "tool", "remoteEnv": {"B": null, "C": "tool"}, "postCreateCommand": {"b": "two", "a": ["one", "word"]}},
		{"remoteUser": "dev", "containerEnv": {"A": "own"}, "remoteEnv": {"C": "own"}, "onCreateCommand": ["own"], "postAttachCommand": "editor", "postStartCommand": ""}
	]`))
	want := Settings{
		User: "dev", Env: map[string]string{"A": "own", "C": "own"},
		Commands: []Command{
			{Hook: "onCreateCommand", Argv: []string{"/bin/sh", "-c", "base"}},
			{Hook: "onCreateCommand", Argv: []string{"own"}},
			{Hook: "postCreateCommand", Name: "a", Argv: []string{"one", "word"}},
			{Hook: "postCreateCommand", Name: "b", Argv: []string{"/bin/sh", "-c", "two"}},
		},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
	if got, err := ReadSettings([]byte(`[{"containerUser": "c"}]`)); err != nil || got.User != "c" {
		t.Errorf("the container's user: %+v, %v", got, err)
	}
	for _, text := range []string{`{}`, `[{"onCreateCommand": 1}]`, `[{"postCreateCommand": {"a": {"b": "c"}}}]`, `[{"remoteEnv": {"A": 1}}]`} {
		if code, _ := codeOf(func() error { _, err := ReadSettings([]byte(text)); return err }()); code != CodeConfig {
			t.Errorf("%s: code %q", text, code)
		}
	}
}
