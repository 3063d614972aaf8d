//go:build unix

package confine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What the machine's layer has is taken from there, and nothing is left in it.
func TestGoCacheHasTwoLayers(t *testing.T) {
	t.Parallel()
	machine, own, action, output := t.TempDir(), t.TempDir(), []byte{1, 2}, []byte{3, 4}
	below := goCache{own: machine, machine: t.TempDir()}
	if _, err := below.put(action, output, []byte("built elsewhere")); err != nil {
		t.Fatal(err)
	}
	var in, out bytes.Buffer
	ask := func(r map[string]any, body any) {
		for _, v := range []any{r, body} {
			if v != nil {
				_ = json.NewEncoder(&in).Encode(v)
			}
		}
	}
	ask(map[string]any{"ID": 1, "Command": "get", "ActionID": action}, nil)
	ask(map[string]any{"ID": 2, "Command": "get", "ActionID": []byte{9}}, nil)
	ask(map[string]any{"ID": 3, "Command": "put", "ActionID": []byte{9}, "OutputID": []byte{8}, "BodySize": 4}, []byte("mine"))
	ask(map[string]any{"ID": 4, "Command": "get", "ActionID": []byte{9}}, nil)
	ask(map[string]any{"ID": 5, "Command": "dance"}, nil)
	ask(map[string]any{"ID": 6, "Command": "close"}, nil)
	if err := (goCache{own: own, machine: machine}).serve(&in, &out); err != nil {
		t.Fatal(err)
	}
	var got []string
	for answers := json.NewDecoder(&out); answers.More(); {
		var a goCacheAnswer
		if err := answers.Decode(&a); err != nil {
			t.Fatal(err)
		}
		text, _ := os.ReadFile(a.DiskPath)
		got = append(got, fmt.Sprint(a.ID, a.Miss, a.Size, string(text), a.Err != ""))
		if rel, err := filepath.Rel(own, a.DiskPath); a.ID == 3 && (err != nil || strings.HasPrefix(rel, "..")) {
			t.Errorf("what was put is at %s", a.DiskPath)
		}
	}
	want := []string{"0false0false", "1false15built elsewherefalse", "2true0false", "3false0minefalse", "4false4minefalse", "5false0true", "6false0false"}
	for i := range want {
		if i >= len(got) || strings.ReplaceAll(got[i], " ", "") != strings.ReplaceAll(want[i], " ", "") {
			t.Errorf("answers %q, want %q", got, want)
			break
		}
	}
	left := 0
	_ = filepath.WalkDir(machine, func(string, os.DirEntry, error) error { left++; return nil })
	if left != 5 { // itself, two directories, two files
		t.Errorf("%d entries in the machine's layer", left)
	}
}

// An entry that somebody has damaged is a miss, not an answer.
func TestGoCacheTakesNoDamagedEntry(t *testing.T) {
	t.Parallel()
	c := goCache{own: t.TempDir(), machine: t.TempDir()}
	action := []byte{1, 2}
	path, err := c.put(action, []byte{3, 4}, []byte("whole"))
	if err != nil || c.get(action).Miss {
		t.Fatalf("%v", err)
	}
	if err := os.WriteFile(path, []byte("cut"), 0o600); err != nil {
		t.Fatal(err)
	}
	if !c.get(action).Miss {
		t.Error("a cut output was taken")
	}
	for _, entry := range []string{"", "v1", "v1 0102 zz 5 1\n", "v1 ffff 0304 5 1\n", "v1 0102 0304 x 1\n"} {
		if err := os.WriteFile(place(c.own, action, "-a"), []byte(entry), 0o600); err != nil {
			t.Fatal(err)
		}
		if !c.get(action).Miss {
			t.Errorf("%q was taken", entry)
		}
	}
}
