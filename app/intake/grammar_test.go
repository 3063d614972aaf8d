package intake

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

// reader is the server that the tests speak to.
func reader() Reader {
	return Reader{
		Self: Self{AppID: 77, BotID: 7700},
		Offer: policy.Offer{
			Default: "codex",
			Models:  map[string][]string{"codex": {"small", "large"}, "claude": {"opus"}, "sample": nil},
		},
		PromptBytes: 1000,
		ValidRef: func(name string) error {
			if name == "" || strings.HasPrefix(name, "-") || strings.Contains(name, "..") {
				return errors.New("the name begins with a dash or has two dots in a row")
			}
			return nil
		},
		// A stand-in for the real cleaning: it removes one kind of character.
		Clean: func(where, text string) (string, []anvil.RemovedHidden) {
			n := strings.Count(text, "\u200b")
			if n == 0 {
				return text, nil
			}
			return strings.ReplaceAll(text, "\u200b", ""), []anvil.RemovedHidden{{Where: where, Kind: "zero-width character", Count: n}}
		},
		// And one for the real search: it knows one secret.
		Mask: func(text string) (string, []string) {
			if !strings.Contains(text, "hunter2") {
				return text, nil
			}
			return strings.ReplaceAll(text, "hunter2", "[secret removed]"), []string{"a-password"}
		},
	}
}

