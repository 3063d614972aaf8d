package devcontainer

import (
	"slices"
	"testing"
)

func TestFolder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, tree, folder, code string }{
		{`{}`, "/workspaces/web", "/workspaces/web", ""},
		{`{"workspaceFolder": "/workspaces/${localWorkspaceFolderBasename}/api/"}`, "/workspaces/web", "/workspaces/web/api", ""},
		{`{"workspaceFolder": "${containerWorkspaceFolder}"}`, "/workspaces/web", "/workspaces/web", ""},
		{`{"workspaceFolder": "/workspace"}`, "/workspace", "/workspace", ""},
		{`{"workspaceFolder": "/home/dev/web"}`, "/home/dev/web", "/home/dev/web", ""},
		{`{"workspaceFolder": "/"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "relative"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "/workspaces/web/../../etc"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "/anvil/bin"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "/usr/bin"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "/tmp"}`, "", "", CodeConfig},
		{`{"workspaceFolder": "/x,target=/etc"}`, "", "", CodeConfig},
	} {
		found, err := Find(repository(t, map[string]string{".devcontainer.json": c.text}), "")
		if err != nil {
			t.Fatal(err)
		}
		tree, folder, err := found.Folder("web")
		if code, _ := codeOf(err); tree != c.tree || folder != c.folder || code != c.code {
			t.Errorf("%s: tree %q, folder %q, %v", c.text, tree, folder, err)
		}
	}
}

// References are replaced in values and commands; what the shell replaces is left to it.
func TestAt(t *testing.T) {
	t.Parallel()
	got := Settings{
		Env: map[string]string{"PATH": "${containerEnv:PATH}:${containerEnv:HOME}/bin", "A": "${localEnv:SECRET}-${localEnv:X:default}-${containerEnv:NONE:b}"},
		Commands: []Command{
			{Hook: "postCreateCommand", Argv: []string{"/bin/sh", "-c", "cd ${containerWorkspaceFolder} && echo ${HOME} ${1:-x}"}},
			{Hook: "postStartCommand", Name: "two", Argv: []string{"it's", "${localWorkspaceFolderBasename}"}},
		},
	}.At(Place{Environ: []string{"PATH=/bin", "HOME=/root"}, Folder: "/workspaces/web", Home: "/anvil/home"})
	if want := []string{"A=-default-b", "PATH=/bin:/anvil/home/bin"}; !slices.Equal(got.Environ(), want) {
		t.Errorf("environment %q, want %q", got.Environ(), want)
	}
	if line := got.Commands[0].Line(); line != "cd /workspaces/web && echo ${HOME} ${1:-x}" {
		t.Errorf("a line became %q", line)
	}
	if line := got.Commands[1].Line(); line != `'it'\''s' 'web'` || got.Commands[1].String() != "postStartCommand two" {
		t.Errorf("words became %s of %s", line, got.Commands[1])
	}
}
