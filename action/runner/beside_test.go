package runner

import (
	"context"
	"errors"
	"testing"
)

// Parts run beside each other, one that fails ends the others, and which of several
// errors is told does not depend on who was faster.
func TestBeside(t *testing.T) {
	t.Parallel()
	there, back := make(chan struct{}), make(chan struct{})
	err := beside(t.Context(),
		func(context.Context) error { close(there); <-back; return nil },
		func(context.Context) error { <-there; close(back); return nil })
	if err != nil {
		t.Error(err)
	}
	broken, ended := errors.New("broken"), errors.New("ended")
	waits := func(ctx context.Context) error { <-ctx.Done(); return ended }
	breaks := func(context.Context) error { return broken }
	for name, parts := range map[string][]func(context.Context) error{
		"last":  {waits, waits, breaks},
		"first": {breaks, waits},
	} {
		if err := beside(t.Context(), parts...); err != broken {
			t.Errorf("%s: %v", name, err)
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if err := beside(stopped, waits, func(context.Context) error { return nil }); err != ended {
		t.Errorf("stopped from outside: %v", err)
	}
}
