package app

import (
	"cmp"
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/blob"
	"github.com/seed-bc0cc349/anvil/app/dispatch"
	"github.com/seed-bc0cc349/anvil/app/gateway"
	"github.com/seed-bc0cc349/anvil/app/git"
	"github.com/seed-bc0cc349/anvil/app/github"
	"github.com/seed-bc0cc349/anvil/app/hook"
	"github.com/seed-bc0cc349/anvil/app/inspect"
	"github.com/seed-bc0cc349/anvil/app/intake"
	"github.com/seed-bc0cc349/anvil/app/lease"
	"github.com/seed-bc0cc349/anvil/app/missed"
	"github.com/seed-bc0cc349/anvil/app/notify"
	"github.com/seed-bc0cc349/anvil/app/policy"
	"github.com/seed-bc0cc349/anvil/app/publish"
	"github.com/seed-bc0cc349/anvil/app/queue"
	"github.com/seed-bc0cc349/anvil/app/rulebook"
	"github.com/seed-bc0cc349/anvil/app/runapi"
	"github.com/seed-bc0cc349/anvil/app/sanitize"
	"github.com/seed-bc0cc349/anvil/app/schedule"
	"github.com/seed-bc0cc349/anvil/app/seal"
	"github.com/seed-bc0cc349/anvil/app/secret"
	"github.com/seed-bc0cc349/anvil/app/store"
	"github.com/seed-bc0cc349/anvil/config"
)

// PathHook is where GitHub delivers webhooks.
const PathHook = "/api/github/hook"

// patience is how long a hop waits for what is out of its hands, such as a GitHub
// that does not answer, before the run ends with that as its cause. It is shorter
// than the state's own ([anvil.State.Patience]), at whose end only the time is told.
const patience = 11 * time.Hour

// App is one server.
type App struct {
	cfg      *config.Config
	log      *slog.Logger
	now      func() time.Time
	unlock   func()
	store    *store.Store
	blobs    *blob.Store
	queue    *queue.Queue
	reaper   *lease.Reaper
	models   *gateway.Gateway
	registry *prometheus.Registry // nil if nobody wants to know
	clear    *clearance
	thumbs   *intake.Thumbs
	missed   *missed.Finder
	listen   func(context.Context) // to what comes over a socket; nil: nothing does
	linear   *linearPlace          // nil where none is configured
	server   *http.Server
}