func TestWhatACommandSays(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name, comment string
		verb          anvil.Verb
		text          string
		options       anvil.Options
		code          anvil.Code
		speaks        string // what the problem's sentences must name
	}{
		{name: "plain words", comment: "/anvil fix the failing test", verb: "do", text: "fix the failing test"},
		{name: "more lines", comment: "/anvil fix this:\n\n> panic: x\n\n```\nlog\n```", verb: "do", text: "fix this:\n\n> panic: x\n\n```\nlog\n```"},
		{name: "words on the next line", comment: "/anvil\nfix it", verb: "do", text: "fix it"},
		{name: "options on the next line", comment: "/anvil\n\nbase=next fix it\nplease", verb: "do", text: "fix it\nplease", options: anvil.Options{Base: "next"}},
		{name: "up to the next command", comment: "/anvil fix a\nand b\n\n/anvil stop", verb: "do", text: "fix a\nand b"},
		{name: "text before is not the instruction", comment: "I saw this.\n\n/anvil fix it", verb: "do", text: "fix it"},

		{name: "help", comment: "/anvil help", verb: "help"},
		{name: "status", comment: "/anvil status", verb: "status"},
		{name: "stop", comment: "/anvil stop", verb: "stop"},
		{name: "retry", comment: "/anvil retry", verb: "retry"},
		{name: "a phone's capital", comment: "/anvil Stop!", verb: "stop"},
		{name: "verb on the next line", comment: "/anvil\nstop", verb: "stop"},
		{name: "polite", comment: "/anvil stop this now, please.", verb: "stop"},
		{name: "verb with a remark below", comment: "/anvil stop\n\nI found it myself.", verb: "stop"},
		{name: "stop as a word", comment: "/anvil stop using tabs", verb: "do", text: "stop using tabs"},
		{name: "help as a word", comment: "/anvil help me fix the login", verb: "do", text: "help me fix the login"},
		{name: "retry with options before", comment: "/anvil engine=claude retry", verb: "retry", options: anvil.Options{Engine: "claude"}},
		{name: "retry with options after", comment: "/anvil retry engine=claude", verb: "retry", options: anvil.Options{Engine: "claude"}},
		{name: "retry with a bad option after", comment: "/anvil retry engine=cloude", verb: "retry", code: "CMD_UNKNOWN", speaks: "claude", options: anvil.Options{Engine: "cloude"}},
		{name: "verb with a typo", comment: "/anvil stpo", verb: "do", code: "CMD_UNKNOWN", speaks: "/anvil stop"},
		{name: "verb with a typo, in a sentence", comment: "/anvil halp the users", verb: "do", text: "halp the users"},
		{name: "one word that is no verb", comment: "/anvil refactor", verb: "do", text: "refactor"},
		{name: "nothing", comment: "/anvil", verb: "do", code: "CMD_USAGE", speaks: "/anvil fix the failing test"},
		{name: "spaces", comment: "/anvil   \n\n  ", verb: "do", code: "CMD_USAGE", speaks: "/anvil status"},
		{name: "only options", comment: "/anvil base=main", verb: "do", code: "CMD_USAGE", speaks: "nothing to do", options: anvil.Options{Base: "main"}},

		{
			name: "all options", comment: `/anvil base=release/1.4 engine=codex model=large verify="go test ./..." verify=make fix it`,
			verb: "do", text: "fix it",
			options: anvil.Options{Base: "release/1.4", Engine: "codex", Model: "large", Verify: []string{"go test ./...", "make"}},
		},
		{name: "escapes in quotes", comment: `/anvil verify="echo \"a\\b\" \n" fix`, verb: "do", text: "fix", options: anvil.Options{Verify: []string{`echo "a\b" \n`}}},
		{name: "curly quotes", comment: `/anvil verify=“go test” fix`, verb: "do", text: "fix", options: anvil.Options{Verify: []string{"go test"}}},
		{name: "full branch ref", comment: "/anvil base=refs/heads/next fix", verb: "do", text: "fix", options: anvil.Options{Base: "next"}},
		{name: "option after the words is words", comment: "/anvil fix base=main in ci", verb: "do", text: "fix base=main in ci"},
		{name: "comparison is words", comment: "/anvil a==b is wrong", verb: "do", text: "a==b is wrong"},
		{name: "equals with spaces is words", comment: "/anvil x = 1 is wrong", verb: "do", text: "x = 1 is wrong"},
		{name: "a dash in prose", comment: "/anvil - fix it", verb: "do", text: "- fix it"},
		{name: "two dashes in prose", comment: "/anvil -- fix it", verb: "do", text: "-- fix it"},
		{name: "model of another engine than the default", comment: "/anvil model=opus fix", verb: "do", text: "fix", options: anvil.Options{Model: "opus"}},

		{name: "unknown option", comment: "/anvil bsae=main fix", verb: "do", code: "CMD_UNKNOWN", speaks: "base"},
		{name: "unknown option without a near one", comment: "/anvil x=1 fix", verb: "do", code: "CMD_UNKNOWN", speaks: "base, engine, model, verify"},
		{name: "flag", comment: "/anvil --model=large fix", verb: "do", code: "CMD_UNKNOWN", speaks: "model="},
		{name: "unknown engine", comment: "/anvil engine=codexx fix", verb: "do", code: "CMD_UNKNOWN", speaks: "Did you mean codex", options: anvil.Options{Engine: "codexx"}},
		{name: "engine in capitals", comment: "/anvil engine=Codex fix", verb: "do", code: "CMD_UNKNOWN", speaks: "Did you mean codex", options: anvil.Options{Engine: "Codex"}},
		{name: "unknown model", comment: "/anvil model=lage fix", verb: "do", code: "CMD_UNKNOWN", speaks: "Did you mean large", options: anvil.Options{Model: "lage"}},
		{name: "model of another engine than the one named", comment: "/anvil engine=codex model=opus fix", verb: "do", code: "CMD_UNKNOWN", speaks: "small, large", options: anvil.Options{Engine: "codex", Model: "opus"}},
		{name: "model of an engine without choice", comment: "/anvil engine=sample model=opus fix", verb: "do", code: "CMD_UNKNOWN", speaks: "no choice", options: anvil.Options{Engine: "sample", Model: "opus"}},
		{name: "option twice", comment: "/anvil base=a base=b fix", verb: "do", code: "CMD_OPTION", speaks: "twice", options: anvil.Options{Base: "a"}},
		{name: "empty value", comment: "/anvil base= fix", verb: "do", code: "CMD_OPTION", speaks: "empty"},
		{name: "quote without end", comment: "/anvil verify=\"go test\nfix", verb: "do", code: "CMD_OPTION", speaks: "closing"},
		{name: "text behind a quote", comment: `/anvil verify="a"b fix`, verb: "do", code: "CMD_OPTION", speaks: "space"},
		{name: "invisible character in a value", comment: "/anvil verify=\"go \u202etest\" fix", verb: "do", code: "CMD_OPTION", speaks: "U+202E"},
		{name: "base like an option of git", comment: "/anvil base=--upload-pack=x fix", verb: "do", code: "REF_INVALID", speaks: "dash"},
		{name: "base with two dots", comment: "/anvil base=a..b fix", verb: "do", code: "REF_INVALID", speaks: "two dots"},
		{name: "base that is a tag", comment: "/anvil base=refs/tags/v1 fix", verb: "do", code: "REF_INVALID", speaks: "no branch"},
		{name: "mention in a value", comment: "/anvil engine=@org/team fix", verb: "do", code: "CMD_UNKNOWN", speaks: `"·org/team"`, options: anvil.Options{Engine: "@org/team"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			found := find(c.comment)
			if len(found.commands) == 0 {
				t.Fatalf("no command: %s", found.miss)
			}
			got := reader().say(found.commands[0])
			if got.verb != c.verb {
				t.Errorf("verb %q, want %q", got.verb, c.verb)
			}
			if o, w := got.options, c.options; o.Base != w.Base || o.Engine != w.Engine || o.Model != w.Model || !slices.Equal(o.Verify, w.Verify) {
				t.Errorf("options %+v, want %+v", got.options, c.options)
			}
			if c.code == "" {
				if got.problem != nil {
					t.Fatalf("problem: %v", got.problem)
				}
				if got.verb == anvil.VerbDo && got.text != c.text {
					t.Errorf("text %q, want %q", got.text, c.text)
				}
				return
			}
			if got.problem == nil || got.problem.Code != c.code {
				t.Fatalf("problem %v, want %s", got.problem, c.code)
			}
			if !strings.Contains(got.problem.Error(), c.speaks) {
				t.Errorf("%q does not speak of %q", got.problem, c.speaks)
			}
		})
	}
}

