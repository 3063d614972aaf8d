package devcontainer

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are what a dev container says of the programs in it, merged from
// configuration, features and base image.
type Settings struct {
	User     string            // that programs run as; empty: the image's own
	Env      map[string]string // may hold references; see [Settings.At]
	Commands []Command         // in the order in which they run
}

// Command is a lifecycle command.
type Command struct {
	Hook string   // such as postCreateCommand
	Name string   // of one of several that belong together; else empty
	Argv []string // a line of the shell is sh -c LINE
}

// Line is the command as a line of the shell.
func (c Command) Line() string {
	if len(c.Argv) == 3 && c.Argv[0] == "/bin/sh" && c.Argv[1] == "-c" {
		return c.Argv[2]
	}
	var words []string
	for _, word := range c.Argv {
		words = append(words, "'"+strings.ReplaceAll(word, "'", `'\''`)+"'")
	}
	return strings.Join(words, " ")
}

func (c Command) String() string {
	if c.Name == "" {
		return c.Hook
	}
	return c.Hook + " " + c.Name
}

// hooks are the lifecycle in its order, as far as it belongs to a run:
// initializeCommand is for the host and refused, postAttachCommand for editors.
var hooks = []string{"onCreateCommand", "updateContentCommand", "postCreateCommand", "postStartCommand"}

// ReadSettings reads an image's metadata (see [Built]): a list whose later entries win
// over earlier ones, but for the lifecycle, where every entry has its turn in each hook.
func ReadSettings(metadata []byte) (Settings, error) {
	var list []struct {
		RemoteUser    string             `json:"remoteUser"`
		ContainerUser string             `json:"containerUser"`
		ContainerEnv  map[string]string  `json:"containerEnv"`
		RemoteEnv     map[string]*string `json:"remoteEnv"` // null takes a variable away
	}
	var raw []map[string]json.RawMessage
	if err := json.Unmarshal(metadata, &list); err != nil {
		return Settings{}, invalid("Correct it on the base branch.", "The image's metadata can't be read: %v", err)
	}
	_ = json.Unmarshal(metadata, &raw) // it was read just now
	s := Settings{Env: map[string]string{}}
	var container string
	for _, entry := range list {
		if entry.RemoteUser != "" {
			s.User = entry.RemoteUser
		}
		if entry.ContainerUser != "" {
			container = entry.ContainerUser
		}
		maps.Copy(s.Env, entry.ContainerEnv)
	}
	s.User = or(s.User, container)
	for _, entry := range list { // what programs get stands above what the container has
		for name, value := range entry.RemoteEnv {
			if delete(s.Env, name); value != nil {
				s.Env[name] = *value
			}
		}
	}
	for _, hook := range hooks {
		for _, entry := range raw {
			commands, err := commandsOf(hook, entry[hook])
			if err != nil {
				return Settings{}, invalid("Write a line, a list of words, or an object of these.", "%s: %v", hook, err)
			}
			s.Commands = append(s.Commands, commands...)
		}
	}
	return s, nil
}

// commandsOf reads the three forms of a lifecycle command.
func commandsOf(hook string, text json.RawMessage) ([]Command, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil
	}
	var line string
	if json.Unmarshal(text, &line) == nil {
		if line == "" {
			return nil, nil
		}
		return []Command{{Hook: hook, Argv: []string{"/bin/sh", "-c", line}}}, nil
	}
	var words []string
	if json.Unmarshal(text, &words) == nil {
		if len(words) == 0 {
			return nil, nil
		}
		return []Command{{Hook: hook, Argv: words}}, nil
	}
	var several map[string]json.RawMessage
	if err := json.Unmarshal(text, &several); err != nil {
		return nil, fmt.Errorf("it is no command: %w", err)
	}
	var list []Command
	for _, name := range slices.Sorted(maps.Keys(several)) {
		if len(several[name]) > 0 && several[name][0] == '{' {
			return nil, fmt.Errorf("%s holds an object", cut(name))
		}
		commands, err := commandsOf(hook, several[name])
		if err != nil {
			return nil, err
		}
		for _, c := range commands {
			c.Name = name
			list = append(list, c)
		}
	}
	return list, nil
}
