package hook

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
)

func TestWhatGoGithubappLogsIsInOurLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{
		Level: slog.LevelInfo,
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		},
	}))
	z := zerologTo(log).With().Str("github_delivery_id", "d-1").Logger()
	z.Debug().Msg("too fine to be wanted")
	z.Info().Int("n", 3).Msg("Received webhook event")
	z.Error().Err(errors.New("no such row")).Msg("Unexpected error\nhandling webhook")
	z.Log().Msg("without a level")

	want := []string{
		`level=INFO msg="Received webhook event" github_delivery_id=d-1 n=3`,
		`level=ERROR msg="Unexpected error\nhandling webhook" error="no such row" github_delivery_id=d-1`,
		`level=INFO msg="without a level" github_delivery_id=d-1`,
	}
	if got := strings.TrimSpace(out.String()); got != strings.Join(want, "\n") {
		t.Fatalf("got:\n%s\nwant:\n%s", got, strings.Join(want, "\n"))
	}
}
