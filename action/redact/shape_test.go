package redact_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/action/redact"
)

// fill makes a text of n characters that look random, the same ones each time.
func fill(n int) string {
	const letters = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xYz"
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, n)
	for i := range b {
		b[i] = letters[r.IntN(len(letters))]
	}
	return string(b)
}

// tokens have the shapes of secrets; nobody told the set of them.
func tokens() map[string]string {
	jwt := "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIxMjM0NTYi" + fill(300) + "." + strings.Repeat(fill(40)+"-_", 4)
	return map[string]string{
		"GitHub, personal":            "ghp_" + fill(36),
		"GitHub, installation, old":   "ghs_" + fill(36),
		"GitHub, installation, new":   "ghs_123456_" + jwt,
		"GitHub, fine-grained":        "github_pat_" + fill(22) + "_" + fill(59),
		"a lease":                     "anvil_lease_" + strings.ToUpper(fill(26)),
		"Anthropic":                   "sk-ant-api03-" + fill(93) + "AA",
		"OpenAI, project":             "sk-proj-" + fill(40) + "-" + fill(50),
		"OpenAI, old":                 "sk-" + fill(20) + "T3BlbkFJ" + fill(20),
		"Slack, bot":                  "xoxb-123456789012-1234567890123-" + fill(24),
		"Slack, app":                  "xapp-1-A0123456789-1234567890123-" + strings.ToLower(fill(64)),
		"AWS":                         "AKIA" + strings.ToUpper(strings.NewReplacer("1", "A", "9", "B", "8", "C").Replace(fill(16))),
		"npm":                         "npm_" + strings.ToLower(fill(36)),
		"GitLab":                      "glpat-" + fill(20),
		"a JWT":                       jwt,
		"a password in an address":    "hunter2-and-more",
		"a header":                    fill(40),
		"Stripe":                      "sk_live_" + fill(30),
		"Google":                      "AIza" + fill(35),
		"a key's whole text, escaped": "-----BEGIN RSA PRIVATE KEY-----\\n" + fill(64) + "\\n" + fill(64) + "\\n-----END RSA PRIVATE KEY-----",
	}
}

// inContext puts a token where such a token is found.
func inContext(name, token string) string {
	switch name {
	case "a password in an address":
		return "remote: https://mona:" + token + "@git.example/acme/web.git (fetch)"
	case "a header":
		return "> authorization: Bearer " + token + " <"
	case "a key's whole text, escaped":
		return `{"key":"` + token + `"}`
	}
	return "found '" + token + "' there"
}

func TestShapesAreTakenOut(t *testing.T) {
	t.Parallel()
	var set redact.Set
	for name, token := range tokens() {
		got := set.String(inContext(name, token))
		if strings.Contains(got, token) || strings.Contains(got, token[len(token)-8:]) || !strings.Contains(got, redact.Mark) {
			t.Errorf("%s: %q", name, got)
		}
	}
}

// What logs are made of stays as it is.
func TestLogsAreNotGarbled(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add(canary)
	for _, line := range []string{
		"commit 0123456789abcdef0123456789abcdef01234567", "h1:Uh3UvT4vjXx7ZAxuOtPXyrJ5lGgH4nPXnp7aXQAX9jQ=", "sha512-" + fill(86) + "==",
		"key: value, token count 12345, secret santa, api v2", "task-list desk-top disk-usage sk-learn risk-free", "550e8400-e29b-41d4-a716-446655440000",
		"go: downloading golang.org/x/net v0.59.0", "https://proxy.golang.org/golang.org/x/net/@v/v0.59.0.zip", "--- FAIL: TestAuthorization (0.01s)", "ok  \texample.com/pkg\t0.004s",
		"npm warn deprecated inflight@1.0.6: leaks memory", `{"event":"message","text":"ghs is a prefix; xoxb too"}`, "::error::forged", "http://127.0.0.1:8080/path", "git@github.com:acme/web.git",
		"password must have 8 characters", "if strings.HasPrefix(line, \"-----BEGIN PRIVATE KEY-----\") { return nil }", "Authorization: Bearer ${TOKEN}",
	} {
		if got := set.String(line); got != line {
			t.Errorf("%q became %q", line, got)
		}
	}
}

// The forms into which a value is easily brought are known too.
func TestFormsAreTakenOut(t *testing.T) {
	t.Parallel()
	const value = "Canary/Value+1234567890=abcdef"
	var set redact.Set
	set.Add(value, "two\nlines-of-a-value")
	backwards := []byte(value)
	slices.Reverse(backwards)
	percent := ""
	for _, c := range []byte(value) {
		percent += fmt.Sprintf("%%%02X", c)
	}
	for name, text := range map[string]string{
		"as it is": value, "hex": hex.EncodeToString([]byte(value)), "HEX": strings.ToUpper(hex.EncodeToString([]byte(value))), "backwards": string(backwards),
		"a query": url.QueryEscape(value), "percent": percent, "one line": "lines-of-a-value",
	} {
		if got := set.String("<" + text + ">"); got != "<***>" {
			t.Errorf("%s: %q", name, got)
		}
	}
	if got := set.String(strings.ToUpper(value)); got != strings.ToUpper(value) {
		t.Errorf("another value was taken out: %q", got)
	}
	for before := range 3 {
		encoded := base64.StdEncoding.EncodeToString([]byte("xyz"[:before] + value + "tail"))
		if got := set.String(encoded); !strings.Contains(got, redact.Mark) || len(got) > 20 {
			t.Errorf("base64 behind %d bytes: %q", before, got)
		}
	}
	long := fill(9000)
	set.Add(long)
	if got := set.String("a" + long + "b"); strings.Contains(got, long[4000:4020]) || strings.Contains(got, long[8980:]) {
		t.Error("a long value was left in part")
	}
}

