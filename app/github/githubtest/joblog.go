package githubtest

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
)

// jobLog is what a job prints: kept in memory for the pages and in a file for
// people. It understands the two workflow commands that change what a log may
// show: add-mask and stop-commands.
type jobLog struct {
	now     func() time.Time
	changed func()
	summary string // the step summary's file

	mu    sync.Mutex
	file  *os.File
	lines []string
	size  int
	masks []string
	until string // the token that ends stop-commands
	next  time.Time
}

// maxLog is how much of a log is kept in memory.
const maxLog = 16 << 20

func newJobLog(path string, now func() time.Time, changed func()) (*jobLog, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	return &jobLog{now: now, changed: changed, file: f}, nil
}

// copy takes in all that r has, line by line.
func (l *jobLog) copy(r io.Reader) {
	b := bufio.NewReaderSize(r, 64<<10)
	for {
		text, err := b.ReadString('\n')
		if text != "" {
			l.line(strings.TrimRight(text, "\r\n"))
		}
		if err != nil {
			l.changed()
			return
		}
	}
}

// line takes in one line.
func (l *jobLog) line(text string) {
	l.mu.Lock()
	text = strings.ToValidUTF8(text, "\uFFFD")
	if l.until != "" {
		if strings.TrimSpace(text) == "::"+l.until+"::" {
			l.until = ""
		}
	} else if token, is := strings.CutPrefix(strings.TrimSpace(text), "::stop-commands::"); is {
		l.until = token
	} else if secret, is := strings.CutPrefix(strings.TrimSpace(text), "::add-mask::"); is {
		if secret = strings.NewReplacer("%0D", "\r", "%0A", "\n", "%25", "%").Replace(secret); secret != "" {
			l.masks = append(l.masks, secret)
		}
		text = "::add-mask::***"
	}
	for _, secret := range l.masks {
		text = strings.ReplaceAll(text, secret, "***")
	}
	if l.size += len(text); l.size <= maxLog {
		l.lines = append(l.lines, text)
	}
	if l.file != nil {
		_, _ = fmt.Fprintf(l.file, "%s %s\n", l.now().UTC().Format("2006-01-02T15:04:05.0000000Z"), text)
	}
	// Those who watch are told at once of the first line of a burst, then every so often.
	tell := l.now().After(l.next)
	if tell {
		l.next = l.now().Add(200 * time.Millisecond)
	}
	l.mu.Unlock()
	if tell {
		l.changed()
	}
}

func (l *jobLog) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, "\n")
}

func (l *jobLog) snapshot() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string{}, l.lines...)
}

func (l *jobLog) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.file.Close()
	l.file = nil
}

// maxSummaryFile is how much a step summary may have on GitHub.
const maxSummaryFile = 1 << 20

// stepSummary reads the job's step summary as it is now.
func (l *jobLog) stepSummary() string {
	f, err := os.Open(l.summary)
	if err != nil {
		return ""
	}
	defer func() { _ = f.Close() }()
	b, _ := io.ReadAll(io.LimitReader(f, maxSummaryFile))
	l.mu.Lock()
	defer l.mu.Unlock()
	text := string(b)
	for _, secret := range l.masks {
		text = strings.ReplaceAll(text, secret, "***")
	}
	return text
}

// logPart is a piece of a log as a page shows it.
type logPart struct {
	Group string // the title of a group; empty: loose lines
	Lines []logLine
}

type logLine struct{ Kind, Text string } // Kind: error, warning, notice, command, debug or empty

// parseLog sorts lines into groups.
func parseLog(lines []string) []logPart {
	parts := []logPart{{}}
	until := ""
	for _, text := range lines {
		kind := ""
		if until != "" {
			if strings.TrimSpace(text) == "::"+until+"::" {
				until = ""
				continue
			}
		} else if name, message, is := parseCommand(text); is {
			switch name {
			case "group":
				parts = append(parts, logPart{Group: message})
				continue
			case "endgroup":
				parts = append(parts, logPart{})
				continue
			case "stop-commands":
				until = message
				continue
			case "add-mask", "debug", "save-state", "set-output":
				continue
			case "error", "warning", "notice":
				kind, text = name, strings.ToUpper(name[:1])+name[1:]+": "+message
			default:
				kind = "command"
			}
		} else if rest, is := strings.CutPrefix(text, "##[error]"); is {
			kind, text = "error", rest
		}
		last := &parts[len(parts)-1]
		last.Lines = append(last.Lines, logLine{kind, text})
	}
	kept := parts[:0]
	for _, p := range parts {
		if p.Group != "" || len(p.Lines) > 0 {
			kept = append(kept, p)
		}
	}
	return kept
}

// parseCommand takes ::name key=value::message apart.
func parseCommand(line string) (name, message string, is bool) {
	rest, is := strings.CutPrefix(strings.TrimSpace(line), "::")
	if !is {
		return "", "", false
	}
	head, message, is := strings.Cut(rest, "::")
	if !is {
		return "", "", false
	}
	name, _, _ = strings.Cut(head, " ")
	return name, strings.NewReplacer("%0D", "", "%0A", " ", "%25", "%").Replace(message), true
}
