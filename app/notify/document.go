package notify

import (
	"time"

	"github.com/seed-bc0cc349/anvil/app/sanitize"
)

// Document is what there is to know of a task at one moment: the one truth that every
// place renders. A string in it is ours, an id or checked for what it may be; whatever
// comes from outside is a [sanitize.Text].
type Document struct {
	Task    string // its id
	Phase   Phase
	Attempt int

	Mark  string        // one sign that says how it is
	Title string        // where it is, in a few words, without the sign
	Took  time.Duration // from asking to the end; 0 while open

	Issue       int
	InSlack     bool          // there is no issue: it was asked for in Slack, and is told there
	OnPull      bool          // Issue is a pull request that is not Anvil's
	PullRequest int           // 0 until there is one
	PullURL     string        // its address; empty until this task has published to it
	Repository  string        // OWNER/NAME
	Branch      sanitize.Text // people name branches, and a name may hold any mark
	Base        sanitize.Text // branch that the change starts from; empty until it is known
	BaseCommit  string
	Published   string // the commit that was published; empty until it was

	Requester Person
	Asked     sanitize.Text
	Handed    bool          // the issue was handed over, without words of its own
	Subject   sanitize.Text // one line for a title: the instruction, if it is one
	Exchanges []Exchange    // what the agent asked before, and who answered what
	Question  *Question     // that it waits with
	Lost      []Lost        // attempts that came to nothing, before the present one
	Earlier   []Earlier     // how the session's earlier tasks ended, in their order

	Steps    []Step // the journey of an open task
	Plan     []Step // the agent's own
	Speech   []Said // what the agent of the present run says while it works
	Warnings []string
	Wait     sanitize.Text // what a queued run waits for, besides a slot
	Notices  []Problem

	Problem      *Problem // why it failed, or is held
	Over         *Problem // the budget that was used up when the change was there already
	Answer       sanitize.Text
	Report       Report          // the answer in its parts
	Verification *Verification   // nil until a runner reported
	Change       *Change         // nil until inspection
	Screenshots  []Picture       // published with the change
	Held         []sanitize.Text // protected files that hold it
	Patch        sanitize.Text   // how they are changed
	ReleasedBy   Person          // who let a change of protected files go
	Refused      []RefusedHost
	AllowHosts   []string // entries of network.allow that would let refused hosts through
	AskOperator  []string // the same, of hosts that the repository may not allow itself
	Places       []Place  // that a check run points at

	Engine      sanitize.Text // with its version and its model
	Environment *Environment  // nil: there is no dev container to be used, or nobody has told yet
	Cost        string
	Absent      Absent
	Debug       bool   // its run left a debug package
	Spans       string // how long the parts of its run took; empty: nobody has told

	Run     string // address of the workflow run; empty until there is one
	Comment string // address of the task's comment; empty until there is one
	Actions []Action
}

// Phase is how a place looks at a state: what is shown, and which sign it has.
type Phase string

const (
	Open     Phase = "open"     // on its way
	Asking   Phase = "asking"   // waits for a person's answer
	Planned  Phase = "planned"  // waits for a person's approval of its plan
	Holding  Phase = "holding"  // waits for a person's release
	Done     Phase = "done"     // published
	Answered Phase = "answered" // ended with words and no change
	Stopped  Phase = "stopped"  // a person ended it
	Failed   Phase = "failed"   // ended with a problem
)

// Ended reports whether nothing more will come.
func (p Phase) Ended() bool { return p == Done || p == Answered || p == Stopped || p == Failed }

// Person is somebody at GitHub.
type Person struct {
	ID    int64
	Login string // as GitHub has it: letters, digits and hyphens
}

// Exchange is a question of the agent's and a person's answer.
type Exchange struct {
	Question, Answer sanitize.Text
	By               Person
}

// Lost is an attempt that came to nothing, so that another one was made.
type Lost struct {
	Attempt int
	Why     *Problem // nil: nobody knows
	Run     string   // address of its workflow run; empty if there was none
}

// Earlier is how a task of the same session ended that was asked for before.
type Earlier struct {
	Mark, Title string
	Requester   Person
	Asked       sanitize.Text
	Why         *Problem // that it ended with, if it did
	Comment     string   // address of its comment; empty if there is none
}

// Question is what a run waits for.
type Question struct {
	Text     sanitize.Text
	Choices  []sanitize.Text
	Deadline time.Time // zero: none
	Plan     string    // the first digits of what an approval names; empty: it is no plan
}

// Step is one line of a list of things to do.
type Step struct {
	Text string // one line of Markdown
	Link string // what Text leads to, if anything
	Done bool
	Now  bool // under way
}

// Problem is an [anvil.Problem] on its way to people.
type Problem struct {
	Code       string
	What, Next sanitize.Text
}

// Verification is how a change was verified.
type Verification struct {
	Status Verdict
	Reason sanitize.Text // why it could not be
	Source sanitize.Text // where the commands come from
	From   Origin
	Checks []Check
}

// Verdict is the result of a check or of all.
type Verdict string

const (
	Passed     Verdict = "passed"
	NotPassed  Verdict = "failed"
	Unverified Verdict = "unverified"
)

// Origin is who chose the verification commands.
type Origin string

const (
	FromCommand Origin = "command"
	Detected    Origin = "detected"
	FromRules   Origin = "rules"
)

// Check is one command of a verification.
type Check struct {
	Name   sanitize.Text
	Status Verdict
	Took   time.Duration
	Output sanitize.Text // its end, if it failed
	Before Verdict       // on the base commit; empty: nobody knows
}

// Change is what was inspected.
type Change struct {
	Tree                 string // git's name of the checked tree
	Files                []File
	Additions, Deletions int
}

// File is one path of a change.
type File struct {
	Path                 sanitize.Text
	Status               string // A, M, D or T
	Additions, Deletions int
}

// Said is something that an agent said.
type Said struct {
	Number int64 // of its event
	Text   sanitize.Text
}

// Picture is a screenshot of a change.
type Picture struct {
	Title sanitize.Text
	URL   string // of the picture itself, for who may see the repository
}

// Environment is the dev container that a run worked in, or had to leave out.
type Environment struct {
	Path    sanitize.Text // of its configuration
	Warm    bool          // its image had been kept, and was not built
	Took    time.Duration // until it was ready
	Without sanitize.Text // why it was left out; empty if it was not
}

// RefusedHost is what a run was not allowed to reach.
type RefusedHost struct{ Host, Why sanitize.Text }

// Place is a line of a file that something is said about.
type Place struct {
	Path    sanitize.Text
	Line    int
	Level   string // warning or failure
	Title   sanitize.Text
	Message sanitize.Text
}

// Action is what a person can do now.
type Action struct {
	Verb   string // as it is commented behind /anvil; its first word stands for it
	Label  string // of a button, at most 20 characters
	Effect string // what happens then, at most 40 characters
	Button bool   // it needs no words: a place may show a button for it
}
