package config

import (
	_ "embed"
	"fmt"
	"path"

	"github.com/seed-bc0cc349/anvil/config/strict"
)

//go:embed prices.yaml
var priceTable []byte

// PriceTable returns the prices that count: those of the configuration, then those
// that are built in.
func (c *Config) PriceTable() ([]Price, error) {
	var built struct {
		Prices []Price `yaml:"prices"`
	}
	if err := strict.Decode(priceTable, maxFile, &built); err != nil {
		return nil, fmt.Errorf("read the built-in prices: %w", err)
	}
	return append(append([]Price{}, c.Gateway.Prices...), built.Prices...), nil
}

// PriceOf returns the built-in price of a model.
func PriceOf(model string) (Price, bool, error) {
	table, err := (&Config{}).PriceTable()
	if err != nil {
		return Price{}, false, err
	}
	for _, p := range table {
		if fits, err := path.Match(p.Model, model); fits && err == nil {
			return p, true, nil
		}
	}
	return Price{}, false, nil
}
