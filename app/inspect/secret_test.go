package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Secrets are put together here, so that none stands in this file.
var (
	oldToken = "ghs_" + "Qz8xVb2nM4kL6jH9gF1dS3aP5oI7uY0tRewW"
	newToken = "ghs_" + "1234567_" + "eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("Ab3-_xY9", 40) + "." + strings.Repeat("k_9Z-q", 20)
	pemKey   = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + wrap(strings.Repeat("MIIEowIBAAKCAQEAvZ8x3Kq9Lm2NpR5tUwYbDfGhJkQsTvXz0A1c", 12)) + "-----END RSA " + "PRIVATE KEY-----\n"
	awsKey   = "AKIA" + "Z7Q3XN5KJ2VWLM4T"
	ourKey   = "wh-secret/9fQ2+Lr7Vt4Zx8Kp1Nc6Ms3Yb5Dh0Jg"
)

func wrap(s string) string {
	var b strings.Builder
	for line := range slices.Chunk([]byte(s), 64) {
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.String()
}

func reversed(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

func TestSecretsInTheChange(t *testing.T) {
	t.Parallel()
	s := newScene(t, files{
		"main.go": file("package main\n\nvar a = 1\n"),
		"old.go":  file("package old\n\nvar token = \"" + oldToken + "\"\n\nvar b = 1\n"),
	}, Canary{"the webhook secret", ourKey}, Canary{"the App's private key", pemKey}, Canary{"too short", "abc"})
	pad := "one\ntwo\nthree\n"
	wide := make([]byte, 0, 100)
	for _, c := range []byte(pad + newToken) {
		wide = append(wide, c, 0)
	}

	for name, c := range map[string]struct {
		changed files
		says    string
	}{
		"installation token":                  {files{"x.go": file(pad + "t := \"" + oldToken + "\"\n")}, "x.go:4 (github"},
		"installation token of the new shape": {files{"x.go": file(pad + "t := \"" + newToken + "\"\n")}, "x.go:4 (github-token)"},
		"new line in an old file":             {files{"main.go": file("package main\n\nvar a = 1\nvar t = \"" + oldToken + "\"\n")}, "main.go:4 ("},
		"allowed by its own comment":          {files{"x.go": file("t := \"" + awsKey + "\" // gitleaks:" + "allow\n")}, "x.go:1 (aws-access-token)"},
		"private key":                         {files{"k.pem": file(strings.ReplaceAll(pemKey, "Kq9L", "Xq9L"))}, "k.pem:"},
		"cloud key":                           {files{"x.env": file("KEY=" + awsKey + "\n")}, "x.env:1 (aws-access-token)"},
		"cloud key in base64":                 {files{"x.env": file("KEY=" + base64.StdEncoding.EncodeToString([]byte("aws_access_key_id = "+awsKey)) + "\n")}, "x.env:1 (aws-access-token)"},
		"in a lock file":                      {files{"package-lock.json": file(pad + "\"t\": \"" + oldToken + "\"\n")}, "package-lock.json:4 ("},
		"in vendored code":                    {files{"node_modules/x/y.js": file("t = '" + newToken + "'\n")}, "node_modules/x/y.js:1 ("},
		"in an image":                         {files{"logo.png": file("\x89PNG\x00\x00" + oldToken + "\x00\x01")}, "logo.png ("},
		"in text of two bytes a letter":       {files{"x.txt": file("\xff\xfe" + string(wide))}, "x.txt ("},
		"cut in two":                          {files{"x.go": file(pad + "t := \"" + newToken[:20] + "\" +\n\t\"" + newToken[20:] + "\"\n")}, "x.go:4 (github-token)"},
		"old token cut in two":                {files{"x.py": file("t = ('" + oldToken[:10] + "'\n  '" + oldToken[10:] + "')\n")}, "x.py:1 (github-"},
		"as the target of a link":             {files{"l": symlink(oldToken)}, "l:1 ("},

		"ours":                       {files{"x": file(pad + "s=" + ourKey + "\n")}, "x:4 (the webhook secret)"},
		"ours in base64":             {files{"x": file(pad + base64.StdEncoding.EncodeToString([]byte(ourKey)))}, "x:4 (the webhook secret)"},
		"ours in base64, shifted":    {files{"x": file(base64.StdEncoding.EncodeToString([]byte("a" + ourKey + "b")))}, "x:1 (the webhook secret)"},
		"ours in base64, again":      {files{"x": file(base64.RawURLEncoding.EncodeToString([]byte("ab" + ourKey + "b")))}, "x:1 (the webhook secret)"},
		"ours in hexadecimal":        {files{"x": file("0x" + hex.EncodeToString([]byte(ourKey)))}, "x:1 (the webhook secret)"},
		"ours in HEXADECIMAL":        {files{"x": file(strings.ToUpper(hex.EncodeToString([]byte(ourKey))))}, "x:1 (the webhook secret)"},
		"ours in spaced numbers":     {files{"x": file(fmt.Sprintf("% x", ourKey))}, "x:1 (the webhook secret)"},
		"ours backwards":             {files{"x": file(reversed(ourKey))}, "x:1 (the webhook secret)"},
		"ours, escaped for URLs":     {files{"x": file(url.QueryEscape(ourKey))}, "x:1 (the webhook secret)"},
		"ours without its ends":      {files{"x": file(ourKey[7 : len(ourKey)-7])}, "x:1 (the webhook secret)"},
		"ours letter by letter":      {files{"x": file(strings.Join(strings.Split(ourKey, ""), "' + '"))}, "x:1 (the webhook secret)"},
		"ours line by line":          {files{"x": file(strings.Join(strings.Split(ourKey, ""), "\n"))}, "x:"},
		"ours in an old line's file": {files{"old.go": file("package old\n\nvar token = \"" + oldToken + "\"\n// " + ourKey + "\nvar b = 1\n")}, "old.go:4 (the webhook secret)"},
		"ours in a binary file":      {files{"x.bin": file("\x00\x01" + ourKey)}, "x.bin:1 (the webhook secret)"},
		"ours as a file's name":      {files{"d/" + strings.ReplaceAll(ourKey, "/", "_"): file("x\n")}, "the name of a file (the webhook secret)"},
		"our key, its lines only":    {files{"x": file(strings.ReplaceAll(strings.Join(strings.Split(pemKey, "\n")[2:6], "\n"), "\n", `\n`))}, "x:1 (the App's private key)"},
	} {
		t.Run(name, func(t *testing.T) {
			text := s.refuses(t, s.propose(s.with(c.changed)), "SECRET_IN_DIFF", c.says)
			for _, secret := range []string{oldToken, newToken, awsKey, ourKey, newToken[4:20], ourKey[10:20]} {
				if strings.Contains(text, secret) {
					t.Errorf("the problem tells the secret: %s", text)
				}
			}
		})
	}
	for name, changed := range map[string]files{
		"an old secret beside new lines": {"old.go": file("package old\n\nvar token = \"" + oldToken + "\"\n\nvar b = 2\nvar c = 3\n")},
		"an old secret that moves":       {"old.go": file("package old\n\nvar b = 1\n\nvar token = \"" + oldToken + "\"\n")},
		"an old secret deleted":          {"old.go": file("package old\n\nvar b = 1\n")},
		"ordinary code":                  {"x.go": file("package x\n\nimport (\n\t\"fmt\"\n\t\"strings\"\n)\n\nvar keys = []string{\"alpha\", \"beta\", \"gamma\", \"delta\", \"epsilon\", \"zeta\"}\n\nfunc f() { fmt.Println(strings.Join(keys, \",\")) }\n")},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := s.inspector.Inspect(t.Context(), s.propose(s.with(changed)))
			if err != nil {
				t.Fatal(err)
			}
			checked.Close()
		})
	}
}

