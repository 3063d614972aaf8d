//go:build unix

package confine

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// insideBuilds is where the machine's cache of Go builds is to be read.
const insideBuilds = insideCaches + "/go-build"

// GoCache is a cache of Go builds in two layers, spoken to by the go command (see
// GOCACHEPROG in `go help environment`; toolchains before Go 1.24 do not ask, and
// build anew). What it is given to keep goes into the directory own. What own lacks
// is looked for in the machine's cache, which programs inside can only read: a cold
// cache would build Go's own library for the agent, and again for the checks.
//
// It runs inside, as the program's user, and serves nobody else: what an agent does
// to it reaches no other cache.
func GoCache(in io.Reader, out io.Writer, own string) int {
	c := goCache{own: own, machine: insideBuilds}
	if err := c.serve(in, out); err != nil {
		fmt.Fprintln(os.Stderr, "go-cache:", err)
		return 1
	}
	return 0
}

type goCache struct{ own, machine string }

// goCacheRequest and goCacheAnswer are the protocol's messages, named by its fields.
type goCacheRequest struct {
	ID       int64
	Command  string
	ActionID []byte
	OutputID []byte
	BodySize int64
}

type goCacheAnswer struct {
	ID            int64
	Err           string     `json:",omitempty"`
	KnownCommands []string   `json:",omitempty"`
	Miss          bool       `json:",omitempty"`
	OutputID      []byte     `json:",omitempty"`
	Size          int64      `json:",omitempty"`
	Time          *time.Time `json:",omitempty"`
	DiskPath      string     `json:",omitempty"`
}

func (c goCache) serve(in io.Reader, out io.Writer) error {
	requests, w := json.NewDecoder(bufio.NewReaderSize(in, 64<<10)), bufio.NewWriter(out)
	answers := json.NewEncoder(w)
	answer := goCacheAnswer{KnownCommands: []string{"get", "put", "close"}}
	for {
		if err := answers.Encode(answer); err != nil {
			return err
		}
		if err := w.Flush(); err != nil {
			return err
		}
		var r goCacheRequest
		if err := requests.Decode(&r); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		var err error
		answer = goCacheAnswer{}
		switch r.Command {
		case "get":
			answer = c.get(r.ActionID)
		case "put":
			var body []byte
			if r.BodySize > 0 {
				if err := requests.Decode(&body); err != nil {
					return err
				}
			}
			answer.DiskPath, err = c.put(r.ActionID, r.OutputID, body)
		case "close":
			_ = answers.Encode(goCacheAnswer{ID: r.ID})
			return w.Flush()
		default:
			err = fmt.Errorf("%q is not known", r.Command)
		}
		if answer.ID = r.ID; err != nil {
			answer.Err = err.Error()
		}
	}
}

// place is where a cache keeps the file of an action (-a) or an output (-d), as the
// go command lays its own cache out.
func place(dir string, id []byte, kind string) string {
	name := hex.EncodeToString(id)
	return filepath.Join(dir, name[:2], name+kind)
}

// get looks in both layers. An entry that can't be read is a miss.
func (c goCache) get(action []byte) goCacheAnswer {
	miss := goCacheAnswer{Miss: true}
	if len(action) == 0 {
		return miss
	}
	for _, dir := range []string{c.own, c.machine} {
		entry, err := os.ReadFile(place(dir, action, "-a"))
		if err != nil {
			continue
		}
		// "v1 ACTION OUTPUT SIZE NANOSECONDS"
		fields := strings.Fields(string(entry))
		if len(fields) != 5 || fields[0] != "v1" || fields[1] != hex.EncodeToString(action) {
			continue
		}
		output, err := hex.DecodeString(fields[2])
		size, sizeErr := strconv.ParseInt(fields[3], 10, 64)
		nanoseconds, timeErr := strconv.ParseInt(fields[4], 10, 64)
		if err != nil || sizeErr != nil || timeErr != nil || len(output) == 0 {
			continue
		}
		path := place(dir, output, "-d")
		if info, err := os.Stat(path); err != nil || info.Size() != size {
			continue
		}
		at := time.Unix(0, nanoseconds)
		return goCacheAnswer{OutputID: output, Size: size, Time: &at, DiskPath: path}
	}
	return miss
}

// put keeps an output in the own layer: the bytes before the entry that names them.
func (c goCache) put(action, output, body []byte) (string, error) {
	if len(action) == 0 || len(output) == 0 {
		return "", fmt.Errorf("an entry without an id")
	}
	path := place(c.own, output, "-d")
	entry := fmt.Sprintf("v1 %x %x %20d %20d\n", action, output, len(body), time.Now().UnixNano())
	for _, file := range []struct {
		path string
		text []byte
	}{{path, body}, {place(c.own, action, "-a"), []byte(entry)}} {
		if err := replace(file.path, file.text); err != nil {
			return "", err
		}
	}
	return path, nil
}

// replace writes a file so that a reader sees it whole or not at all: several go
// commands may run at once.
func replace(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
