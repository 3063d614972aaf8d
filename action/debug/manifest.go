package debug

import "time"

// ManifestName is the last file of a package.
const ManifestName = "manifest.json"

// Manifest says what is in a package, and what is not.
type Manifest struct {
	Made  time.Time `json:"made"`
	About string    `json:"about"` // the run or the machine
	Parts []Taken   `json:"parts"`
	// Never lists what is kept out of every package, in words.
	Never []string `json:"never"`
}

// Taken says what became of a part.
type Taken struct {
	Name string `json:"name"`
	// Size is how many bytes there were when it was opened, Read how many of them were
	// looked at, and Bytes how many stand in the package: redaction changes lengths.
	Size   int64  `json:"size"`
	Read   int64  `json:"read"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest,omitempty"` // sha256:HEX of what stands in the package
	// Cut says what is missing and why, empty if nothing is.
	Cut string `json:"cut,omitempty"`
}

// never is what no package has.
var never = []string{
	"lease token, read token, model keys, identity tokens, and whatever else is known as a secret or looks like one: *** stands in its place",
	"the job's environment: of it only names",
	"the prompt and the repository's files, unless a log repeats them",
}
