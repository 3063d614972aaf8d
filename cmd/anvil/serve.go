package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"

	"github.com/spf13/cobra"

	"github.com/seed-bc0cc349/anvil/app"
	"github.com/seed-bc0cc349/anvil/config"
)

func serve() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long:  "Run the server until it is told to stop (SIGTERM or Ctrl-C); it then takes up to ten seconds to finish what it has begun.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			cfg, err := config.Load(path)
			if err != nil {
				return err
			}
			return run(cmd.Context(), cfg, logger(cfg))
		},
	}
	cmd.Flags().StringVar(&path, "config", "anvil.yaml", "the configuration file; config/anvil.example.yaml explains every key")
	return cmd
}

// run serves cfg until ctx ends. The address is logged once it is taken, so that
// a port of 0 can be found out.
func run(ctx context.Context, cfg *config.Config, log *slog.Logger) error {
	beThrifty()
	server, err := app.New(ctx, cfg, log)
	if err != nil {
		return err
	}
	tidyUp()
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("CFG_LISTEN: the address %s cannot be used: %w. Set listen to a free one", cfg.Listen, err)
	}
	return server.Run(ctx, listener)
}

func logger(cfg *config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(cfg.LogLevel)); err != nil {
		level = slog.LevelInfo // validated by config
	}
	options := &slog.HandlerOptions{Level: level}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}
