package modeltest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options configure a scripted model.
type Options struct {
	// Listen is the address to listen on; default 127.0.0.1:0.
	Listen string
	// Scripts are what it follows; default [Defaults].
	Scripts []Script
	// Keys are the API keys that are accepted; empty: any, and none.
	Keys []string
	// Models are what /v1/models lists; any model is answered for.
	Models []string
	// Log gets one line per request. Default: discarded.
	Log *slog.Logger
}

// Server is a scripted model. See the package comment.
type Server struct {
	URL string // without a trailing slash and without /v1

	options Options
	http    *http.Server
	ctx     context.Context // ends when Close begins
	stop    context.CancelFunc
	served  sync.WaitGroup
	closing sync.Once

	mu       sync.Mutex
	requests []Request
	times    map[string]int // how often a disturbance has happened, by where
}

// maxBody bounds a request's body; agents send their whole history.
const maxBody = 64 << 20

// Start starts a scripted model and returns when it answers.
func Start(o Options) (*Server, error) {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Scripts == nil {
		o.Scripts = Defaults()
	}
	if len(o.Models) == 0 {
		o.Models = []string{"scripted"}
	}
	o.Scripts = slices.Clone(o.Scripts)
	if err := prepare(o.Scripts); err != nil {
		return nil, fmt.Errorf("starting the scripted model: %w", err)
	}
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("starting the scripted model: %w", err)
	}
	s := &Server{URL: "http://" + l.Addr().String(), options: o, times: map[string]int{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	s.http = &http.Server{
		Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return s.ctx },
		ErrorLog:    slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	s.served.Go(func() {
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			o.Log.Error("the scripted model stopped serving", "error", err)
		}
	})
	return s, nil
}

// Close ends all answers and waits until nothing is served any more. It may be called
// more than once.
func (s *Server) Close() error {
	s.closing.Do(func() {
		s.stop()
		_ = s.http.Close()
	})
	s.served.Wait()
	return nil
}

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/responses", s.answer(responses))
	mux.HandleFunc("POST /v1/chat/completions", s.answer(chat))
	mux.HandleFunc("POST /v1/messages", s.answer(messages))
	mux.HandleFunc("POST /v1/messages/count_tokens", func(w http.ResponseWriter, r *http.Request) { s.count(w, r, "input_tokens", anthropicFault) })
	mux.HandleFunc("POST /v1beta/models/{call}", s.generateContent)
	mux.HandleFunc("GET /v1/models", s.models)
	mux.HandleFunc("/api/hello", s.hello)
	mux.HandleFunc("/{$}", s.hello)
	mux.HandleFunc("GET /_sim/requests", func(w http.ResponseWriter, _ *http.Request) { send(w, http.StatusOK, s.Requests()) })
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.nothing(w, r, openaiFault) })
	return mux
}

// nothing answers what is not served.
func (s *Server) nothing(w http.ResponseWriter, r *http.Request, fault func(int, string) any) {
	s.finish(s.begin(r), http.StatusNotFound)
	send(w, http.StatusNotFound, fault(http.StatusNotFound, "There is nothing at "+r.URL.Path+"."))
}

// hello answers the calls by which agents find out whether anybody is there.
func (s *Server) hello(w http.ResponseWriter, r *http.Request) {
	s.finish(s.begin(r), http.StatusOK)
	send(w, http.StatusOK, object{"message": "a scripted model"})
}

func (s *Server) models(w http.ResponseWriter, r *http.Request) {
	n := s.begin(r)
	if !s.admitted(r) {
		s.finish(n, http.StatusUnauthorized)
		send(w, http.StatusUnauthorized, openaiFault(http.StatusUnauthorized, "The API key is not one of mine."))
		return
	}
	list := []object{}
	for _, m := range s.options.Models {
		list = append(list, object{"id": m, "object": "model", "type": "model", "display_name": m, "created": 0, "owned_by": "anvil"})
	}
	s.finish(n, http.StatusOK)
	send(w, http.StatusOK, object{"object": "list", "data": list, "has_more": false})
}