// New puts a server together from its configuration. It opens the database and
// brings it up to date; it asks nobody anything yet.
func New(ctx context.Context, cfg *config.Config, log *slog.Logger) (_ *App, err error) {
	a := &App{cfg: cfg, log: log, now: time.Now}
	defer func() {
		if err != nil {
			a.close()
		}
	}()
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return nil, anvil.Problemf("DB_OPEN", "Make the data directory, or set data_dir to one that can be written.", "the data directory cannot be made").Because(err)
	}
	if a.unlock, err = lock(cfg.DataDir); err != nil {
		return nil, err
	}
	if a.store, err = store.Open(ctx, cfg.DataDir, a.now, log); err != nil {
		return nil, err
	}
	a.store.Attempts = cfg.Limits.Attempts
	a.store.Redact = func(text string) string {
		masked, _ := secret.Mask(text)
		return masked
	}
	if a.blobs, err = blob.Open(filepath.Join(cfg.DataDir, "blob")); err != nil {
		return nil, err
	}
	if err := a.connect(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// connect is where the parts meet.
func (a *App) connect(ctx context.Context) error {
	cfg, log, now := a.cfg, a.log, a.now
	webhookSecret, err := cfg.WebhookSecret()
	if err != nil {
		return err
	}
	hub, err := hubOf(cfg, now, log)
	if err != nil {
		return err
	}
	verifier, err := github.NewVerifier(github.VerifierConfig{Issuer: cfg.GitHub.OIDCIssuer, Audience: cfg.PublicURL, Clock: now, Log: log})
	if err != nil {
		return err
	}
	program, err := git.Find(ctx)
	if err != nil {
		return err
	}
	markerKey, err := hkdf.Key(sha256.New, webhookSecret, nil, "anvil marker", 32)
	if err != nil {
		return err
	}
	self := &identity{ask: hub.Self}
	offer := offerOf(cfg)
	markers := publish.Markers{Key: markerKey}
	words := Words()

	book := &rulebook.Book{GitHub: hub, Owners: hub, Past: a.store, ValidRef: git.ValidateRef, Now: now}
	decider := &intake.Decider{
		Rules: rulesNow(hub, book), Store: a.store, GitHub: hub, Status: told(notify.Status), Handoff: told(notify.Handoff), Tell: notify.Tell, Now: now, Log: log,
		Reader: func(ctx context.Context) (intake.Reader, error) {
			who, err := self.get(ctx)
			return readerOf(cfg, intake.Self{AppID: who.AppID, BotID: who.Bot.ID}), err
		},
	}
	sealed, err := a.sealed()
	if err != nil {
		return err
	}
	scheduler := &schedule.Scheduler{
		Store: a.store, Capacity: capacityOf(cfg), Log: log,
	}
	actions := &dispatch.Actions{GitHub: hub, Workflow: cfg.Dispatch.Workflow, Central: cfg.Dispatch.Repository, Ref: cfg.Dispatch.Ref}
	preparer := &dispatch.Preparer{GitHub: hub, Book: book, Offer: offer, Kinds: kindsOf(cfg)}
	dispatcher := &dispatch.Dispatcher{
		Store: a.store, Provider: actions, Prepare: preparer, Server: cfg.PublicURL, Now: now, Log: log,
		StartWithin: cfg.Limits.StartWithin, Settle: 20 * time.Second, Times: 3, Patience: patience,
	}
	a.registry = registryOf(cfg)
	var registerer prometheus.Registerer
	if a.registry != nil {
		registerer = a.registry
	}
	if a.models, err = gatewayOf(cfg, a.store, a.blobs, registerer, now, log); err != nil {
		return err
	}
	a.store.Changed = a.models.Forget
	scheduler.Waits = a.models.Waits
	leases := &lease.Server{
		Store: a.store, Verifier: verifier, GitHub: hub, Blobs: a.blobs, Sealed: sealed, Engines: enginesOf(cfg), Tools: cfg.Tools.Enabled, Relays: a.models.Serves, Now: now, Log: log,
		Place: lease.Workplace{
			Home: actions.Home, Workflow: cfg.Dispatch.Workflow, Ref: cfg.Dispatch.Ref, RunnerEnvironments: cfg.Dispatch.RunnerEnvironments, MayStay: cfg.Dispatch.LastingRunners,
		},
		Containment: containmentOf(cfg), MayAllow: offerOf(cfg).MayAllow, Images: imageCacheOf(cfg), Environment: environmentOf(cfg),
		Terms: lease.Terms{
			Lease: cfg.Limits.Lease, RenewEvery: cfg.Limits.RenewEvery, Work: cfg.Limits.Work, Verify: cfg.Limits.Verify,
			BundleBytes: cfg.Limits.BundleBytes, LogBytes: cfg.Limits.LogBytes, ConversationBytes: cfg.Limits.ConversationBytes,
			RepairRounds: cfg.Limits.RepairRounds, Compare: cfg.Limits.CompareWithin, Checkpoint: cfg.Limits.CheckpointEvery, AnswerWithin: cfg.Limits.AnswerWithin,
		},
	}
	a.thumbs = &intake.Thumbs{Store: a.store, GitHub: hub, Question: publish.KeyQuestion, Now: now, Log: log}
	a.missed = &missed.Finder{GitHub: hub, Store: a.store, Now: now, Log: log}
	a.clear = &clearance{store: a.store, blobs: a.blobs, retention: cfg.Sessions.Retention, images: cfg.Environment.Cache.Keep, now: now, log: log}
	a.reaper = &lease.Reaper{
		Store: a.store, Now: now, Log: log, Lease: cfg.Limits.Lease,
		StartWithin: cfg.Limits.StartWithin, HoldFor: cfg.Limits.HoldFor, AnswerWithin: cfg.Limits.AnswerWithin,
	}
	inspector, err := inspect.New(inspect.Config{
		Git: program, Dir: filepath.Join(cfg.DataDir, "quarantine"),
		Canaries: func() []inspect.Canary {
			return append(keysOf(cfg), inspect.Canary{Kind: "the webhook secret", Value: string(webhookSecret)})
		},
	})
	if err != nil {
		return err
	}
	inspection := &inspect.Hop{
		Store: a.store, GitHub: hub, Blobs: a.blobs, Inspector: inspector, Rules: book.At,
		HoldFor: cfg.Limits.HoldFor, Patience: patience, Now: now, Log: log,
		Limits: inspect.Limits{
			BundleBytes: cfg.Limits.BundleBytes, Files: cfg.Limits.Files, BlobBytes: cfg.Limits.FileBytes, TotalBytes: cfg.Limits.DiffBytes,
		},
	}
	announcer := &publish.Announcer{
		Store: a.store, Talk: hub, Checks: hub, Threads: hub, Words: words, Markers: markers, Server: cfg.PublicURL, Now: now, Log: log,
		Pace: publish.Pace{Every: cfg.Limits.EditEvery},
	}
	deliverer := &publish.Deliverer{
		Store: a.store, GitHub: hub, Pulls: hub, Signing: hub, Triage: hub, Checks: hub, Words: words, Markers: markers,
		Screenshot: a.screenshot,
		Quarantine: inspection.Open, Done: inspection.Clear, Server: cfg.PublicURL, Patience: patience, Now: now, Log: log,
		Bot: func(ctx context.Context) (anvil.Actor, error) {
			who, err := self.get(ctx)
			return who.Bot, err
		},
	}

	independent := &publish.Independent{
		Store: a.store, GitHub: hub, Checks: hub, Now: now, Log: log, Bot: deliverer.Bot,
		Words: func(i anvil.Independence) github.CheckRun { return notify.IndependentReview(notify.IndependenceOf(i)) },
	}

	a.linear, err = linearOf(cfg, a.store, hub, decider, markers, now, log)
	if err != nil {
		return err
	}
	links, err := linksOf(cfg, a.store, webhookSecret, now, log)
	if err != nil {
		return err
	}
	inSlack, err := slackOf(cfg, a.store, hub, decider, markers, links, a.screenshot, now, log)
	if err != nil {
		return err
	}
	greet := func(context.Context, string) error { return nil } // of a place that is not configured any more
	announcer.Places = map[string]publish.Place{}
	if inSlack != nil {
		announcer.Places[intake.PlaceSlack] = inSlack.place
		a.listen = inSlack.listen
	}
	if a.linear != nil {
		announcer.Places[intake.PlaceLinear] = a.linear.place
		greet = a.linear.place.Greet
	}
	if a.queue, err = queue.New(ctx, a.store.DB(), []queue.Hop{
		{Name: anvil.HopDecide, Handle: alone(decider.Decide, now)},
		{Name: anvil.HopAnnounce, Handle: announcer.Announce},
		{Name: anvil.HopSpeak, Handle: announcer.Speak},
		{Name: anvil.HopReply, Handle: announcer.Reply},
		{Name: anvil.HopGreet, Handle: greet},
		{Name: anvil.HopReview, Handle: alone(independent.Look, now)},
		{Name: anvil.HopSchedule, Handle: scheduler.Schedule},
		{Name: anvil.HopDispatch, Handle: alone(dispatcher.Dispatch, now), Limit: 3 * time.Minute},
		{Name: anvil.HopStop, Handle: dispatcher.Stop, Limit: 2 * time.Minute},
		{Name: anvil.HopInspect, Handle: alone(inspection.Inspect, now), Heavy: true, Limit: 10 * time.Minute},
		// After a restart the bundle is inspected again before it is pushed.
		{Name: anvil.HopDeliver, Handle: alone(deliverer.Deliver, now), Heavy: true, Limit: 12 * time.Minute},
	}, log); err != nil {
		return err
	}
	a.store.Queue = a.queue

	door, err := hook.New(webhookSecret, a.store, now, log)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle(PathHook, door)
	if a.linear != nil {
		mux.Handle(PathLinearHook, a.linear.door)
	}
	if inSlack != nil && cfg.Slack.Mode == "http" {
		mux.Handle(PathSlack, inSlack.door)
	}
	if links != nil {
		links.Register(mux)
	}
	leases.Register(mux)
	imagesOf(cfg, a.store, a.blobs, now, log).Register(mux)
	if cfg.Tools.Enabled {
		offered, err := toolsOf(cfg, a.store, hub, markers, now, log)
		if err != nil {
			return err
		}
		offered.Register(mux)
	}
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.store.Ping(r.Context()); err != nil {
			http.Error(w, "the database does not answer", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, "ready")
	})
	a.server = &http.Server{
		Handler:           a.models.Front(mux),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       2 * time.Minute, // a bundle over a slow line
		WriteTimeout:      2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	return nil
}

// Run serves on listener until ctx ends, then drains: requests get ten seconds,
// jobs too. What is cut off is done again after the next start.
func (a *App) Run(ctx context.Context, listener net.Listener) error {
	defer a.close()
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stopMetrics, err := serveMetrics(a.cfg.MetricsListen, a.registry)
	if err != nil {
		return err
	}
	defer stopMetrics()
	if err := a.models.Start(work); err != nil {
		return err
	}
	defer a.models.Stop()
	if err := a.queue.Start(work); err != nil {
		return err
	}
	var background sync.WaitGroup
	watching, stopWatching := context.WithCancel(work)
	background.Go(func() { a.watch(watching) })
	background.Go(func() { a.thumbs.Watch(watching) })
	background.Go(func() { a.missed.Watch(watching) })
	if a.listen != nil {
		background.Go(func() { a.listen(watching) })
	}

	served := make(chan error, 1)
	go func() { served <- a.server.Serve(listener) }()
	a.log.Info("serving", "address", listener.Addr().String(), "public_url", a.cfg.PublicURL)

	select {
	case <-ctx.Done():
	case err = <-served:
	}
	a.log.Info("draining")
	drain, cancelDrain := context.WithTimeout(work, 10*time.Second)
	defer cancelDrain()
	if shutErr := a.server.Shutdown(drain); shutErr != nil {
		a.server.Close()
	}
	stopWatching()
	background.Wait()
	if stopErr := a.queue.Stop(drain); stopErr != nil {
		err = errors.Join(err, stopErr)
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// close gives back what New took. It may be called twice.
func (a *App) close() {
	if a.store != nil {
		a.store.Close()
		a.store = nil
	}
	if a.blobs != nil {
		a.blobs.Close()
		a.blobs = nil
	}
	if a.unlock != nil {
		a.unlock()
		a.unlock = nil
	}
}

// sealed is where sessions are kept, under the operator's key or one of our own.
func (a *App) sealed() (*seal.Store, error) {
	text, err := a.cfg.SessionKey()
	if err != nil {
		return nil, err
	}
	if text != nil {
		key, err := seal.ParseKey(text, cmp.Or(a.cfg.Sessions.KeyFile, a.cfg.Sessions.KeyEnv))
		return &seal.Store{Blobs: a.blobs, Key: key}, err
	}
	path := filepath.Join(a.cfg.DataDir, "sessions.key")
	key, made, err := seal.OwnKey(path)
	if made {
		a.log.Info("made a key with which sessions are encrypted: keep it apart from backups of the data directory, or set sessions.key_file", "file", path)
	}
	return &seal.Store{Blobs: a.blobs, Key: key}, err
}

// hubOf is GitHub, as the configured App.
func hubOf(cfg *config.Config, now func() time.Time, log *slog.Logger) (*github.App, error) {
	key, err := cfg.PrivateKey()
	if err != nil {
		return nil, err
	}
	return github.New(github.Config{
		WebURL: cfg.GitHub.URL, APIURL: cfg.GitHub.APIURL, AppID: cfg.GitHub.AppID, PrivateKey: key, Clock: now, Log: log,
	})
}

// readerOf reads deliveries as the server does.
func readerOf(cfg *config.Config, self intake.Self) intake.Reader {
	return intake.Reader{
		Self: self, Offer: offerOf(cfg), PromptBytes: cfg.Limits.PromptBytes, ValidRef: git.ValidateRef, Clean: sanitize.Prompt, Mask: secret.Mask,
	}
}

func capacityOf(cfg *config.Config) schedule.Capacity {
	return schedule.Capacity{Total: cfg.Capacity.Total, PerRepository: cfg.Capacity.PerRepository}
}

// rulesNow reads the rules in force for a repository whose default branch was told a
// moment ago, by GitHub itself.
func rulesNow(hub rulebook.Contents, book *rulebook.Book) func(context.Context, anvil.Repository) (anvil.Rules, error) {
	return func(ctx context.Context, repo anvil.Repository) (anvil.Rules, error) {
		tip, err := hub.Branch(ctx, repo, repo.DefaultBranch)
		if err != nil {
			return anvil.Rules{}, err
		}
		return book.At(ctx, repo, tip)
	}
}

// offerOf says what tasks may choose from.
func offerOf(cfg *config.Config) policy.Offer {
	offer := policy.Offer{Default: cfg.DefaultEngine, Models: map[string][]string{}, Hosts: cfg.Containment.RepositoriesMayAllow}
	for name, e := range cfg.Engines {
		offer.Models[name] = e.Models
	}
	return offer
}

func kindsOf(cfg *config.Config) map[string]string {
	kinds := map[string]string{}
	for name, e := range cfg.Engines {
		kinds[name] = e.Kind
	}
	return kinds
}

// containmentOf says what untrusted programs run in.
func containmentOf(cfg *config.Config) runapi.Containment {
	c := cfg.Containment
	return runapi.Containment{
		Mode: c.Mode, Image: c.Image, Network: c.Network, Allow: c.Allow,
		MemoryBytes: c.MemoryBytes, CPUs: c.CPUs, PIDs: c.PIDs, DiskBytes: c.DiskBytes,
	}
}

// enginesOf says how a runner starts each engine.
func enginesOf(cfg *config.Config) map[string]runapi.Engine {
	engines := map[string]runapi.Engine{}
	for name, e := range cfg.Engines {
		engine := runapi.Engine{Name: name, Kind: e.Kind, Version: e.Version, Command: e.Command, PassEnv: e.PassEnv}
		if engine.Version == config.AnyVersion {
			engine.Version = ""
		}
		engines[name] = engine
	}
	return engines
}

// Story returns all that is known about a task.
func (a *App) Story(ctx context.Context, id anvil.TaskID) (anvil.Story, error) {
	return a.store.Story(ctx, id)
}

// TasksSince lists the tasks that were opened after a time, oldest first.
func (a *App) TasksSince(ctx context.Context, t time.Time) ([]anvil.TaskID, error) {
	return a.store.TasksSince(ctx, t)
}

// Delivery returns a webhook call that was stored, with what became of it.
func (a *App) Delivery(ctx context.Context, id anvil.DeliveryID) (anvil.Delivery, error) {
	return a.store.Delivery(ctx, id)
}
