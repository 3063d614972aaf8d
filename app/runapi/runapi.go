// Package runapi is the contract between the server and a runner: paths, bodies,
// error codes, and the [Client] that a runner uses. It imports the standard
// library only, and is the one package of app/ that anvil-runner links.
//
// A runner's life is a claim, then any number of renewals, events and artifacts,
// then one finish:
//
//	POST /api/v1/claim                        OIDC token   ClaimRequest  -> Assignment
//	POST /api/v1/runs/{run}/renew             lease token  RenewRequest  -> RenewAnswer
//	POST /api/v1/runs/{run}/events            lease token  EventsRequest -> EventsAnswer
//	PUT  /api/v1/runs/{run}/artifacts/{name}  lease token  raw bytes     -> ArtifactAnswer
//	POST /api/v1/runs/{run}/finish            lease token  FinishRequest -> FinishAnswer
//	GET  /api/v1/runs/{run}/restore/{name}    lease token  raw bytes of what an earlier run left
//	POST /api/v1/runs/{run}/registry          lease token  {}            -> RegistryCredential
//	HEAD, GET, PUT /api/v1/runs/{run}/images/{key}  lease token  raw bytes of an environment's image
//	any  /api/v1/runs/{run}/model/{path...}   lease token  the model provider's own protocol, relayed
//	any  /api/v1/runs/{run}/tools             lease token  MCP over streamable HTTP
//
// Every request carries `Authorization: Bearer TOKEN`. The OIDC token has the
// server's public address as its audience. The lease token is bound to one run
// and one epoch; when it no longer counts, each path answers 409 CB_STALE, and
// the runner stops. Every call may be repeated, and a second identical one gets
// the first one's answer; a claim is repeated with another OIDC token, because the
// server takes each token once, and then gives a new lease.
package runapi

import (
	"encoding/json"
	"fmt"
	"time"
)

// Version is the contract's version, the first element of each path.
const Version = "v1"

// Paths of the contract, as patterns for net/http's ServeMux.
const (
	PathClaim    = "/api/v1/claim"
	PathRenew    = "/api/v1/runs/{run}/renew"
	PathEvents   = "/api/v1/runs/{run}/events"
	PathArtifact = "/api/v1/runs/{run}/artifacts/{name}"
	PathFinish   = "/api/v1/runs/{run}/finish"
	PathRestore  = "/api/v1/runs/{run}/restore/{name}"
	PathRegistry = "/api/v1/runs/{run}/registry"
	PathImage    = "/api/v1/runs/{run}/images/{key}"
	PathModel    = "/api/v1/runs/{run}/model/{path...}"
	PathTools    = "/api/v1/runs/{run}/tools"
)

// Header names.
const (
	// HeaderDigest carries "sha256:HEX" of an uploaded artifact's bytes.
	HeaderDigest = "Anvil-Digest"
	// HeaderAbout carries a JSON [About] with an ArtifactCheckpoint or
	// ArtifactConversation.
	HeaderAbout = "Anvil-About"
)

// About is what the server is told of a checkpoint or a conversation besides its
// bytes. A run that dies says nothing afterwards, so each upload says it anew.
type About struct {
	Head      string `json:"head,omitempty"`      // of a checkpoint: its commit, whose parent is the base commit
	Reference string `json:"reference,omitempty"` // of a conversation: the engine's own, such as a thread id
	Version   string `json:"version,omitempty"`   // of the engine, as far as known
}

// Artifact names that the server knows. Others are refused.
const (
	ArtifactBundle       = "bundle"       // git bundle: one ref BundleRef, one prerequisite, the base commit
	ArtifactLog          = "log"          // plain text log of the run
	ArtifactVerification = "verification" // JSON Verification with full output
	ArtifactStream       = "stream"       // the engine's raw output
	ArtifactCheckpoint   = "checkpoint"   // git bundle like ArtifactBundle: the work as it stood, unfinished
	ArtifactDebug        = "debug"        // tar.gz that explains a run that went wrong, with a manifest of what is cut
	ArtifactConversation = "conversation" // archive of the engine's own files that it resumes from
)

// A run hands over at most MaxScreenshots pictures, PNGs of MaxScreenshotBytes each.
const (
	MaxScreenshots     = 5
	MaxScreenshotBytes = 2 << 20
)