// count says, under the name that the protocol has for it, how many tokens a request would
// be: a fourth of its bytes.
func (s *Server) count(w http.ResponseWriter, r *http.Request, name string, fault func(int, string) any) {
	n := s.begin(r)
	size, err := io.Copy(io.Discard, http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		s.finish(n, http.StatusRequestEntityTooLarge)
		send(w, http.StatusRequestEntityTooLarge, fault(http.StatusRequestEntityTooLarge, err.Error()))
		return
	}
	s.finish(n, http.StatusOK)
	send(w, http.StatusOK, object{name: size / 4})
}

// admitted reports whether a request shows a key that is accepted.
func (s *Server) admitted(r *http.Request) bool {
	if len(s.options.Keys) == 0 {
		return true
	}
	key := cmp.Or(r.Header.Get("X-Api-Key"), r.Header.Get("X-Goog-Api-Key"))
	if bearer, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); found {
		key = bearer
	}
	return slices.Contains(s.options.Keys, key)
}

// answer serves one protocol.
func (s *Server) answer(p protocol) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := s.begin(r)
		refuse := func(status int, why string) {
			s.finish(n, status)
			send(w, status, p.fault(status, why))
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			refuse(http.StatusRequestEntityTooLarge, err.Error())
			return
		}
		if !s.admitted(r) {
			refuse(http.StatusUnauthorized, "The API key is not one of mine.")
			return
		}
		c, err := p.parse(body)
		if err != nil {
			refuse(http.StatusBadRequest, err.Error())
			return
		}
		t, err := next(s.options.Scripts, c)
		if err != nil {
			refuse(http.StatusInternalServerError, err.Error())
			return
		}
		s.learn(n, c, t, int64(len(body)))
		s.options.Log.Info("model", "path", r.URL.Path, "script", t.script, "position", t.position)
		if f := t.fail; f != nil && s.happens("fail", t, f.Times) {
			s.finish(n, f.Status)
			if f.RetryAfter != "" {
				w.Header().Set("Retry-After", f.RetryAfter)
			}
			if f.Body != "" {
				w.WriteHeader(f.Status)
				_, _ = io.WriteString(w, f.Body)
				return
			}
			send(w, f.Status, p.fault(f.Status, "The script says that this fails."))
			return
		}
		s.finish(n, http.StatusOK)
		cut := t.cut != nil && s.happens("cut", t, t.cut.Times)
		if c.Stream {
			s.relay(w, r, p.stream(t), p.end, t, cut)
			return
		}
		s.whole(w, r, p.plain(t), t, cut)
	}
}

// relay sends an answer in parts.
func (s *Server) relay(w http.ResponseWriter, r *http.Request, parts []part, end string, t Turn, cut bool) {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-cache")
	flusher := http.NewResponseController(w)
	for i, p := range parts {
		if t.slow > 0 && !wait(r.Context(), t.slow) {
			return
		}
		if cut && i == len(parts)/2 {
			panic(http.ErrAbortHandler) // the connection ends in the middle of the stream
		}
		data, err := json.Marshal(p.data)
		if err != nil {
			panic(err) // parts are made here, of what JSON can say
		}
		if p.event != "" {
			fmt.Fprintf(w, "event: %s\n", p.event)
		}
		fmt.Fprintf(w, "data: %s\n\n", data)
		if flusher.Flush() != nil {
			return
		}
		if t.hold && i == 0 {
			<-r.Context().Done()
			return
		}
	}
	_, _ = io.WriteString(w, end)
}

// whole sends an answer in one piece, or half of it.
func (s *Server) whole(w http.ResponseWriter, r *http.Request, answer any, t Turn, cut bool) {
	if t.slow > 0 && !wait(r.Context(), t.slow) {
		return
	}
	if t.hold {
		<-r.Context().Done()
		return
	}
	var b bytes.Buffer
	if err := json.NewEncoder(&b).Encode(answer); err != nil {
		panic(err) // answers are made here, of what JSON can say
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", fmt.Sprint(b.Len()))
	if cut {
		_, _ = w.Write(b.Bytes()[:b.Len()/2])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = b.WriteTo(w)
}

func wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

func send(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
