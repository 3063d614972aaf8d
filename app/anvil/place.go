package anvil

import "time"

// Origin says where outside of GitHub something was said. All ids are the place's own.
type Origin struct {
	Place   string `json:"place"`             // such as linear
	Thread  string `json:"thread"`            // such as an agent session of Linear's
	Message string `json:"message,omitempty"` // with the words; empty where a gesture without words asked
	Person  string `json:"person,omitempty"`
	// Respond is an address of the place at which answers to this are taken for a while,
	// where the app itself may not speak; empty: there is none.
	Respond string `json:"respond,omitempty"`
}

// PlaceThread is a thread outside of GitHub. Its work goes on in an issue at GitHub, the
// tracking issue, whose session is the thread's; so that it is visible where the code
// lives, and everything that can be said there can be said here.
type PlaceThread struct {
	Place, Thread string
	URL           string // where people find it
	Subject       string // the place's id of what it is about, such as an issue of Linear's
	Repository    int64  // 0 while it is not known
	Issue         int    // the tracking issue; 0 while there is none
	// Request is what was asked while the repository was not known, as the place's own
	// JSON: it is kept as it was when it arrived.
	Request string
	// StoppedAt is when somebody stopped it before its work had begun.
	StoppedAt time.Time
}