// ScreenshotName is the name of the artifact that is the run's nth picture, from 1.
func ScreenshotName(n int) string { return fmt.Sprintf("screenshot-%d", n) }

// IsScreenshot reports whether an artifact's name is one of [ScreenshotName].
func IsScreenshot(name string) bool {
	for n := range MaxScreenshots {
		if name == ScreenshotName(n+1) {
			return true
		}
	}
	return false
}

// BundleRef is the only ref that a bundle may carry.
const BundleRef = "refs/anvil/result"

// ClaimRequest asks for a run. The OIDC token says which workflow run is asking.
type ClaimRequest struct {
	Run    string     `json:"run"`   // task reference from the dispatch inputs
	Nonce  string     `json:"nonce"` // one-time nonce from the dispatch inputs
	Runner RunnerInfo `json:"runner"`
}

// RunnerInfo describes the machine and program that claims.
type RunnerInfo struct {
	Name    string    `json:"name"` // RUNNER_NAME
	OS      string    `json:"os"`
	Arch    string    `json:"arch"`
	Version string    `json:"version"` // of anvil-runner
	Clock   time.Time `json:"clock"`   // the runner's own time, to notice skew
	// Ephemeral says that it was registered for one job, as far as can be told there.
	Ephemeral bool `json:"ephemeral,omitempty"`
}

// Assignment is what a claim is answered with: all that a runner needs to know.
type Assignment struct {
	Run        string    `json:"run"`
	Epoch      int64     `json:"epoch"`
	LeaseToken string    `json:"lease_token"`
	ExpiresAt  time.Time `json:"expires_at"`
	// RenewEverySeconds is how often to renew; a lease lives several times as long.
	RenewEverySeconds int `json:"renew_every_seconds"`

	Repository Repository `json:"repository"`
	BaseRef    string     `json:"base_ref"`    // branch name
	BaseCommit string     `json:"base_commit"` // exact commit to start from
	// Merge is what BaseCommit is merged with before the work begins; nil: nothing.
	Merge *Merge `json:"merge,omitempty"`
	// ReadToken may fetch this one repository and nothing else. It belongs in
	// a git process's environment, never in a file or an argument.
	ReadToken string `json:"read_token"`

	Engine Engine `json:"engine"`
	Prompt Prompt `json:"prompt"`
	// Setup lists commands (sh -c lines) from the repository's .github/anvil.yml that
	// prepare the environment before the agent begins, and again before the checks.
	Setup []string `json:"setup,omitempty"`
	// Verify lists the verification commands (sh -c lines) from the command or the
	// repository's .github/anvil.yml; empty means: detect. VerifySource says whose
	// they are.
	Verify       []string `json:"verify,omitempty"`
	VerifySource string   `json:"verify_source,omitempty"`
	// Screenshots lists commands (sh -c lines) that make pictures of the change, where
	// its checks ran.
	Screenshots []string `json:"screenshots,omitempty"`
	// Sparse lists the directories that the agent's tree has, besides what stands right in
	// those above them; empty: all.
	Sparse []string `json:"sparse,omitempty"`
	// RepairRounds is how often the engine is told of failed checks and may go on.
	RepairRounds int `json:"repair_rounds,omitempty"`
	// Model says that the server relays model calls for this run.
	Model bool `json:"model,omitempty"`
	// Tools says that the server offers tools to the agent.
	Tools bool `json:"tools,omitempty"`
	// Resume is what an earlier run of the session left to go on from; nil to begin.
	Resume      *Resume     `json:"resume,omitempty"`
	Containment Containment `json:"containment"`
	// Images says where the images of environments are kept.
	Images ImageCache `json:"images,omitzero"`
	// Environment says whether the run works in the repository's dev container.
	Environment Environment `json:"environment,omitzero"`
	Limits      Limits      `json:"limits"`
}

// Merge is a branch that the base commit is merged with. The bundle is then still one commit
// on the base commit; the server publishes its tree with both as parents.
type Merge struct {
	Branch   string `json:"branch"`   // its name
	Head     string `json:"head"`     // its commit
	Ancestor string `json:"ancestor"` // the commit from which the two went apart
}