func TestAddedSpans(t *testing.T) {
	t.Parallel()
	before := "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n"
	after := "1\n2\n3\n4\nfour and a half\n5\n6\n7\n8\n9\n10\n11\n12\nthirteen"
	spans := addedSpans([]byte(before), []byte(after))
	if len(spans) != 2 {
		t.Fatalf("spans: %+v", spans)
	}
	if s := spans[0]; s.first != 3 || s.text != "3\n4\nfour and a half\n5\n6\n" || !s.added[5] || len(s.added) != 1 {
		t.Errorf("first: %+v", s)
	}
	if s := spans[1]; s.first != 12 || s.text != "11\n12\nthirteen" || !s.added[14] {
		t.Errorf("second: %+v", s)
	}
	if spans := addedSpans(nil, []byte("a\nb\n")); len(spans) != 1 || spans[0].first != 1 || spans[0].text != "a\nb\n" {
		t.Errorf("a new file: %+v", spans)
	}
	if spans := addedSpans([]byte("a\nb\n"), []byte("b\na\n")); len(spans) != 0 {
		t.Errorf("a move: %+v", spans)
	}
	if spans := addedSpans([]byte("a\n"), nil); len(spans) != 0 {
		t.Errorf("an empty file: %+v", spans)
	}
}

func TestJoinKeepsTheNumbersOfLines(t *testing.T) {
	t.Parallel()
	for _, c := range [][2]string{
		{`"a" + "b"`, `"ab"`},
		{"x = 'a'\n  'b'\ny", "x = 'ab'\n\ny"},
		{"'a' .\n'b'", "'ab'\n"},
		{"plain", "plain"},
	} {
		if got := join(c[0]); got != c[1] {
			t.Errorf("join(%q) = %q, want %q", c[0], got, c[1])
		}
		if strings.Count(join(c[0]), "\n") != strings.Count(c[0], "\n") {
			t.Errorf("join(%q) changes the number of lines", c[0])
		}
	}
}

func FuzzAddedSpans(f *testing.F) {
	f.Add("a\nb\n", "a\nc\nb\n")
	f.Add("", "x")
	f.Add("1\n2\n3\n4\n5\n6\n7\n", "1\nx\n2\n3\n4\n5\n6\ny\n7\n")
	f.Fuzz(func(t *testing.T, before, after string) {
		lines := strings.SplitAfter(after, "\n")
		for _, s := range addedSpans([]byte(before), []byte(after)) {
			if !strings.HasPrefix(strings.Join(lines[s.first-1:], ""), s.text) {
				t.Errorf("span at %d is not the text there: %q", s.first, s.text)
			}
			for n := range s.added {
				if n < s.first || n-s.first >= len(strings.SplitAfter(s.text, "\n")) {
					t.Errorf("line %d is not in its span", n)
				}
			}
		}
	})
}
