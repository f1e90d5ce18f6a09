package command

import (
	"fmt"
	"strings"

	"icar/run"
	"icar/sweep"
)

// checkProgram refuses work on a sweep of another program.
func checkProgram(w sweep.Sweep) error {
	id, err := run.Program()
	if err != nil {
		return runFailed(err)
	}
	if err := w.CheckProgram(id); err != nil {
		return usage(err)
	}
	return nil
}

// thisProgram names this program for people, by its identity.
func thisProgram() string {
	id, err := run.Program()
	if err != nil {
		return fmt.Sprintf("one without an identity (%v)", err)
	}
	return id
}

// programs names the programs of a run or a result for people.
func programs(ids []string) string {
	if len(ids) == 1 {
		return "the program " + ids[0]
	}
	return "the programs " + strings.Join(ids, " and ")
}