// Resume is what an earlier run of the session left. The bytes are had by
// PathRestore under the artifact's name, and have the digest that stands here.
type Resume struct {
	// Reference is the engine's own, such as a thread id; empty if the engine
	// begins a new conversation on the restored tree.
	Reference    string `json:"reference,omitempty"`
	Conversation string `json:"conversation,omitempty"` // digest of ArtifactConversation
	// Checkpoint is the digest of an ArtifactCheckpoint whose commit, CheckpointHead,
	// has the run's base commit as its parent; empty: begin from the base commit.
	Checkpoint     string `json:"checkpoint,omitempty"`
	CheckpointHead string `json:"checkpoint_head,omitempty"`
}

// Containment says what untrusted programs run in.
type Containment struct {
	// Mode is auto, docker, podman, bubblewrap or none. auto takes the first that
	// works on the runner, and refuses the run where none does.
	Mode string `json:"mode"`
	// Image is the image of a docker or podman container; empty: the runner's default.
	Image string `json:"image,omitempty"`
	// Network is proxy (the egress proxy is the only way out) or none.
	Network string `json:"network"`
	// Allow lists the hosts that the proxy lets through, beside what the runner
	// always allows: "example.com" is that host, ".example.com" also all below it.
	Allow       []string `json:"allow,omitempty"`
	MemoryBytes int64    `json:"memory_bytes,omitempty"`
	CPUs        float64  `json:"cpus,omitempty"`
	PIDs        int64    `json:"pids,omitempty"`
	DiskBytes   int64    `json:"disk_bytes,omitempty"` // of what the agent may write in all
}

// Repository says what to fetch and from where.
type Repository struct {
	ID       int64  `json:"id"`
	FullName string `json:"full_name"` // OWNER/NAME
	CloneURL string `json:"clone_url"` // without credentials
}

// Engine says which coding agent to run and how.
type Engine struct {
	Name    string   `json:"name"`              // as configured, such as "codex"
	Kind    string   `json:"kind"`              // adapter: command, codex, claude or acp
	Version string   `json:"version,omitempty"` // that must be found on the runner; empty: any
	Command []string `json:"command,omitempty"`
	Model   string   `json:"model,omitempty"`
	// PassEnv names variables of the job that the engine may see besides the
	// runner's own short list.
	PassEnv []string `json:"pass_env,omitempty"`
}

// Prompt is the approved text for the agent. All of it is data from people.
type Prompt struct {
	Instruction string `json:"instruction"`
	IssueNumber int    `json:"issue_number"`
	IssueTitle  string `json:"issue_title"`
	IssueBody   string `json:"issue_body"`
	// Exchanges are what the agent asked while it carried the instruction out, and
	// what people answered, in order. The last answer is what it goes on with.
	Exchanges []Exchange `json:"exchanges,omitempty"`
	Digest    string     `json:"digest"` // sha256 hex, see ComputeDigest
}

// Exchange is a question of the agent's and a person's answer.
type Exchange struct {
	Question string `json:"question"`
	Answer   string `json:"answer"`
}

// Limits bound a run. Zero means the runner's default.
type Limits struct {
	WorkSeconds   int `json:"work_seconds"`   // the engine's time
	VerifySeconds int `json:"verify_seconds"` // all verification commands together
	// CompareSeconds is how long a verification may have taken for the same commands to be
	// run on the base commit too; 0: they never are.
	CompareSeconds int   `json:"compare_seconds,omitempty"`
	LogBytes       int64 `json:"log_bytes"`
	BundleBytes    int64 `json:"bundle_bytes"`
	// CheckpointSeconds is how often unfinished work is saved; 0: only at the end.
	CheckpointSeconds int `json:"checkpoint_seconds,omitempty"`
	// ConversationBytes bounds the files of the engine's conversation together, and
	// the archive of them.
	ConversationBytes int64 `json:"conversation_bytes,omitempty"`
}

// RenewRequest keeps a lease alive.
type RenewRequest struct {
	Phase string    `json:"phase"` // prepare, work, verify or report
	Clock time.Time `json:"clock"`
}