const key = `before
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW
Proc-Type: 4,ENCRYPTED

QyNTUxOQAAACDcanarycanarycanarycanary=
-----END OPENSSH PRIVATE KEY-----
after`

func TestPrivateKeysAreTakenOut(t *testing.T) {
	t.Parallel()
	var set redact.Set
	if got, want := set.String(key), "before\n***\n***\n***\n***\n***\n***\nafter"; got != want {
		t.Errorf("got %q", got)
	}
	// In a log each line comes by itself, and behind something.
	l := redact.NewLines(&set)
	var quoted []string
	for line := range strings.SplitSeq(key, "\n") {
		quoted = append(quoted, l.Line("| "+line))
	}
	if got := strings.Join(quoted, "\n"); strings.Contains(got, "canary") || strings.Contains(got, "b3Blbn") || !strings.HasSuffix(got, "| after") {
		t.Errorf("got %q", got)
	}
	// Whoever writes of keys loses what he wrote of them, and no more.
	if got, want := set.String("-----BEGIN PRIVATE KEY-----\nis how they begin"), "***\nis how they begin"; got != want {
		t.Errorf("got %q", got)
	}
}

// corpus has every kind of secret, in short lines.
func corpus(set *redact.Set) string {
	set.Add(canary, "another-known-value")
	var b strings.Builder
	for name, token := range tokens() {
		if len(token) < 150 {
			b.WriteString(inContext(name, token) + "\nplain\r\n")
		}
	}
	b.WriteString(canary + "\n" + base64.StdEncoding.EncodeToString([]byte("x"+canary)) + "\n\n" + key + "\n" + "another-known-value at the end")
	return b.String()
}

// The result is the same wherever a stream is cut.
func TestTheResultDoesNotDependOnCuts(t *testing.T) {
	t.Parallel()
	var set redact.Set
	text := corpus(&set)
	want := set.String(text)
	for name, token := range tokens() {
		if strings.Contains(text, inContext(name, token)) && strings.Contains(want, token) {
			t.Fatalf("%s was left", name)
		}
	}
	pass := func(parts ...string) string {
		var out bytes.Buffer
		w := redact.NewWriter(&set, &out)
		for _, part := range parts {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	for at := range len(text) {
		if got := pass(text[:at], text[at:]); got != want {
			t.Fatalf("cut at %d: got %q, want %q", at, got, want)
		}
	}
	bytewise := strings.Split(text, "")
	if got := pass(bytewise...); got != want {
		t.Fatalf("byte by byte: %q", got)
	}
}

// A line without an end is passed on in bounded parts, and no secret in it is left,
// wherever it lies and wherever the writes are cut.
func TestALongLine(t *testing.T) {
	t.Parallel()
	var set redact.Set
	set.Add(canary)
	token := tokens()["GitHub, installation, new"]
	r := rand.New(rand.NewPCG(3, 4))
	for round := range 10 {
		border := 64<<10 - 600 + 80*round
		line := []byte(strings.Repeat("lorem ipsum ", 30<<10)) // 360 kB
		for i, at := range []int{border, 64<<10 + border, 200_000, 300_000} {
			copy(line[at:], " "+[]string{token, canary}[i%2]+" ")
		}
		text := string(line) + "\nnext line\n"
		var first string
		for range 3 {
			var out bytes.Buffer
			w := redact.NewWriter(&set, &out)
			for rest := text; rest != ""; {
				n := min(1+r.IntN(40_000), len(rest))
				if _, err := w.Write([]byte(rest[:n])); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			got := out.String()
			if first == "" {
				first = got
			}
			if got != first {
				t.Fatalf("round %d: two results", round)
			}
		}
		if strings.Contains(first, "canary") || strings.Contains(first, token[40:60]) || strings.Count(first, redact.Mark) != 4 || !strings.HasSuffix(first, "\nnext line\n") {
			t.Fatalf("round %d: %d marks", round, strings.Count(first, redact.Mark))
		}
	}
}

func FuzzTheResultDoesNotDependOnCuts(f *testing.F) {
	var set redact.Set
	f.Add(corpus(&set), uint(100), uint(200))
	f.Fuzz(func(t *testing.T, text string, a, b uint) {
		want := set.String(text)
		if strings.Contains(want, canary) {
			t.Fatal("a known value was left")
		}
		i, j := a%uint(len(text)+1), b%uint(len(text)+1)
		if i > j {
			i, j = j, i
		}
		var out bytes.Buffer
		w := redact.NewWriter(&set, &out)
		for _, part := range []string{text[:i], text[i:j], text[j:]} {
			_, _ = w.Write([]byte(part))
		}
		_ = w.Close()
		longest := slices.MaxFunc(strings.Split(text, "\n"), func(x, y string) int { return len(x) - len(y) })
		if len(longest) <= 64<<10 && out.String() != want {
			t.Fatalf("cut at %d and %d: %q, want %q", i, j, out.String(), want)
		}
	})
}
