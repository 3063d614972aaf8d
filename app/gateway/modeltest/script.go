package modeltest

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Script is what the model does after one instruction.
type Script struct {
	Name string `yaml:"name"`
	// Match is a regular expression on the last instruction; the first script that
	// matches is taken. Empty matches everything.
	Match string `yaml:"match"`
	// Model restricts the script to requests for one model; empty: any.
	Model string `yaml:"model"`
	// Usage replaces what each answer says that it used.
	Usage *Usage `yaml:"usage"`
	Steps []Step `yaml:"steps"`

	match *regexp.Regexp
}

// Step is one thing that the model does. Exactly one field is set. Texts are
// templates over [Sight], such as "I see {{.Earlier}} earlier instructions".
type Step struct {
	Say   string   `yaml:"say"`   // text; the last step's is the final answer
	Think string   `yaml:"think"` // reasoning summary
	Shell string   `yaml:"shell"` // a command line
	Write *File    `yaml:"write"` // a new file
	Plan  []string `yaml:"plan"`  // steps of a plan, the first one under way
	Tool  *Tool    `yaml:"tool"`  // of an MCP server

	// Disturbances of the answer that follows.
	Fail *Failure      `yaml:"fail"` // instead of it
	Cut  *Cut          `yaml:"cut"`  // in the middle of it
	Slow time.Duration `yaml:"slow"` // pause before each part of it
	Hold bool          `yaml:"hold"` // after its first part nothing more comes until the client leaves
}

// File is a file below the agent's working directory.
type File struct {
	Path    string `yaml:"path"`
	Content string `yaml:"content"`
}

// Tool is a call of an MCP server's tool.
type Tool struct {
	Server    string         `yaml:"server"` // as the agent knows it; default: anvil
	Name      string         `yaml:"name"`
	Arguments map[string]any `yaml:"arguments"`
}

// Failure is an answer that is an error, in the shape of the protocol at hand.
type Failure struct {
	Status     int    `yaml:"status"`
	Body       string `yaml:"body"` // instead of the protocol's own shape
	RetryAfter string `yaml:"retry_after"`
	Times      int    `yaml:"times"` // how often, in one conversation; 0: always
}

// Cut ends the connection in the middle of an answer.
type Cut struct {
	Times int `yaml:"times"` // how often, in one conversation; 0: always
}

// Usage is the number of tokens that an answer says it used. Input counts all of
// them; of these, Cached were read from a cache and CacheWrite written to it.
type Usage struct {
	Input      int64 `yaml:"input"`
	Cached     int64 `yaml:"cached"`
	CacheWrite int64 `yaml:"cache_write"`
	Output     int64 `yaml:"output"`
	Reasoning  int64 `yaml:"reasoning"` // part of Output
}

// usageAt is the usage of the answer at a place in a script: the input grows by 200
// tokens with each tool result, and all of it but the newest 200 was cached.
func usageAt(position int) Usage {
	u := Usage{Input: 1000 + 200*int64(position), CacheWrite: 200, Output: 50, Reasoning: 10}
	if position > 0 {
		u.Cached = u.Input - 200
	}
	return u
}

//go:embed scripts.yaml
var defaults []byte

// Defaults are the scripts that the demo and the stories use: repair of the sample
// repository's test, and three instructions about authentication.
func Defaults() []Script {
	scripts, err := Parse(bytes.NewReader(defaults))
	if err != nil {
		panic("the scripts that ship with modeltest: " + err.Error())
	}
	return scripts
}

// Load reads scripts from a YAML or JSON file. An unknown key is an error.
func Load(path string) ([]Script, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the model's script: %w", err)
	}
	defer f.Close()
	scripts, err := Parse(f)
	if err != nil {
		return nil, fmt.Errorf("reading the model's script %s: %w", path, err)
	}
	return scripts, nil
}

// Parse reads scripts: {scripts: [{name, match, steps}, …]}.
func Parse(r io.Reader) ([]Script, error) {
	var file struct {
		Scripts []Script `yaml:"scripts"`
	}
	decoder := yaml.NewDecoder(r)
	decoder.KnownFields(true)
	if err := decoder.Decode(&file); err != nil {
		return nil, err
	}
	return file.Scripts, prepare(file.Scripts)
}

// prepare compiles the patterns of scripts, in place, and checks their steps.
func prepare(scripts []Script) error {
	if len(scripts) == 0 {
		return errors.New("there is no script in it")
	}
	for i := range scripts {
		s := &scripts[i]
		if s.Name == "" {
			s.Name = fmt.Sprintf("script %d", i+1)
		}
		var err error
		if s.match, err = regexp.Compile(s.Match); err != nil {
			return fmt.Errorf("%s: match: %w", s.Name, err)
		}
		for n, step := range s.Steps {
			if err := step.check(); err != nil {
				return fmt.Errorf("%s, step %d: %w", s.Name, n+1, err)
			}
		}
	}
	return nil
}

func (s Step) check() error {
	set := 0
	for _, is := range []bool{
		s.Say != "", s.Think != "", s.Shell != "", s.Write != nil, len(s.Plan) > 0, s.Tool != nil,
		s.Fail != nil, s.Cut != nil, s.Slow != 0, s.Hold,
	} {
		if is {
			set++
		}
	}
	switch {
	case set != 1:
		return fmt.Errorf("a step does exactly one thing, this one does %d", set)
	case s.Write != nil && s.Write.Path == "":
		return errors.New("write needs a path")
	case s.Tool != nil && s.Tool.Name == "":
		return errors.New("tool needs a name")
	case s.Fail != nil && http.StatusText(s.Fail.Status) == "" && s.Fail.Status != 529:
		return fmt.Errorf("%d is no HTTP status", s.Fail.Status)
	case s.Slow < 0:
		return errors.New("slow needs a positive duration")
	}
	return nil
}

// pick returns the script for an instruction, or nil.
func pick(scripts []Script, model, instruction string) *Script {
	for i := range scripts {
		s := &scripts[i]
		if (s.Model == "" || s.Model == model) && s.match.MatchString(strings.TrimSpace(instruction)) {
			return s
		}
	}
	return nil
}
