package anvil

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// DeliveryID is GitHub's X-GitHub-Delivery GUID; a redelivery keeps it.
type DeliveryID string

// SessionID names a session.
type SessionID string

// TaskID names a task: ten characters of random base32, lower case.
type TaskID string

// RunID names an attempt at a task: TASK.ATTEMPT. It is the task reference that
// travels in dispatch inputs, and it is no secret.
type RunID string

// NewTaskID returns a fresh random task id.
func NewTaskID() TaskID { return TaskID(randomID()) }

// NewSessionID returns a fresh random session id.
func NewSessionID() SessionID { return SessionID(randomID()) }

// RunIDFor returns the id of the given attempt (from 1) at task t.
func RunIDFor(t TaskID, attempt int) RunID { return RunID(fmt.Sprintf("%s.%d", t, attempt)) }

// Fingerprint is the form in which a one-time nonce or a lease token is stored: the
// database and its backups then hold nothing that could be used. The secrets are
// random and long, so a plain SHA-256 is enough.
func Fingerprint(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

var idEncoding = base32.NewEncoding("abcdefghjkmnpqrstvwxyz0123456789").WithPadding(base32.NoPadding)

func randomID() string {
	var b [7]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand does not fail on supported systems
	}
	return idEncoding.EncodeToString(b[:])[:10]
}

// Actor is a person or a bot at GitHub. The id is what counts; logins change.
type Actor struct {
	ID    int64  `json:"id"`
	Login string `json:"login"`
	Bot   bool   `json:"bot,omitempty"`
}

// Repository is a repository that an installation of the App may work on.
type Repository struct {
	ID            int64  `json:"id"`
	Installation  int64  `json:"installation"`
	Owner         string `json:"owner"`
	Name          string `json:"name"`
	DefaultBranch string `json:"default_branch"`
	Private       bool   `json:"private,omitempty"`
}

// FullName returns OWNER/NAME.
func (r Repository) FullName() string { return r.Owner + "/" + r.Name }

// Delivery is one verified webhook call, as it was signed.
type Delivery struct {
	ID    DeliveryID
	Event string // X-GitHub-Event, or that of another place as PLACE:EVENT
	Body  []byte
	// Known stands for the body where equal deliveries differ in theirs, such as by the
	// time of sending. Empty: the body speaks for itself.
	Known      string
	ReceivedAt time.Time
	Decision   Decision
	Reason     string // why it was ignored or refused; empty while pending
	Task       TaskID // the task it opened or spoke to, if any
	Reply      *Reply // what was answered in the thread, if anything
}

// Attempt is one attempt of GitHub to deliver a webhook, as GitHub lists it. Attempts of
// the same delivery differ in their number.
type Attempt struct {
	ID       int64 // GitHub's number of the attempt
	Delivery DeliveryID
	Event    string
	At       time.Time
	Status   int // what was answered; 0: nothing was
}

// Arrived reports whether the delivery was taken.
func (a Attempt) Arrived() bool { return a.Status/100 == 2 }

// Decision is what became of a delivery.
type Decision string

const (
	Pending  Decision = "pending"  // stored, not yet decided
	Accepted Decision = "accepted" // opened a task or moved one
	Ignored  Decision = "ignored"  // not for us, or not allowed to be; silent
	Refused  Decision = "refused"  // answered with a problem
)

// Ruling is the decision on a delivery with all that follows from it.
type Ruling struct {
	// Asked is the command that the rules denied, without its words: enough to ask other
	// rules about it. What they let through is in its task.
	Asked    *Command
	Decision Decision
	Reason   string
	Task     TaskID
	Reply    *Reply
	// Reviewed is the session whose pull request got another review or another head; empty:
	// none. It is not kept with the delivery.
	Reviewed SessionID
}

// Reply is an answer in a thread that belongs to no task: help, a status, or why
// a command was refused.
type Reply struct {
	Repository Repository `json:"repository"`
	Issue      int        `json:"issue"`
	Comment    int64      `json:"comment,omitempty"`  // the comment that is answered, for the reaction
	Reaction   string     `json:"reaction,omitempty"` // GitHub's name, such as "confused"
	Text       string     `json:"text,omitempty"`     // Markdown; empty: the reaction says it all
	// Once is the key under which the text is given one single time; empty: once
	// for each delivery.
	Once string `json:"once,omitempty"`
	// Origin is set where the answer goes to another place than GitHub; the issue may
	// then be 0. Choices are answers that it offers.
	Origin  Origin   `json:"origin,omitzero"`
	Choices []string `json:"choices,omitempty"`
}

