package main

import (
	"os"
	"runtime"
	"runtime/debug"
)

// beThrifty keeps a server that has little to do small. Little of the heap lives
// long (a few MB; SQLite's memory is not Go's), so collecting it twice as often
// costs next to nothing, and garbage is most of what else would be kept. Whoever
// sets GOGC knows better.
func beThrifty() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(50)
	}
}

// tidyUp gives back what the start has left behind: parsing migrations alone
// takes several MB, in pools that outlive one collection. A program's file is read in
// wherever it is touched, and a start touches half of it.
func tidyUp() {
	runtime.GC()
	debug.FreeOSMemory()
	forgetProgram()
}
