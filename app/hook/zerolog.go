package hook

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"

	"github.com/rs/zerolog"
)

// zerologTo returns the logger that go-githubapp looks for in a request's
// context. What it logs becomes records of log, so that there is one log.
func zerologTo(log *slog.Logger) zerolog.Logger {
	return zerolog.New(bridge{log}).Level(zerolog.DebugLevel)
}

// bridge turns each line of zerolog into a record of slog.
type bridge struct{ log *slog.Logger }

func (b bridge) Write(line []byte) (int, error) { return b.WriteLevel(zerolog.NoLevel, line) }

func (b bridge) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	ctx, at := context.Background(), slogLevel(level)
	if !b.log.Enabled(ctx, at) {
		return len(line), nil
	}
	var fields map[string]any
	if err := json.Unmarshal(line, &fields); err != nil {
		b.log.Log(ctx, at, "a log line that is not JSON", "line", string(line))
		return len(line), nil
	}
	message, _ := fields[zerolog.MessageFieldName].(string)
	delete(fields, zerolog.MessageFieldName)
	delete(fields, zerolog.LevelFieldName)
	delete(fields, zerolog.TimestampFieldName) // slog has its own

	attrs := make([]slog.Attr, 0, len(fields))
	for name, value := range fields {
		attrs = append(attrs, slog.Any(name, value))
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int {
		if a.Key < b.Key {
			return -1
		}
		return 1
	})
	b.log.LogAttrs(ctx, at, message, attrs...)
	return len(line), nil
}

// slogLevel maps zerolog's levels. Fatal and panic are errors here: the bridge
// records them, and what zerolog does besides is its own affair.
func slogLevel(l zerolog.Level) slog.Level {
	switch l {
	case zerolog.TraceLevel, zerolog.DebugLevel:
		return slog.LevelDebug
	case zerolog.WarnLevel:
		return slog.LevelWarn
	case zerolog.ErrorLevel, zerolog.FatalLevel, zerolog.PanicLevel:
		return slog.LevelError
	}
	return slog.LevelInfo
}
