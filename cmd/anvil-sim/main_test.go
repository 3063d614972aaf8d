package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestItSaysWhereItIsAndStops(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, []string{"--listen", "127.0.0.1:0", "--dir", t.TempDir(), "--validate", "--runner-env", "A=b", "--runner-env", "HOME"}, in, io.Discard)
	}()
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var at map[string]string
	if err := json.Unmarshal(line, &at); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	for path, want := range map[string]string{
		"/_sim/repositories": "[]", "/_sim/violations": "[]", "/_services/token/.well-known/openid-configuration": `"issuer":"` + at["issuer"],
		"/": "Repositories", "/api/v3/rate_limit": "Requires authentication",
	} {
		res, err := http.Get(at["url"] + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if !strings.Contains(string(body), want) {
			t.Errorf("%s answers %s, want %s", path, body, want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v", err)
	}
}

func TestARefusedStartSaysWhy(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--listen nowhere:x":   "starting the simulated GitHub",
		"--dispatch sometimes": `there is no dispatch mode "sometimes"`,
		"stray":                `"stray" is one word too many`,
	} {
		if err := run(t.Context(), strings.Fields(args), io.Discard, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

// The manual names every flag, and no other.
func TestTheManualNamesTheFlags(t *testing.T) {
	t.Parallel()
	manual, err := os.ReadFile("../../docs/simulator.md")
	if err != nil {
		t.Fatal(err)
	}
	var usage strings.Builder
	if err := run(t.Context(), []string{"--help"}, io.Discard, &usage); !errors.Is(err, flag.ErrHelp) {
		t.Fatal(err)
	}
	flags := func(pattern, text string) []string {
		var names []string
		for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	has, told := flags(`(?m)^  -([a-z-]+)`, usage.String()), flags("(?m)^\\| `--([a-z-]+)", string(manual))
	if !slices.Equal(has, told) {
		t.Errorf("the program has %v, the manual %v", has, told)
	}
}
