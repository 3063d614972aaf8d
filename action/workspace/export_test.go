package workspace

func init() { roomForSpare = 0 }

// Roomy reports whether a part of a directory's file system is free.
var Roomy = roomy

// MayFetch reports whether a submodule of a repository would be fetched.
func MayFetch(repository, address string, allowed []string) bool {
	at, err := (&Workspace{source: Source{URL: repository}}).resolve(address)
	return err == nil && permitted(allowed, at)
}