// Verb is what a command asks for.
type Verb string

const (
	VerbDo      Verb = "do"      // free text: do this
	VerbPlan    Verb = "plan"    // free text: say how you would do this, and wait for an approval
	VerbNew     Verb = "new"     // free text: do this in another session
	VerbHelp    Verb = "help"    // explain yourself
	VerbStatus  Verb = "status"  // say where the thread's task is
	VerbStop    Verb = "stop"    // stop the thread's task
	VerbRetry   Verb = "retry"   // once more: inspect again what is held, or a new task with the same words
	VerbApprove Verb = "approve" // carry out the plan that waits
	VerbRelease Verb = "release" // publish the held change that the argument names
	VerbHandoff Verb = "handoff" // say how to go on by hand
	VerbRepair  Verb = "repair"  // make the failed checks of the pull request pass
	VerbRebase  Verb = "rebase"  // bring the pull request's branch up to date with its base
	VerbReview  Verb = "review"  // take up the comments of the review that asks for changes
)

// Instructs reports whether v comes with words that say what to do.
func (v Verb) Instructs() bool { return v == VerbDo || v == VerbPlan || v == VerbNew }

// Options are the key=value words before a command's text. Empty means: not given.
type Options struct {
	Base   string   `json:"base,omitempty"`
	Engine string   `json:"engine,omitempty"`
	Model  string   `json:"model,omitempty"`
	Verify []string `json:"verify,omitempty"` // commands, instead of the repository's own
}

// Thread is the place in which people talk to Anvil about one thing.
type Thread struct {
	Repository  Repository `json:"repository"`
	Issue       int        `json:"issue"` // issue or pull request number
	Title       string     `json:"title"`
	PullRequest bool       `json:"pull_request,omitempty"`
}

// Command is what intake decided that a delivery asks for, by whom and where.
// It is made from the signed payload, with what GitHub said of its requester and its
// place when it was decided, and is never changed afterwards.
type Command struct {
	Delivery  DeliveryID `json:"delivery"`
	Thread    Thread     `json:"thread"`
	Requester Actor      `json:"requester"`
	Role      string     `json:"role,omitempty"`    // the requester's; empty where nobody was asked
	Comment   int64      `json:"comment,omitempty"` // the triggering comment's id; 0 for a label or an assignment
	// Foreign is set on a pull request that Anvil did not open.
	Foreign Foreign `json:"foreign,omitempty"`
	// Origin is where it was said, if that is not GitHub.
	Origin Origin `json:"origin,omitzero"`
	Verb   Verb   `json:"verb"`
	// Argument is what the verb is about: the tree to release, the plan to approve.
	Argument string  `json:"argument,omitempty"`
	Options  Options `json:"options"`
	Prompt   Prompt  `json:"prompt"`
	// Review is the review that the task takes up, if it does.
	Review *Review `json:"review,omitempty"`
	// Repairs counts the tasks in a row, this one included, that failed checks of a
	// pull request opened by themselves; 0: a person asked.
	Repairs int `json:"repairs,omitempty"`
	// Notices are things the requester should know though the task goes on,
	// such as a second command in the same comment.
	Notices []*Problem `json:"notices,omitempty"`
	Pressed bool       `json:"pressed,omitempty"` // it was given by a button that stands for words
}

// Wordless reports whether a gesture asked, such as a label or an assignment.
func (c Command) Wordless() bool {
	return c.Comment == 0 && c.Origin.Message == "" && !c.Pressed
}

// Foreign says whose the branch of a pull request is that Anvil did not open.
type Foreign string

const (
	ForeignBranch Foreign = "branch" // one of the repository
	ForeignFork   Foreign = "fork"   // another repository's
)

// Review is a review that asks for changes of a session's own pull request.
type Review struct {
	ID       int64           `json:"id"`
	Comments []ReviewComment `json:"comments,omitempty"`
}

