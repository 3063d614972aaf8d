// Package secret finds what looks like a secret in text: by the default rules of
// gitleaks, and for GitHub's tokens by one of ours. Inspection searches proposals
// with it; [Mask] takes secrets out of text that people paste into issues, and out of
// what is written down for good. [Keys] hides secrets of ours that are known, where
// somebody whom they were shown could repeat them.
//
// [Mask] finds what has the shape of a secret, and guesses where something is called a
// key and looks like one. A password that is a plain word is not found.
package secret

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"github.com/zricethezav/gitleaks/v8/config"
	"github.com/zricethezav/gitleaks/v8/detect"
)

// GitHubToken matches GitHub's tokens in all their shapes. Since April 2026 an
// installation's is ghs_APPID_JWT, of some 520 characters with dots and
// dashes, of which patterns for the older 36 letters see nothing.
var GitHubToken = regexp.MustCompile(`\bgh[opsur]_[A-Za-z0-9_.\-]{36,}`)

// NewDetector returns a detector with gitleaks' default rules. They take fifteen
// megabytes and 50 ms to make, so a detector lives as long as one search.
func NewDetector() (*detect.Detector, error) {
	// The package has a constructor for this, which keeps the configuration
	// in a global variable.
	v := viper.New()
	v.SetConfigType("toml")
	if err := v.ReadConfig(strings.NewReader(config.DefaultConfig)); err != nil {
		return nil, fmt.Errorf("reading the rules for secrets: %w", err)
	}
	var raw config.ViperConfig
	if err := v.Unmarshal(&raw); err != nil {
		return nil, fmt.Errorf("reading the rules for secrets: %w", err)
	}
	rules, err := raw.Translate()
	if err != nil {
		return nil, fmt.Errorf("reading the rules for secrets: %w", err)
	}
	detector := detect.NewDetector(rules)
	detector.IgnoreGitleaksAllow = true // who writes a text does not decide what is found in it
	detector.MaxDecodeDepth = 2
	return detector, nil
}

// candidate matches what every secret that has a shape has in it: a long word with a
// digit, or the frame of a key. Most texts have neither, and are not searched.
var candidate = regexp.MustCompile(`-----BEGIN|[A-Za-z_\-+/=.~]*[0-9][A-Za-z0-9_\-+/=.~]*`)

// Suspicious reports whether text could hold a secret that Mask would find.
func Suspicious(text string) bool {
	return slices.ContainsFunc(candidate.FindAllString(text, -1), func(word string) bool { return len(word) >= 10 })
}

// Masked is what stands where a secret stood.
const Masked = "[secret removed]"

// Mask returns text without what looks like a secret, and the kinds that were found,
// each once, sorted.
func Mask(text string) (masked string, kinds []string) {
	if !Suspicious(text) {
		return text, nil
	}
	masked = GitHubToken.ReplaceAllStringFunc(text, func(string) string {
		kinds = append(kinds, "github-token")
		return Masked
	})
	detector, err := NewDetector()
	if err != nil {
		panic(err) // the rules are part of this program
	}
	lines := strings.Split(masked, "\n")
	var values []string
	//lint:ignore SA1019 what is to replace it comes with gitleaks v9
	for _, f := range detector.Detect(detect.Fragment{Raw: masked}) {
		kinds = append(kinds, f.RuleID)
		if f.Secret != "" && strings.Contains(masked, f.Secret) {
			values = append(values, f.Secret)
			continue
		}
		// It was found in what a text decodes to: its lines go.
		for n := max(f.StartLine, 0); n <= f.EndLine && n < len(lines); n++ {
			values = append(values, lines[n])
		}
	}
	// Longer ones first: one value may be part of another.
	slices.SortFunc(values, func(a, b string) int { return len(b) - len(a) })
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			masked = strings.ReplaceAll(masked, v, Masked)
		}
	}
	slices.Sort(kinds)
	return masked, slices.Compact(kinds)
}
