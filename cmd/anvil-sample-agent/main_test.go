package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// With this variable set, the test binary is the agent.
const asAgent = "SAMPLE_AGENT_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asAgent) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

const (
	shop = `package shop

// Item is a line of a cart.
type Item struct{ Price, Count int }

// Total adds up the items; ten of a kind are cheaper.
func Total(items []Item) (sum int) {
	for i := 0; i < len(items); i++ {
		sum += price(items[i].Price, items[i].Count)
	}
	return sum
}

func price(each, n int) int {
	if n >= 10 {
		return each * n * 9 / 10
	}
	return each * n
}
`
	shopTest = `package shop

import "testing"

func TestTotal(t *testing.T) {
	if got := Total([]Item{{3, 2}, {5, 10}}); got != 51 {
		t.Errorf("Total = %d, want 51", got)
	}
	if got := Total([]Item{{7, 9}}); got != 63 {
		t.Errorf("Total of nine = %d, want 63", got)
	}
}
`
)

// tree makes a module with the given shop.go.
func tree(t *testing.T, source string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/shop\n\ngo 1.26\n", "shop.go": source, "shop_test.go": shopTest} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// ask runs the agent in dir and returns its answer.
func ask(t *testing.T, dir, prompt string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(prompt)
	cmd.Env = append(os.Environ(), asAgent+"=1", "GOFLAGS=-mod=mod", "GOWORK=off")
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, said.String())
	}
	answer := ""
	for line := range strings.Lines(out.String()) {
		var e struct{ Event, Text string }
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
			t.Errorf("not an event: %q", line)
		}
		if e.Event == "answer" {
			answer = e.Text
		}
	}
	return answer
}

// Each bug is found, repaired as it was before, and explained by place and line.
func TestRepair(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH")
	}
	for name, bug := range map[string][3]string{
		"comparison": {"n >= 10", "n > 10", "shop.go:15"},
		"first item": {"i := 0", "i := 1", "shop.go:8"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := tree(t, strings.Replace(shop, bug[0], bug[1], 1))
			answer := ask(t, dir, "please fix the failing test")
			got, err := os.ReadFile(filepath.Join(dir, "shop.go"))
			if err != nil || string(got) != shop {
				t.Errorf("shop.go is now (%v)\n%s", err, got)
			}
			for _, part := range []string{bug[2], bug[0], "TestTotal", "no language model"} {
				if !strings.Contains(answer, part) {
					t.Errorf("no %q in the answer: %s", part, answer)
				}
			}
			entries, err := os.ReadDir(dir)
			if err != nil || len(entries) != 3 {
				t.Errorf("it left something behind: %v %v", entries, err)
			}
		})
	}
}

// What no small edit repairs is left as it was, and that is said.
func TestRepairGivesUp(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("go is not on PATH")
	}
	source := strings.Replace(shop, "return sum", "return 0", 1)
	source = strings.Replace(source, "sum += price(items[i].Price, items[i].Count)", "_ = price(1, 2)", 1)
	dir := tree(t, source)
	if answer := ask(t, dir, "repair it"); !strings.Contains(answer, "I changed nothing that helps") {
		t.Errorf("answer: %s", answer)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "shop.go")); err != nil || string(got) != source {
		t.Errorf("shop.go was changed: %v\n%s", err, got)
	}
}

func TestNote(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	prompt := "Anvil prompt, format 1, boundary B0\n\nblocks follow\n\n[B0 instruction 16 bytes]\nnote: one [B0 x]\n[B0 end of instruction]\n"
	ask(t, dir, prompt)
	ask(t, dir, "note: two")
	got, err := os.ReadFile(filepath.Join(dir, changelog))
	if want := "# Changelog\n\n- one [B0 x]\n- two\n"; err != nil || string(got) != want {
		t.Errorf("got %q, want %q (%v)", got, want, err)
	}
	ask(t, dir, "write docs/a.md: hello")
	if got, err := os.ReadFile(filepath.Join(dir, "docs/a.md")); err != nil || string(got) != "hello\n" {
		t.Errorf("got %q (%v)", got, err)
	}
}

// A path does not lead out of the tree, nor does a link.
func TestWriteStaysInside(t *testing.T) {
	t.Parallel()
	outside := t.TempDir()
	dir := t.TempDir()
	if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"../x", "link/x", outside + "/x", ".git/../../x"} {
		cmd := exec.Command(self)
		cmd.Dir, cmd.Stdin, cmd.Env = dir, strings.NewReader("write "+path+": boo"), append(os.Environ(), asAgent+"=1")
		if err := cmd.Run(); err == nil {
			t.Errorf("it wrote %s", path)
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside the tree: %v %v", entries, err)
	}
}

func TestOtherWishes(t *testing.T) {
	t.Parallel()
	if answer := ask(t, t.TempDir(), "add JWT authentication"); !strings.Contains(answer, "I changed nothing") || !strings.Contains(answer, "not a language model") {
		t.Errorf("answer: %s", answer)
	}
}