func TestUsageShowsExamplesThatWork(t *testing.T) {
	t.Parallel()
	usage := Usage(reader().Offer)
	shown := 0
	for line := range strings.SplitSeq(usage, "\n") {
		example, ok := strings.CutPrefix(line, "    ")
		if !ok {
			continue
		}
		shown++
		found := find(example)
		if len(found.commands) != 1 {
			t.Fatalf("example %q is no command: %s", example, found.miss)
		}
		if problem := reader().say(found.commands[0]).problem; problem != nil {
			t.Errorf("example %q is refused: %v", example, problem)
		}
	}
	if shown != 3 {
		t.Errorf("%d examples, want 3", shown)
	}
	if n := len(find(usage).commands); n != 0 {
		t.Errorf("the usage text itself holds %d commands", n)
	}
	for _, word := range []string{"`codex`", "`large`", "status", "stop", "retry", "verify="} {
		if !strings.Contains(usage, word) {
			t.Errorf("the usage text does not name %s", word)
		}
	}
}

func FuzzSay(f *testing.F) {
	for _, seed := range []string{
		"/anvil", "/anvil base=main fix", `/anvil verify="a b" x`, "/anvil stop now", "/anvil --x", `/anvil verify="\`, "/anvil model=“x” y", "/anvil\n\nx",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, s := range find(text).commands {
			got := reader().say(s)
			if got.verb == anvil.VerbDo && got.problem == nil && strings.TrimSpace(got.text) == "" {
				t.Errorf("%q: work without an instruction", text)
			}
			if got.problem != nil && strings.ContainsAny(got.problem.What, "@<>\n\x00\u202e") {
				t.Errorf("%q: the problem carries text from outside as it is: %q", text, got.problem.What)
			}
		}
	})
}
