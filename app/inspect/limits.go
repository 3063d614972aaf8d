package inspect

import "time"

// Limits bound what a proposal may be. A zero field means its default.
type Limits struct {
	// BundleBytes is the size of the bundle as it was uploaded. Default 64 MiB.
	BundleBytes int64
	// Files is how many paths may differ. Default 1,000: more than a person
	// would review, and less than would make checking slow.
	Files int
	// BlobBytes is the size of any one new file. Default 5 MiB; GitHub warns
	// at 50 and refuses at 100.
	BlobBytes int64
	// TotalBytes is the size of all new files together. Default 20 MiB.
	TotalBytes int64
	// Time is how long checking may take once the base commit is here.
	// Default two minutes. It is what stops a bomb that the others let pass.
	Time time.Duration
}

func (l Limits) withDefaults() Limits {
	if l.BundleBytes <= 0 {
		l.BundleBytes = 64 << 20
	}
	if l.Files <= 0 {
		l.Files = 1000
	}
	if l.BlobBytes <= 0 {
		l.BlobBytes = 5 << 20
	}
	if l.TotalBytes <= 0 {
		l.TotalBytes = 20 << 20
	}
	if l.Time <= 0 {
		l.Time = 2 * time.Minute
	}
	return l
}