// RenewAnswer says until when the lease lives now, and whether to stop.
type RenewAnswer struct {
	ExpiresAt time.Time `json:"expires_at"`
	// Stop asks the runner to stop in time: kill the engine, upload what there is,
	// finish as cancelled.
	Stop   bool   `json:"stop,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Waiting says that the agent has asked a person: there is nothing to verify
	// once it has ended; save the work and finish.
	Waiting bool `json:"waiting,omitempty"`
	// Views are what the agent wants people to see a screenshot of.
	Views []View `json:"views,omitempty"`
}

// View is a page of the application that the agent works at.
type View struct {
	Path string `json:"path"`
	Note string `json:"note,omitempty"`
}

// Screenshot is a picture of the change, an uploaded artifact.
type Screenshot struct {
	Title  string `json:"title"`
	Digest string `json:"digest"` // of the artifact
}

// Event is one fact of a run, numbered by the runner from 1 without gaps.
type Event struct {
	Seq  int64           `json:"seq"`
	At   time.Time       `json:"at"`
	Kind string          `json:"kind"`           // see the Kind constants
	Text string          `json:"text,omitempty"` // one line or a short paragraph
	Data json.RawMessage `json:"data,omitempty"`
}

// Kinds of events. Engine adapters translate to the engine kinds.
const (
	KindPhase   = "phase"   // a phase began; Text is its name; Data {"ms":…} may time the one before
	KindNote    = "note"    // something the runner wants known
	KindWarning = "warning" // something a person should know
	KindError   = "error"

	KindMessage    = "engine.message" // the agent speaks
	KindReasoning  = "engine.reasoning"
	KindPlan       = "engine.plan"
	KindCommand    = "engine.command" // Data {"argv":[…],"exit":…,"output":"…"}
	KindFileChange = "engine.file_change"
	KindToolCall   = "engine.tool_call"
	KindUsage      = "engine.usage"

	KindEngine    = "engine"         // the runner has asked the engine for its version, which is Text
	KindContained = "contained"      // what the agent runs in; Data says kind, version and limits
	KindRefused   = "egress.refused" // a request that the proxy refused; Data is a Refusal

	KindCheck = "verify.check" // Data is a Check
)

// EventsRequest appends events. Seq must follow on what the server has.
type EventsRequest struct {
	Events []Event `json:"events"`
}

// EventsAnswer says which number the server expects next. Events it had already
// are skipped; a gap is answered with 409 CB_SEQ, which carries the same field.
type EventsAnswer struct {
	Next int64 `json:"next"`
}

// ArtifactAnswer confirms stored bytes.
type ArtifactAnswer struct {
	Digest string `json:"digest"` // sha256:HEX
	Size   int64  `json:"size"`
}

// Result is how a run ended, as its runner sees it.
type Result string

const (
	Proposed  Result = "proposed"  // a bundle was uploaded
	Unchanged Result = "unchanged" // the agent answered and changed nothing
	Failed    Result = "failed"    // see Problem
	Cancelled Result = "cancelled" // told to stop, by the server or by a signal
)

// FinishRequest hands the run back. After it the lease is over.
type FinishRequest struct {
	Result       Result       `json:"result"`
	Answer       string       `json:"answer,omitempty"` // the agent's last words
	Head         string       `json:"head,omitempty"`   // commit in the bundle
	Bundle       string       `json:"bundle,omitempty"` // its digest
	Engine       EngineInfo   `json:"engine"`
	Verification Verification `json:"verification"`
	Problem      *Error       `json:"problem,omitempty"` // with Failed or Cancelled
	// Refused is what the egress proxy refused, each once, the first of it.
	Refused []Refusal `json:"refused,omitempty"`
	// Environment is the dev container that the run worked in, or had to leave out; nil
	// if there was none to be used.
	Environment *EnvironmentUsed `json:"environment,omitempty"`
	// Debug says that an ArtifactDebug was uploaded.
	Debug bool `json:"debug,omitempty"`
	// Absent is what the base commit names and the agent did not have.
	Absent Absent `json:"absent,omitzero"`
	// Spans are how long the parts of the run took, each once.
	Spans []Span `json:"spans,omitempty"`
	// Screenshots are pictures of the change; the nth is the artifact ScreenshotName(n).
	Screenshots []Screenshot `json:"screenshots,omitempty"`
}

// Absent is what a repository keeps outside of itself, and runs do not fetch: how many of
// each there are, and the path of the first.
type Absent struct {
	Submodules int    `json:"submodules,omitempty"`
	Submodule  string `json:"submodule,omitempty"`
	LFS        int    `json:"lfs,omitempty"` // files that are pointers of Git LFS
	Pointer    string `json:"pointer,omitempty"`
}

// Refusal is a request to a host that the egress proxy refused. It is the Data of a
// KindRefused event.
type Refusal struct {
	Host string `json:"host"` // as an untrusted program asked for it
	Port string `json:"port,omitempty"`
	Why  string `json:"why"`
	// Allow is the entry of network.allow in the repository's .github/anvil.yml that
	// would let it through; empty if none would.
	Allow string `json:"allow,omitempty"`
}

// EngineInfo names the engine that worked. Resume is the engine's own reference
// with which it can go on later, such as a thread id.
type EngineInfo struct {
	Version string `json:"version,omitempty"`
	Resume  string `json:"resume,omitempty"`
}

// Verification is the record of the verify phase.
type Verification struct {
	Status string  `json:"status"` // passed, failed or unverified
	Reason string  `json:"reason,omitempty"`
	Source string  `json:"source,omitempty"` // whose commands: "command", ".github/anvil.yml", "detected: go.mod"
	Checks []Check `json:"checks,omitempty"`
}

// Verification statuses.
const (
	VerifyPassed     = "passed"
	VerifyFailed     = "failed"
	VerifyUnverified = "unverified"
)

// Check is one verification command and how it ended.
type Check struct {
	Name       string `json:"name"`
	Status     string `json:"status"` // passed or failed
	ExitCode   int    `json:"exit_code"`
	DurationMS int64  `json:"duration_ms"`
	OutputTail string `json:"output_tail,omitempty"` // the last 4 KiB, cleaned
	// Before is how the same command ended on the base commit, passed or failed; empty:
	// nobody knows.
	Before string `json:"before,omitempty"`
}

// FinishAnswer says what the server has made of it so far. The same request made again,
// with the same lease token, is answered with how far it has come since.
type FinishAnswer struct {
	State string `json:"state"` // of the run
	// Settled says that nothing more becomes of the run unless a person says so.
	Settled bool `json:"settled,omitempty"`
	// Outcome is how the task has ended, else what its settled run waits for: a State.
	// Empty: the server is about it.
	Outcome     string `json:"outcome,omitempty"`
	Branch      string `json:"branch,omitempty"`       // of the session, once there is a pull request
	PullRequest int    `json:"pull_request,omitempty"` // 0 until there is one
	CostMicros  int64  `json:"cost_micros,omitempty"`  // of the task's models, in millionths of a US dollar
}

// Error is the body of every answer that is not 2xx, and a finish's problem.
type Error struct {
	Code string `json:"code"`
	What string `json:"what"`
	Next string `json:"next,omitempty"`
	// Expected is the sequence number that CB_SEQ asks for.
	Expected int64 `json:"expected,omitempty"`
	// Status is the HTTP status it came with; 0 in a finish.
	Status int `json:"-"`
}

func (e *Error) Error() string {
	if e.Next == "" {
		return fmt.Sprintf("%s: %s", e.Code, e.What)
	}
	return fmt.Sprintf("%s: %s %s", e.Code, e.What, e.Next)
}

// Error codes of the contract.
const (
	CodeToken    = "OIDC_TOKEN"       // 401 not a token we can check
	CodeTime     = "OIDC_TIME"        // 401 expired or not yet valid
	CodeReplay   = "OIDC_REPLAY"      // 409 the token was used before
	CodeClaim    = "OIDC_CLAIM"       // 403 a claim is not what it must be
	CodeNonce    = "CLAIM_NONCE"      // 403 unknown run or wrong nonce
	CodeTaken    = "CLAIM_TAKEN"      // 409 another workflow run has claimed it
	CodeAttempt  = "ATTEMPT_MISMATCH" // 409 a re-run by hand
	CodeStays    = "RUNNER_STAYS"     // 403 a runner that stays, and a public repository
	CodeLost     = "ATTEMPT_LOST"     // 409 the lease ran out
	CodeStale    = "CB_STALE"         // 409 the run went on without this lease
	CodeSeq      = "CB_SEQ"           // 409 events out of order
	CodeArtifact = "CB_ARTIFACT"      // 400, 413 or 422 name, size or digest
	CodeBody     = "CB_BODY"          // 400 not the body it should be
	CodeBusy     = "SERVER_BUSY"      // 503 try again
)
