package gateway

import (
	"math"
	"path"

	"github.com/seed-bc0cc349/anvil/app/anvil"
)

// Price is what a model takes, in US dollars per million tokens. That is also
// millionths of a dollar per token.
type Price struct {
	Model      string // a glob; the first that fits counts
	Input      float64
	Cached     float64 // input that is read from the cache
	CacheWrite float64 // input that is written to it for five minutes; for an hour it is 1.6 times as much
	Output     float64
}

const anHour = 1.6

// priceOf finds the price of a model.
func priceOf(prices []Price, model string) (Price, bool) {
	for _, p := range prices {
		if ok, err := path.Match(p.Model, model); ok && err == nil {
			return p, true
		}
	}
	return Price{}, false
}

// of is what the usage costs, in millionths of a dollar; hour is the part of
// CacheWrite that is kept for an hour.
func (p Price) of(u anvil.Usage, hour int64) int64 {
	return int64(math.Ceil(float64(u.Input)*p.Input + float64(u.Cached)*p.Cached +
		(float64(u.CacheWrite-hour)+float64(hour)*anHour)*p.CacheWrite + float64(u.Output)*p.Output))
}

// most is the most that the usage can cost, however its input is cached.
func (p Price) most(u anvil.Usage) int64 {
	dearest := max(p.Input, p.Cached, p.CacheWrite*anHour)
	return int64(math.Ceil(float64(u.Input)*dearest + float64(u.Output)*p.Output))
}