// ReviewComment is what a review says of one line.
type ReviewComment struct {
	ID   int64  `json:"id"`
	Path string `json:"path"`
	Line int    `json:"line,omitempty"`
	Hunk string `json:"hunk,omitempty"` // the diff that it stands at
	Body string `json:"body"`
}

// Prompt is the snapshot of what the agent is told, cleaned of hidden text.
type Prompt struct {
	Instruction string          `json:"instruction"` // the words after the verb and options
	IssueTitle  string          `json:"issue_title"`
	IssueBody   string          `json:"issue_body"`
	Removed     []RemovedHidden `json:"removed,omitempty"`
	Digest      string          `json:"digest"` // sha256 over the other text fields, hex
}

// RemovedHidden says what invisible text was taken out of a prompt, and where.
type RemovedHidden struct {
	Where string `json:"where"` // "comment", "issue title", "issue body"
	Kind  string `json:"kind"`  // such as "HTML comment", "zero-width character"
	Count int    `json:"count"`
}

// Session is one thread: one branch, one pull request, instructions in order.
type Session struct {
	ID          SessionID
	Repository  Repository
	Issue       int    // below zero: it has none, see [Untracked]
	Ordinal     int    // 1 for the thread's first session, then 2, …
	Branch      string // anvil/<issue>-<slug>, without refs/heads/
	PullRequest int    // 0 until there is one
	CreatedAt   time.Time
}

// Number is the number of the session's issue, or 0 if it has none.
func (s Session) Number() int { return max(0, s.Issue) }

// Untracked stands in the place of an issue's number for a thread outside of GitHub that
// has no tracking issue. It is below zero, and the same for the same thread.
func Untracked(place, thread string) int {
	h := fnv.New64a()
	h.Write([]byte(place + "/" + thread))
	return -1 - int(h.Sum64()>>12)
}

// Task is one instruction in a session.
type Task struct {
	ID        TaskID
	Session   SessionID
	Command   Command
	Version   int64 // counts the changes that people should be told of
	Outcome   *Outcome
	CreatedAt time.Time
	ClosedAt  time.Time // zero while open
}

// Run is one attempt at a task on a runner.
type Run struct {
	ID      RunID
	Task    TaskID
	Attempt int // from 1
	State   State

	BaseRef    string     // branch the change starts from, without refs/heads/
	BaseCommit string     // the exact commit; empty until the dispatch hop resolved it
	Rules      Rules      // the repository's policy as it was read for this run
	Engine     EngineInfo // the engine that was chosen
	Dispatch   Dispatch
	Placement  Placement
	Lease      Lease
	Report     *Report  // what the runner handed over; nil until it finished
	Verdict    *Verdict // what inspection said; nil until then
	Problem    *Problem // why it failed, was held or was lost
	// Question is what the agent asked a person; nil if it asked nothing. A run that
	// is finished while its question has no answer becomes [Waiting].
	Question *Question
	// Views are what the agent wants people to see a screenshot of.
	Views []View
	// Merge is set for a run that merges the base into the session's branch: BaseRef and
	// BaseCommit are then what comes in.
	Merge *Merge

	CreatedAt time.Time
	ChangedAt time.Time // of the last state change
	// Deadline is when the present state is overdue; zero where it cannot be.
	Deadline time.Time
	// StopRequestedAt is set once a person asked the run to stop.
	StopRequestedAt time.Time
}

// Dispatch is the last intent to start a run at a provider. It is committed
// before the provider is asked.
type Dispatch struct {
	NonceHash string    // sha256 hex of the one-time nonce
	AskedAt   time.Time // when this intent was committed; zero: none is open
	Times     int       // how many intents there were
}

// Placement is where a provider put a run.
type Placement struct {
	Provider    string `json:"provider"` // "actions"
	Repository  string `json:"repository"`
	Workflow    string `json:"workflow"`
	WorkflowRun int64  `json:"workflow_run,omitempty"` // 0 until known
	URL         string `json:"url,omitempty"`
	// Guessed is set where the workflow run was found by its name instead of told by
	// the provider. The claim, which proves the nonce, then has the last word.
	Guessed bool `json:"guessed,omitempty"`
}

