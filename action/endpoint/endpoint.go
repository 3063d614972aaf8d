package endpoint

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

const (
	maxBody     = 64 << 20 // of a request: a conversation with pictures in it
	maxAtOnce   = 64       // requests; a real agent has a few
	headerBytes = 64 << 10
)

// Server is what requests are passed on to: a [runapi.Holder].
type Server interface {
	RelayModel(context.Context, runapi.Relayed) (*http.Response, error)
	RelayTools(context.Context, runapi.Relayed) (*http.Response, error)
}

// Endpoint is the local endpoint of one run. [Open] makes it.
type Endpoint struct {
	token  string
	server Server
	slots  chan struct{}
	dir    string
	http   *http.Server
}

// Open starts an endpoint that passes requests on to server.
func Open(server Server) (*Endpoint, error) {
	// A directory of its own, because the path of a socket may not be long, and
	// because who may connect is decided by who may enter it.
	dir, err := os.MkdirTemp("", "anvil-")
	if err != nil {
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	e := &Endpoint{token: "anvil_local_" + rand.Text(), server: server, slots: make(chan struct{}, maxAtOnce), dir: dir}
	l, err := net.Listen("unix", e.Socket())
	if err == nil {
		// A container's user is another one, and gets the socket alone.
		err = os.Chmod(e.Socket(), 0o666)
	}
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, fmt.Errorf("open endpoint: %w", err)
	}
	e.http = &http.Server{
		Handler: e, ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: headerBytes,
		ErrorLog: log.New(io.Discard, "", 0), // what an agent sends is no news
	}
	go func() { _ = e.http.Serve(l) }()
	return e, nil
}

// Token is what requests must carry, as a bearer token or in x-api-key.
func (e *Endpoint) Token() string { return e.token }

// Socket is the path of the Unix socket.
func (e *Endpoint) Socket() string { return filepath.Join(e.dir, "endpoint") }

// Close ends it, with all requests that are under way.
func (e *Endpoint) Close() error {
	err := e.http.Close()
	if rmErr := os.RemoveAll(e.dir); err == nil {
		err = rmErr
	}
	return err
}
