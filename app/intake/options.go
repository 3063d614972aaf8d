package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/seed-bc0cc349/anvil/app/anvil"
	"github.com/seed-bc0cc349/anvil/app/policy"
)

var optionNames = []string{"base", "engine", "model", "verify"}

// optionKey is what an option begins with. A second equals sign makes it an
// expression, which is prose: a==b is wrong.
var optionKey = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*=`)

var dashed = regexp.MustCompile(`^--[A-Za-z]`)

// maxVerify is how many verify options a command may have.
const maxVerify = 20

// options takes key=value words off the front of line, and returns what is left.
func (r Reader) options(line string, into *anvil.Options) (string, *anvil.Problem) {
	for {
		line = strings.TrimLeftFunc(line, unicode.IsSpace)
		if problem := dashes(line); problem != nil {
			return line, problem
		}
		key := strings.TrimSuffix(optionKey.FindString(line), "=")
		if key == "" || strings.HasPrefix(line[len(key)+1:], "=") {
			return line, r.Offer.CheckOptions(*into)
		}
		value, rest, problem := optionValue(key, line[len(key)+1:])
		if problem == nil {
			problem = r.set(into, key, value)
		}
		if problem != nil {
			return line, problem
		}
		line = rest
	}
}

// dashes answers those who write options as programs take them.
func dashes(line string) *anvil.Problem {
	if !dashed.MatchString(line) {
		return nil
	}
	flag, _, _ := strings.Cut(strings.Fields(line)[0], "=")
	return policy.Unknown("option", flag, []string{"base=", "engine=", "model=", "verify="})
}

// quotes are what may stand around a value. Phones write the curly ones.
var quotes = map[rune]string{'"': `"`, '“': "”“\""}

// optionValue reads a value from the front of text: up to a space, or quoted,
// with \" and \\ inside.
func optionValue(key, text string) (value, rest string, problem *anvil.Problem) {
	first, size := utf8.DecodeRuneInString(text)
	closing, quotedValue := quotes[first]
	if !quotedValue {
		end := strings.IndexFunc(text, unicode.IsSpace)
		if end < 0 {
			end = len(text)
		}
		return text[:end], text[end:], nil
	}
	var b strings.Builder
	escaped := false
	for i, c := range text[size:] {
		switch {
		case escaped:
			if c != '"' && c != '\\' {
				b.WriteRune('\\')
			}
			b.WriteRune(c)
			escaped = false
		case c == '\\':
			escaped = true
		case strings.ContainsRune(closing, c):
			rest = text[size+i+utf8.RuneLen(c):]
			if !ends(rest) {
				return "", "", optionProblem(key, "has text right behind its closing quote", `Put a space there, and write " inside a value as \"`)
			}
			return b.String(), rest, nil
		default:
			b.WriteRune(c)
		}
	}
	return "", "", optionProblem(key, "has an opening quote and no closing one", "Close it on the same line")
}

// set checks one option and puts it into opts.
func (r Reader) set(opts *anvil.Options, key, value string) *anvil.Problem {
	if !slices.Contains(optionNames, key) {
		problem := policy.Unknown("option", key, optionNames)
		problem.Next += ". If it is part of the instruction, put another word before it"
		return problem
	}
	if what := policy.CheckCommand(value); what != "" {
		return optionProblem(key, what, fmt.Sprintf("Write %s=VALUE, or %s=\"…\" if it has spaces", key, key))
	}
	if key == "verify" {
		if len(opts.Verify) == maxVerify {
			return optionProblem(key, fmt.Sprintf("is given more than %d times", maxVerify), "Put the commands in a script of the repository")
		}
		opts.Verify = append(opts.Verify, value)
		return nil
	}
	field := map[string]*string{"base": &opts.Base, "engine": &opts.Engine, "model": &opts.Model}[key]
	if *field != "" {
		return optionProblem(key, "is given twice", "Keep one of the two")
	}
	if key == "base" {
		value = strings.TrimPrefix(value, "refs/heads/")
		if rule := policy.BrokenRule(value, r.ValidRef); rule != "" {
			return anvil.Problemf(CodeRef, "Name a branch of the repository", "base %s cannot be used: %s", policy.Shown(value), rule)
		}
	}
	*field = value
	return nil
}

func optionProblem(key, what, next string) *anvil.Problem {
	return anvil.Problemf(CodeOption, next, "option %s %s", key, what)
}