// Lease is a runner's right to act for a run until a time.
type Lease struct {
	Epoch     int64  // grows with each claim; 0 before the first
	TokenHash string // sha256 hex of the lease token
	ExpiresAt time.Time
	Runner    string // runner name as GitHub reports it
}

// Outcome is how a task ended. It is written once.
type Outcome struct {
	State   State    `json:"state"`
	Problem *Problem `json:"problem,omitempty"`
	Answer  string   `json:"answer,omitempty"` // the agent's own words, untrusted
}

// Verification is the record of the verify phase.
type Verification struct {
	Status VerificationStatus `json:"status"`
	Reason string             `json:"reason,omitempty"` // why it could not be verified
	Source string             `json:"source,omitempty"` // "command", ".github/anvil.yml" or "detected: go.mod"
	Checks []Check            `json:"checks,omitempty"`
}

// VerificationStatus is the verdict of a verification or of one of its checks.
type VerificationStatus string

const (
	Passed     VerificationStatus = "passed"
	NotPassed  VerificationStatus = "failed"
	Unverified VerificationStatus = "unverified" // could not be verified; Reason says why
)

// Check is one verification command and how it ended.
type Check struct {
	Name       string             `json:"name"` // the command line as configured
	Status     VerificationStatus `json:"status"`
	ExitCode   int                `json:"exit_code"`
	DurationMS int64              `json:"duration_ms"`
	OutputTail string             `json:"output_tail,omitempty"` // untrusted; the last 4 KiB
	Before     VerificationStatus `json:"before,omitempty"`      // of the same on the base commit; empty: nobody knows
}

// Report is what a runner handed over when it finished.
type Report struct {
	Result       string       `json:"result"` // runapi.Result
	Answer       string       `json:"answer,omitempty"`
	Engine       EngineInfo   `json:"engine"`
	Verification Verification `json:"verification"`
	Head         string       `json:"head,omitempty"` // the proposed commit
	Problem      *Problem     `json:"problem,omitempty"`
	Bundle       string       `json:"bundle,omitempty"` // blob digest
	// Over is the budget that was used up when the proposal was there already. It is the
	// server's word; nil if none was.
	Over *Problem `json:"over,omitempty"`
	// Refused is what the run was not allowed to reach, the first of it.
	Refused []RefusedHost `json:"refused,omitempty"`
	// Environment is the dev container that the run worked in; nil without one.
	Environment *Environment `json:"environment,omitempty"`
	// Debug says that the run left a debug package.
	Debug bool `json:"debug,omitempty"`
	// Absent is what the base commit names and the run did not have.
	Absent Absent `json:"absent,omitzero"`
	// Spans are how long the parts of the run took, in order.
	Spans []Span `json:"spans,omitempty"`
	// Screenshots are pictures of the change.
	Screenshots []Screenshot `json:"screenshots,omitempty"`
}

// Merge is a branch that the base commit is merged with.
type Merge struct {
	Head     string `json:"head"`     // its commit, the first parent of what is published
	Ancestor string `json:"ancestor"` // the commit from which the two went apart
}

// Parents are those of the one commit that is published of the run.
func (r Run) Parents() []string {
	if r.Merge != nil {
		return []string{r.Merge.Head, r.BaseCommit}
	}
	return []string{r.BaseCommit}
}

// View is a page of the application that the agent changed. Both are its own words.
type View struct {
	Path string `json:"path"`           // below the application's address, such as /login
	Note string `json:"note,omitempty"` // what people should look at
}

// Screenshot is a picture of the change. It is the runner's word.
type Screenshot struct {
	Title  string `json:"title"`
	Digest string `json:"digest"` // of the blob, a PNG as it came
}

// ScreenshotFile is the name under which a task's nth screenshot is published, from 1.
func ScreenshotFile(n int) string { return fmt.Sprintf("%d.png", n) }

// MaxScreenshots is how many pictures a run hands over at most.
const MaxScreenshots = 5

// Absent is what a repository keeps outside of itself: how many of each, and the path of
// the first. It is the runner's word.
type Absent struct {
	Submodules int    `json:"submodules,omitempty"`
	Submodule  string `json:"submodule,omitempty"`
	LFS        int    `json:"lfs,omitempty"`
	Pointer    string `json:"pointer,omitempty"`
}

