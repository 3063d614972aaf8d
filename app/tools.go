package app

import (
	"context"
	"log/slog"
	"time"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/secret"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/app/tools"
	"github.com/seed-bc0cc349/anvil/config"
)

// toolsOf are the tools that agents may use.
func toolsOf(cfg *config.Config, s *store.Store, hub *github.App, markers publish.Markers, now func() time.Time, log *slog.Logger) (*tools.Server, error) {
	t := &tools.Server{
		Store: s, GitHub: hub, Quotas: cfg.Tools.Quotas, ProposeIssue: cfg.Tools.ProposeIssue,
		Marker: func(key string) string { return markers.Of(anvil.TaskID(key)) }, Mask: secret.Mask,
		Public: cfg.PublicURL, Now: now, Log: log,
	}
	for i, server := range cfg.Tools.Servers {
		headers, err := cfg.ToolHeaders(i)
		if err != nil {
			return nil, err
		}
		t.Remotes = append(t.Remotes, &tools.Remote{Name: server.Name, URL: server.URL, Headers: headers, Tools: server.Tools})
	}
	return t, nil
}

// VerifyAudit checks the audit trail in a server's data directory, whether the server
// runs or not. Seen is the hash of a row that was there before; empty: none is known.
func VerifyAudit(ctx context.Context, cfg *config.Config, seen string) (rows int64, head string, err error) {
	return store.VerifyAudit(ctx, cfg.DataDir, seen)
}
