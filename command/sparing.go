package command

import (
	"os"
	"runtime/debug"

	"icar/nn"
)

// sparing lets the garbage of a process that trains a large model take a tenth of what is
// alive at most, and not as much again. It takes no time: what is alive are a few large
// arrays of numbers, into which the collector does not look. The environment's GOGC has
// precedence.
func sparing(c nn.Config) {
	const large, percent = 1 << 20, 10
	if os.Getenv("GOGC") == "" && c.Parameters() >= large {
		debug.SetGCPercent(percent)
	}
}