// Span is how long a part of a run took, such as verify. It is the runner's word.
type Span struct {
	Name       string `json:"name"`
	BeganMS    int64  `json:"began_ms"`    // after the runner's start
	DurationMS int64  `json:"duration_ms"` // of all times that it happened
}

// Environment is a dev container that a run worked in, or had to leave out. All of it is
// the runner's word.
type Environment struct {
	Path       string `json:"path"`           // of its configuration in the repository
	Name       string `json:"name,omitempty"` // of one of several
	Key        string `json:"key"`            // stands for everything that the image is built from
	Image      string `json:"image"`          // its digest in the engine that ran it
	Warm       bool   `json:"warm"`           // the image had been kept, and was not built
	DurationMS int64  `json:"duration_ms"`    // until it was ready
	// Without is why the run worked in its runner's own system instead; empty if it did not.
	Without string `json:"without,omitempty"`
}

// RefusedHost is a host that a run asked for and did not get. All of it is text from
// the runner, and Host from an untrusted program.
type RefusedHost struct {
	Host  string `json:"host"`
	Port  string `json:"port,omitempty"`
	Why   string `json:"why"`
	Allow string `json:"allow,omitempty"` // the entry of network.allow that would have let it through; empty: none would
	// Operator says that the entry is the operator's to make: the repository may not.
	Operator bool `json:"operator,omitempty"`
}

// Question is what an agent wants to know from a person before it goes on.
type Question struct {
	Text    string    `json:"text"` // the agent's words, untrusted
	Choices []string  `json:"choices,omitempty"`
	AskedAt time.Time `json:"asked_at"`
	// Answer is what Answerer said, cleaned; empty while nobody has.
	Answer     string     `json:"answer,omitempty"`
	Answerer   Actor      `json:"answerer,omitzero"`
	Delivery   DeliveryID `json:"delivery,omitempty"` // that brought the answer
	AnsweredAt time.Time  `json:"answered_at,omitzero"`
	// Plan is set where the text is a plan that waits for an approval; see
	// [ApprovalDigest]. An answer that does not approve it asks for another plan.
	Plan     string `json:"plan,omitempty"`
	Approved bool   `json:"approved,omitempty"`
}

// Usage is what models were asked for and gave, summed over calls.
type Usage struct {
	Calls      int64 `json:"calls"`
	Input      int64 `json:"input"`       // tokens, without those from or to a cache
	Cached     int64 `json:"cached"`      // input tokens that were read from the provider's cache
	CacheWrite int64 `json:"cache_write"` // input tokens that were written to it
	Output     int64 `json:"output"`      // tokens, reasoning included
	Reasoning  int64 `json:"reasoning"`   // the part of Output that is reasoning
	// CostMicros is the price in millionths of a US dollar, by the configured
	// table; calls of a model that has no price count nothing and are in Unpriced.
	CostMicros int64 `json:"cost_micros"`
	Unpriced   int64 `json:"unpriced,omitempty"`
}

// EngineInfo names the engine that worked.
type EngineInfo struct {
	Name    string `json:"name"`
	Kind    string `json:"kind"`
	Version string `json:"version,omitempty"`
	Model   string `json:"model,omitempty"`
}

// Verdict is what inspection found a proposal to be.
type Verdict struct {
	Tree      string       `json:"tree"` // the checked tree
	Files     []FileChange `json:"files"`
	Additions int          `json:"additions"`
	Deletions int          `json:"deletions"`
	Protected []string     `json:"protected,omitempty"` // protected paths it touches
	// Patch shows the change of the protected paths, cut to what people read; it is
	// kept for a change that is held.
	Patch string `json:"patch,omitempty"`
	// Released says who let a change of protected files go. It is for this one tree.
	Released *Release `json:"released,omitempty"`
}

// Release is a person's word that a held change may be published.
type Release struct {
	Tree string    `json:"tree"` // the exact tree that they named
	By   Actor     `json:"by"`
	At   time.Time `json:"at"`
}

