package config

import "time"

// Sessions is about what a run leaves for the next one of its thread: the tree as
// it stood and the files from which the engine goes on. They are encrypted with
// age before they are stored. The change that a run proposes is not among them.
type Sessions struct {
	// KeyFile is an age identity file, as age-keygen makes it; mode 0600. The first
	// identity in it encrypts, all of them decrypt. Not with KeyEnv.
	//
	// Default: none; then the server makes a key of its own at its first start,
	// sessions.key in DataDir, and its log says so. A key that lies elsewhere
	// protects what is in DataDir and its backups; one that is lost costs the
	// conversations, and no change.
	KeyFile string `yaml:"key_file"`

	// KeyEnv names the environment variable that holds the identities.
	KeyEnv string `yaml:"key_env"`

	// Retention is how long they are kept after the last run that saved something.
	// Default: 720h, thirty days. After it a thread goes on from its branch alone,
	// with a new conversation. What gateway.store_prompts keeps is deleted after the same
	// time.
	Retention time.Duration `yaml:"retention"`
}

func (c *Config) checkSessions(ps *Problems) {
	if c.Sessions.KeyFile != "" && c.Sessions.KeyEnv != "" {
		ps.add(CodeConflict, "sessions.key", "Keep one of the two", "sessions.key_file and sessions.key_env are both set")
	}
	span(ps, "sessions.retention", c.Sessions.Retention, time.Second, 10*365*24*time.Hour)
}

// SessionKey returns the text of the operator's key for sessions, or nil if there
// is none.
func (c *Config) SessionKey() ([]byte, error) {
	if c.Sessions.KeyFile == "" && c.Sessions.KeyEnv == "" {
		return nil, nil
	}
	text, problem := read(c.Sessions.KeyFile, c.Sessions.KeyEnv, "sessions.key", CodeSessionKey, CodeSessionKey)
	if problem != nil {
		return nil, problem
	}
	return text, nil
}
