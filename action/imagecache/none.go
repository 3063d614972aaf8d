package imagecache

import (
	"context"

	"github.com/seed-bc0cc349/anvil/app/runapi"
)

// none is where there is no cache.
type none struct{}

func (none) name() string                                  { return runapi.ImagesNone }
func (none) reference(string) string                       { return "" }
func (none) lookup(context.Context, string) (Found, error) { return Found{}, errMissing }

func (none) pull(context.Context, Found) (Image, bool, error) {
	return Image{}, false, &Problem{Code: CodePull, What: "there is no image cache"}
}

func (none) push(context.Context, string, string, string) (Found, error) { return Found{}, nil }
func (none) from(context.Context) []string                               { return nil }
func (none) to(context.Context, string, bool) []string                   { return nil }