// FileChange is one path of a change.
type FileChange struct {
	Path      string `json:"path"`
	Status    string `json:"status"` // A, M, D or T, as git names them
	Additions int    `json:"additions"`
	Deletions int    `json:"deletions"`
}

// Event is one append-only fact of a run. Server and runner each number their
// own from 1.
type Event struct {
	Run    RunID           `json:"run"`
	Source EventSource     `json:"source"`
	Seq    int64           `json:"seq"`
	At     time.Time       `json:"at"`
	Kind   string          `json:"kind"`
	Text   string          `json:"text,omitempty"` // from a runner: untrusted
	Data   json.RawMessage `json:"data,omitempty"`
}

// KindMessage is the runner's event of words that an agent says while it works.
const KindMessage = "engine.message"

// PromptArtifact begins the names of artifacts with what was said to a model or by it, which
// are kept if the operator wants it, and only for a time. No artifact of a runner's does.
const PromptArtifact = "model-"

// KindEngine is the runner's event of the engine's version, told as soon as it is known: of
// a run that never comes to its end nothing else would tell it.
const KindEngine = "engine"

// KindPlan is the server's event of a plan that an agent reported for people to see.
const KindPlan = "plan"

// EventSource is who recorded an event.
type EventSource string

const (
	FromServer EventSource = "server"
	FromRunner EventSource = "runner"
)

// Effect is one change to the outside world. Key says what it is, so that doing
// it twice is the same as doing it once.
type Effect struct {
	Key        string // such as "comment/<task>" or "push/<task>"
	Task       TaskID
	State      EffectState
	ExternalID string // GitHub's id of what was made
	URL        string
	Digest     string // of the content last sent, so an equal one is not sent again
	ChangedAt  time.Time
}

// EffectState is how far an effect got.
type EffectState string

const (
	Intended EffectState = "intended" // may have happened: look before doing it again
	Done     EffectState = "done"
)

// Job is a wake-up for one hop: the hop's name and the row it should look at.
// The rows are the truth; a job that is lost, late or doubled changes nothing.
type Job struct {
	Hop string
	Key string
	At  time.Time // not before; zero means now
}

// The hops that jobs wake. They are the names in the life of a task.
const (
	HopDecide   = "decide"   // key: delivery id
	HopAnnounce = "announce" // key: task id
	HopSchedule = "schedule" // key: empty
	HopDispatch = "dispatch" // key: run id
	HopInspect  = "inspect"  // key: run id
	HopDeliver  = "deliver"  // key: run id
	HopReply    = "reply"    // key: delivery id
	HopGreet    = "greet"    // key: delivery id, of a place that wants a sign at once
	HopStop     = "stop"     // key: run id
	HopSpeak    = "speak"    // key: run id, of a session that is shown outside of GitHub
	HopReview   = "review"   // key: session id, whose pull request may have been approved
	HopReap     = "reap"     // key: empty; periodic
)

// Story is all that is known about a task at one moment: what every place that
// shows it is rendered from.
type Story struct {
	Session Session
	Task    Task
	Runs    []Run // in order of attempts; the last one is the present
	Events  []Event
	Effects map[string]Effect // by key
	Usage   Usage             // of models, over all runs of the task
	Told    bool              // people have been shown the present state
	Ahead   int               // runs that will get a slot before this one, while queued
	Server  string            // the server's public address
	Threads []PlaceThread     // of the session, outside of GitHub
	// Earlier are the session's tasks that were asked for before and have ended, the
	// latest few in the order in which they were, each with its last run and its comment.
	Earlier []Story
}

// Independence is whether somebody who has no part in a session's pull request approved it.
type Independence struct {
	Session  Session
	Head     string  // the commit that is to be approved
	Involved []Actor // who asked for a task in it; their approval does not count
	Approved *Actor  // who approved it and counts; nil: nobody yet
	Closed   bool    // the pull request is not open any more
	Next     string  // the head that took Head's place; empty: none
}

// Run returns the present attempt.
func (s Story) Run() Run {
	if len(s.Runs) == 0 {
		return Run{}
	}
	return s.Runs[len(s.Runs)-1]
}

// Slug returns a short, safe branch-name part made of title's letters and digits.
func Slug(title string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
		if b.Len() >= 40 {
			break
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "task"
}
