package linear

// View is what a session shows of a task.
type View struct {
	// Say is what stands in the session, in order, each once.
	Say   []Said
	Plan  []Step
	Links []Link
	Stage Stage
	// Working is set while nobody waits for a person and it is not over: what is silent
	// for half an hour then looks as if it had died.
	Working bool
}

// Said is an activity with the key that it has within its task. Its id is made of that.
type Said struct {
	Key string
	Activity
}

// Stage is how far the issue is by what is done for it.
type Stage string

const (
	Waits  Stage = ""       // as it was
	Begun  Stage = "begun"  // somebody is at work on it
	Review Stage = "review" // there is a pull request to look at
)
