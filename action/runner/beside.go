package runner

import (
	"context"
	"sync"
)

// beside runs the parts beside each other and waits for all of them. The first that
// fails ends the others. The error is that of the first in the list that failed by
// itself, so that the same troubles are told in the same way whoever was faster.
func beside(ctx context.Context, parts ...func(context.Context) error) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	errs := make([]error, len(parts))
	ended := make([]bool, len(parts)) // by another part, or by whoever ended all
	var all sync.WaitGroup
	for i, part := range parts {
		all.Go(func() {
			if errs[i] = part(ctx); errs[i] != nil {
				ended[i] = ctx.Err() != nil
				end()
			}
		})
	}
	all.Wait()
	var first error
	for i, err := range errs {
		if err != nil && !ended[i] {
			return err
		}
		if first == nil {
			first = err
		}
	}
	return first
}
