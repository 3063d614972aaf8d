package anvil

// Image is an environment's image in the archive of a repository. The bytes are in
// package blob.
type Image struct {
	Key    string // of the content that it was built from
	Run    RunID  // that stored it
	Digest string // sha256:HEX of the packed bytes
	Size   int64
}
