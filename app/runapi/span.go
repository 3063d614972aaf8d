package runapi

// Parts of a run that are timed, in the order in which they usually begin. Some run
// beside each other, and some happen more than once: then their times are added.
const (
	SpanClaim       = "claim"       // the job's identity, and the assignment
	SpanEnvironment = "environment" // the dev container's image: looked up, pulled or built
	SpanWorkspace   = "workspace"   // the base commit fetched, and its tree made
	SpanEngine      = "engine start"
	SpanModel       = "first model call" // from the engine's start to its first call of a model
	SpanWork        = "work"             // from the engine's start to its end
	SpanVerify      = "verify"
	SpanReport      = "report" // until the run is handed back
)

// Spans lists them all.
var Spans = []string{SpanClaim, SpanEnvironment, SpanWorkspace, SpanEngine, SpanModel, SpanWork, SpanVerify, SpanReport}

// Span is how long a part of a run took.
type Span struct {
	Name         string `json:"name"`
	Began        int64  `json:"began_ms"` // milliseconds after the runner's start, the first time
	Milliseconds int64  `json:"ms"`       // altogether
}
