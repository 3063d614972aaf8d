package confine

// order is what the runner tells [Inside] over the control socket: a command line
// would be shown to every user of the machine.
type order struct {
	Argv     []string      `json:"argv"`
	Env      []string      `json:"env"`
	Dir      string        `json:"dir"`
	Forwards []forwarding  `json:"forwards,omitempty"`
	User     int           `json:"user,omitempty"`   // to become; 0: it is the right one already
	Filter   bool          `json:"filter,omitempty"` // forbid system calls that no program needs
	Limits   processLimits `json:"limits"`
}

// forwarding is a port inside that leads to a socket of the runner.
type forwarding struct {
	Listen string `json:"listen"` // HOST:PORT
	Socket string `json:"socket"` // as it is named inside
}

// processLimits hold for each process, or each user, without a cgroup. Zero: none.
type processLimits struct {
	Processes uint64 `json:"processes,omitempty"`
	OpenFiles uint64 `json:"open_files,omitempty"`
	FileBytes uint64 `json:"file_bytes,omitempty"`
}

// report is what Inside tells the runner: first how the start went, then the end.
type report struct {
	Started bool   `json:"started,omitempty"`
	Failed  string `json:"failed,omitempty"`
	Missing bool   `json:"missing,omitempty"` // with Failed: there is no such program
	Ended   bool   `json:"ended,omitempty"`
	Code    int    `json:"code,omitempty"`
	Limit   string `json:"limit,omitempty"` // that was hit, as far as it can be seen from inside
}

// wish is what the runner says once the program runs. The end of the connection
// says: end everything, now.
type wish struct {
	Stop bool `json:"stop"`
}
