package runapi

// Alone is the file by which a run without a server is started: what a claim would
// be answered with, and how models are reached. It holds no secret: neither the lease
// token nor the read token of the assignment is set.
type Alone struct {
	Assignment Assignment `json:"assignment"`
	// Attempt is the workflow run's own (GITHUB_RUN_ATTEMPT), from 1.
	Attempt  int      `json:"attempt"`
	Provider Provider `json:"provider"`
}

// Provider is where a run without a server has its models, and what it may take there.
// Zero limits are none.
type Provider struct {
	BaseURL string   `json:"base_url"` // what stands before /responses or /messages
	Auth    string   `json:"auth"`     // how the key is sent: bearer or x-api-key
	Models  []string `json:"models,omitempty"`
	// Price is what a token takes, in millionths of a US dollar; nil: not known.
	Price     *TokenPrice `json:"price,omitempty"`
	MaxMicros int64       `json:"max_micros,omitempty"` // millionths of a US dollar
	MaxTokens int64       `json:"max_tokens,omitempty"` // of input and output together
	MaxCalls  int64       `json:"max_calls,omitempty"`
}

// TokenPrice is the price of a token of each kind, in millionths of a US dollar.
type TokenPrice struct {
	Input      float64 `json:"input"`
	Cached     float64 `json:"cached"`
	CacheWrite float64 `json:"cache_write"`
	Output     float64 `json:"output"`
}

// Spent is what a run without a server has taken of models.
type Spent struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input"` // tokens, without those from or to a cache
	Cached     int64 `json:"cached"`
	CacheWrite int64 `json:"cache_write"`
	Output     int64 `json:"output"`
	CostMicros int64 `json:"cost_micros"` // 0 where no price is known
}

// Files of the directory in which a run without a server hands itself over. The
// artifacts of the contract lie beside them, under their own names.
const (
	FileAlone  = "assignment.json" // Alone
	FileFinish = "finish.json"     // FinishRequest
	FileEvents = "events.jsonl"    // an Event each line
	FileSpent  = "spent.json"      // Spent
)
