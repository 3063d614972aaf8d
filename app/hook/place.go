package hook

import (
	"errors"
	"io"
	"net/http"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// roomBytes is what all bodies may take at once: two of the largest, or some sixty of
// a megabyte. (The library behind the checks makes one more copy of each that has
// passed them.)
const roomBytes = 64 << 20

// The steps in which a body gets its place. A long one is believed once a megabyte of
// it is there: holding much of the room then costs the sender as much.
const (
	firstStep  = 64 << 10
	secondStep = 1 << 20
)

var errFull = errors.New("there is no room for the body")

// place is what one body takes of the room.
type place struct {
	room  *semaphore.Weighted
	taken int64
}

// bounded reads a request's body of at most most bytes, for which its sender is given a
// time. If it can't be had, problem and status are the answer; next says what to do
// where the sender broke off.
func (p *place) bounded(w http.ResponseWriter, r *http.Request, most int64, within time.Duration, tooBig *anvil.Problem, next string) (body []byte, problem *anvil.Problem, status int) {
	if r.ContentLength > most {
		return nil, tooBig, http.StatusRequestEntityTooLarge
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(within))
	body, err := p.read(http.MaxBytesReader(w, r.Body, most), r.ContentLength)
	switch _, over := errors.AsType[*http.MaxBytesError](err); {
	case over:
		return nil, tooBig, http.StatusRequestEntityTooLarge
	case errors.Is(err, errFull):
		return nil, busy, http.StatusServiceUnavailable
	case err != nil:
		return nil, anvil.Problemf("WH_BODY", next, "the body could not be read").Because(err), http.StatusBadRequest
	}
	return body, nil, 0
}

// read reads a body of which length bytes are promised, or, if it is negative, MaxBody
// at most. It fails with errFull if there is no room for it.
func (p *place) read(r io.Reader, length int64) ([]byte, error) {
	whole := int(length) + 1 // one more, so that the end is seen without growing
	if length < 0 {
		whole = MaxBody + 1
	}
	var body []byte
	for _, size := range []int{min(whole, firstStep), min(whole, secondStep), whole} {
		if size <= len(body) {
			break
		}
		grown, err := p.make(size)
		if err != nil {
			return nil, err
		}
		held := int64(cap(body))
		n := copy(grown, body)
		p.give(held)
		for err == nil && n < size {
			var more int
			more, err = r.Read(grown[n:])
			n += more
		}
		body = grown[:n]
		if err == io.EOF { // and not io.ErrUnexpectedEOF: then the sender broke off
			return body, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return body, nil
}

func (p *place) make(size int) ([]byte, error) {
	if !p.room.TryAcquire(int64(size)) {
		return nil, errFull
	}
	p.taken += int64(size)
	return make([]byte, size), nil
}

func (p *place) give(size int64) {
	p.room.Release(size)
	p.taken -= size
}

// leave gives back all of it.
func (p *place) leave() { p.give(p.taken) }
