package inspect

import (
	"context"
	"regexp"
	"strings"

	"github.com/zricethezav/gitleaks/v8/detect"

	"github.com/seed-bc0cc349/anvil/app/secret"
)

// seam matches where one string literal ends and the next one begins, so that
// a secret cut in two can be read as one.
var seam = regexp.MustCompile("[\"'`]\\s*[+.&\\\\,]?\\s*[\"'`]")

// scanner finds what looks like a secret. Its rules are large, so they live as long
// as one inspection.
type scanner struct{ detector *detect.Detector }

func newScanner() (*scanner, error) {
	detector, err := secret.NewDetector()
	return &scanner{detector}, err
}

// span returns the secrets on the added lines of s, once for each line and kind.
func (sc *scanner) span(ctx context.Context, path string, s span) []leak {
	found := sc.text(ctx, path, s.text, true)
	if joined := join(s.text); joined != s.text {
		// Words that stood in a list make good guesses when joined, so none
		// are made.
		found = append(found, sc.text(ctx, path, joined, false)...)
	}
	var leaks []leak
	seen := map[leak]bool{}
	for _, f := range found {
		at := 0
		for n := s.first + f.first; n <= s.first+f.last; n++ {
			if s.added[n] {
				at = n
				break
			}
		}
		l := leak{path, at, f.kind}
		if at == 0 || seen[l] {
			continue
		}
		seen[l] = true
		leaks = append(leaks, l)
	}
	return leaks
}

// finding is a secret in a text; lines count from 0.
type finding struct {
	first, last int
	kind        string
}

// text searches text; with guesses, also for what is called a key and looks
// like one.
func (sc *scanner) text(ctx context.Context, path, text string, guesses bool) []finding {
	var found []finding
	for _, at := range secret.GitHubToken.FindAllStringIndex(text, -1) {
		line := strings.Count(text[:at[0]], "\n")
		found = append(found, finding{line, line, "github-token"})
	}
	look := func(path string, guesses bool) {
		//lint:ignore SA1019 what is to replace it comes with gitleaks v9
		for _, f := range sc.detector.DetectContext(ctx, detect.Fragment{Raw: text, FilePath: path}) {
			if guesses || f.RuleID != "generic-api-key" {
				found = append(found, finding{f.StartLine, f.EndLine, f.RuleID})
			}
		}
	}
	look(path, guesses)
	for _, skip := range sc.detector.Config.Allowlists {
		if skip.PathAllowed(path) {
			// The rules pass over lock files, images and vendored code,
			// where much looks like a secret. What can hardly be anything
			// else is looked for there, too.
			look("", false)
			break
		}
	}
	return found
}

// join removes the seams of text. The line breaks in them come back at the end
// of the line, so that what follows keeps its line numbers.
func join(text string) string {
	var b strings.Builder
	owed := 0
	rest := text
	write := func(part string) {
		if end := strings.IndexByte(part, '\n'); end >= 0 && owed > 0 {
			b.WriteString(part[:end] + strings.Repeat("\n", owed))
			part, owed = part[end:], 0
		}
		b.WriteString(part)
	}
	for {
		at := seam.FindStringIndex(rest)
		if at == nil {
			break
		}
		write(rest[:at[0]])
		owed += strings.Count(rest[at[0]:at[1]], "\n")
		rest = rest[at[1]:]
	}
	write(rest)
	return b.String() + strings.Repeat("\n", owed)
}
