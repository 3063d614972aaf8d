package app

import (
	"context"
	"io"
	"log/slog"
	"math"
	"net/url"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/gateway"
	"github.com/seed-bc0cc349/anvil/app/inspect"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// gatewayOf makes the gateway that a configuration asks for.
func gatewayOf(cfg *config.Config, s *store.Store, blobs *blob.Store, registry prometheus.Registerer, now func() time.Time, log *slog.Logger) (*gateway.Gateway, error) {
	upstreams, err := upstreamsOf(cfg)
	if err != nil {
		return nil, err
	}
	table, err := cfg.PriceTable()
	if err != nil {
		return nil, err
	}
	prices := make([]gateway.Price, len(table))
	for i, p := range table {
		prices[i] = gateway.Price(p)
	}
	g := cfg.Gateway
	var keep func(context.Context, anvil.RunID, string, io.Reader) error
	if g.StorePrompts {
		keep = func(ctx context.Context, run anvil.RunID, name string, content io.Reader) error {
			digest, size, err := blobs.Put(ctx, content, 2*max(g.BodyBytes, 16<<20))
			if err != nil {
				return err
			}
			return s.SaveArtifact(ctx, run, name, digest, size, func(anvil.Run) error { return nil })
		}
	}
	return gateway.New(gateway.Config{
		Store: s, Upstreams: upstreams, Prices: prices, Budgets: budgetsOf(cfg), Cheaper: g.CheaperModels, Hosted: g.HostedTools, BodyBytes: g.BodyBytes, OutputTokens: g.OutputTokens,
		Parallel: g.ParallelCalls, Silence: g.AnswerWithin, Keep: keep, Metrics: registry, Now: now, Log: log,
		Models: func(e anvil.EngineInfo) []string {
			var all []string
			for _, m := range slices.Concat([]string{e.Model}, cfg.Engines[e.Name].Models, g.SmallModels) {
				if m != "" && !slices.Contains(all, m) {
					all = append(all, m)
				}
			}
			return all
		},
	}), nil
}

// budgetsOf are the budgets of a configuration, the number of a run's calls included.
func budgetsOf(cfg *config.Config) []gateway.Budget {
	budgets := []gateway.Budget{{Scope: anvil.ScopeRun, Limit: anvil.Spent{Calls: cfg.Gateway.MaxCalls}}}
	for _, b := range cfg.Budgets {
		budgets = append(budgets, gateway.Budget{
			Scope: anvil.Scope(b.Scope), Limit: anvil.Spent{CostMicros: int64(math.Round(b.USD * 1e6)), Tokens: b.Tokens},
			Day: b.Per == "day", Cheaper: b.OnLimit == "cheaper", Queue: b.OnLimit == "queue",
		})
	}
	return budgets
}

func upstreamsOf(cfg *config.Config) ([]gateway.Upstream, error) {
	var all []gateway.Upstream
	for i, u := range cfg.Gateway.Upstreams {
		base, err := url.Parse(u.BaseURL)
		if err != nil {
			return nil, err
		}
		key, err := cfg.UpstreamKey(i)
		if err != nil {
			return nil, err
		}
		all = append(all, gateway.Upstream{Name: u.Name, Protocols: u.Protocols, BaseURL: base, Key: key, Auth: u.Auth, Models: u.Models})
	}
	return all, nil
}

// keysOf are the secrets for other servers and GitHub, which must never be published. They are read anew,
// as the server does when it starts; one that cannot be read was not in use.
func keysOf(cfg *config.Config) []inspect.Canary {
	var all []inspect.Canary
	for i, u := range cfg.Gateway.Upstreams {
		if key, err := cfg.UpstreamKey(i); err == nil && key != "" {
			all = append(all, inspect.Canary{Kind: "the key of " + u.Name, Value: key})
		}
	}
	if cfg.Environment.Cache.Credential.User != "" {
		if password, err := cfg.RegistryPassword(); err == nil {
			all = append(all, inspect.Canary{Kind: "the registry's password", Value: password})
		}
	}
	if cfg.Linear.ClientID != "" {
		client, _ := cfg.LinearClientSecret()
		signing, _ := cfg.LinearWebhookSecret()
		all = append(all, inspect.Canary{Kind: "the client secret for Linear", Value: client}, inspect.Canary{Kind: "the webhook secret of Linear", Value: signing})
	}
	if cfg.Slack.Mode != "" {
		bot, app, signing, _ := cfg.SlackTokens()
		all = append(all, inspect.Canary{Kind: "the bot token for Slack", Value: bot}, inspect.Canary{Kind: "the app-level token for Slack", Value: app},
			inspect.Canary{Kind: "the signing secret of Slack", Value: signing})
	}
	if key, err := cfg.PrivateKeyPEM(); err == nil {
		all = append(all, inspect.Canary{Kind: "the App's private key", Value: string(key)})
	}
	if cfg.GitHub.ClientID != "" {
		client, _ := cfg.ClientSecret()
		all = append(all, inspect.Canary{Kind: "the App's client secret", Value: client})
	}
	for i, s := range cfg.Tools.Servers {
		headers, _ := cfg.ToolHeaders(i)
		for _, value := range headers {
			all = append(all, inspect.Canary{Kind: "a secret of the tool server " + s.Name, Value: value})
		}
	}
	return all
}
