package anvil

import "time"

// Person is somebody of a place other than GitHub. All ids are the place's own: names are
// their owners' choice, and prove nothing.
type Person struct {
	Place string `json:"place"` // such as slack
	Team  string `json:"team"`  // the workspace
	ID    string `json:"id"`
}

// LinkOffer is the offer to a person to say who they are at GitHub, by signing in there.
// It is good until it expires, and for one person and one sign-in.
type LinkOffer struct {
	ID        string // the digest of the secret that stands in the link
	Person    Person
	Name      string // what they are called at their place, for people to read
	Origin    Origin // where they were told of it, and hear that it is done
	ExpiresAt time.Time
	// SignedIn is who signed in; nobody yet: its id is 0. They have yet to agree.
	SignedIn Actor
}

// EventLinked is the event, below a place's name, by which the server tells itself that a
// person is linked from now on. Its body is a [Linked].
const EventLinked = "linked"

// Linked is that a person is somebody at GitHub from now on.
type Linked struct {
	Person Person `json:"person"`
	GitHub Actor  `json:"github"`
	Origin Origin `json:"origin"`
}
