package joblog

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/seed-bc0cc349/anvil/action/redact"
	"github.com/sethvargo/go-githubactions"
)

// Log is the log of one job. Its methods may be called from anywhere at any time.
type Log struct {
	out     io.Writer
	actions *githubactions.Action
	secrets *redact.Set
	now     func() time.Time

	mu sync.Mutex
	// quoted is the token of the open stop-commands section; empty outside one.
	quoted string
	quotes *redact.Lines // of the open section
	copied clipped
	shown  int64 // bytes of quotes that were printed
}

// New returns a log that prints to out and redacts secrets. getenv finds the
// files of the step, such as its summary's.
func New(out io.Writer, getenv func(string) string, secrets *redact.Set, now func() time.Time) *Log {
	return &Log{
		out:     out,
		actions: githubactions.New(githubactions.WithWriter(out), githubactions.WithGetenv(getenv)),
		secrets: secrets,
		now:     now,
		copied:  clipped{limit: 1 << 20},
	}
}

// Limit says how much of the copy to keep, and of quotes to print.
func (l *Log) Limit(bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.copied.limit = int(bytes)
}

// Secret makes values known as secrets, to this log's readers and to GitHub,
// before they can appear anywhere.
func (l *Log) Secret(values ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, v := range values {
		if v == "" {
			continue
		}
		l.actions.AddMask(v)
		l.secrets.Add(v)
	}
}

// Group opens a section that people can fold.
func (l *Log) Group(title string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	title = l.safe(title)
	l.actions.Group(title)
	l.keep("== " + title)
}

// EndGroup closes the section.
func (l *Log) EndGroup() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unquote()
	l.actions.EndGroup()
}

// Say prints a line of the runner's own.
func (l *Log) Say(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unquote()
	for line := range strings.SplitSeq(l.safe(fmt.Sprintf(format, args...)), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "::") {
			line = "| " + line // it came with a name or a reason from elsewhere
		}
		fmt.Fprintln(l.out, defuse(line))
		l.keep(line)
	}
}

// Warn shows a line as a warning, on the run's page too.
func (l *Log) Warn(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unquote()
	text := l.safe(fmt.Sprintf(format, args...))
	l.actions.Warningf("%s", text)
	l.keep("warning: " + text)
}

// Fail shows a line as an error, on the run's page too.
func (l *Log) Fail(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unquote()
	text := l.safe(fmt.Sprintf(format, args...))
	l.actions.Errorf("%s", text)
	l.keep("error: " + text)
}

// Quote prints what an untrusted program printed, each line behind a bar.
func (l *Log) Quote(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.quoted == "" {
		l.quoted, l.quotes = rand.Text(), redact.NewLines(l.secrets)
		fmt.Fprintf(l.out, "::stop-commands::%s\n", l.quoted)
	}
	for line := range strings.SplitSeq(strings.TrimRight(Clean(text), "\n"), "\n") {
		line = l.quotes.Line(line)
		l.keep("| " + line)
		limit := int64(l.copied.limit)
		if l.shown > limit {
			continue
		}
		fmt.Fprintln(l.out, "| "+defuse(line))
		if l.shown += int64(len(line)) + 3; l.shown > limit {
			fmt.Fprintf(l.out, "| [… more than %d bytes were printed; from here on nothing is shown …]\n", limit)
		}
	}
}

// unquote lets GitHub listen to commands again. The caller holds mu.
func (l *Log) unquote() {
	if l.quoted != "" {
		fmt.Fprintf(l.out, "::%s::\n", l.quoted)
		l.quoted = ""
	}
}

// Copy returns the plain copy of what was logged.
func (l *Log) Copy() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.copied.bytes()
}

// Actions returns what speaks to GitHub: identity tokens, outputs, the summary.
func (l *Log) Actions() *githubactions.Action { return l.actions }

// safe cleans before it redacts: a secret that is cut up by escape sequences is
// whole again once they are gone.
func (l *Log) safe(text string) string { return l.secrets.String(Clean(text)) }

// defuse breaks the older form of workflow commands, which GitHub finds
// anywhere in a line.
func defuse(line string) string { return strings.ReplaceAll(line, "##[", "## [") }

func (l *Log) keep(line string) {
	l.copied.write(l.now().UTC().Format("15:04:05.000 ") + line + "\n")
}
