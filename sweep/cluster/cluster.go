// Package cluster writes what the engine of a cluster is given to run the
// workers of a sweep: a batch script for Slurm, a Job for Kubernetes. Neither
// holds the address of a database with a password, nor anything of a plan.
package cluster

import (
	"fmt"
	"regexp"
)

// Workers are those of a sweep, as any engine is asked for them.
type Workers struct {
	Sweep  string   // its id
	Tasks  int      // how many workers: tasks of an array, pods
	CPUs   int      // processors of each, which has so many trials at a time
	Memory string   // of each, as sbatch takes it: 1G, or a number of MiB
	Flags  []string // of icar sweep work, besides --files and --parallel
}

// Check returns an error that says what to ask for instead.
func (w Workers) Check() error {
	if w.Tasks < 1 || w.Tasks > 100_000 || w.CPUs < 1 {
		return fmt.Errorf("--tasks %d --cpus %d: use 1 to 100000 tasks and at least one processor",
			w.Tasks, w.CPUs)
	}
	return checkDirectives(w.Memory)
}

// plain are the words that mean nothing else to a shell or to sbatch.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+-]+$`)

// directive are the words of lines for sbatch, which no shell reads:
// array=0-9%2, nodelist=n[1-2], output=%A_%a.log.
var directive = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+%\[\]*-]+$`)

func checkDirectives(words ...string) error {
	for _, word := range words {
		if !directive.MatchString(word) {
			return fmt.Errorf("%q has characters that sbatch may take for something else: "+
				"use letters, digits and _./:=,@+%%[]*-", word)
		}
	}
	return nil
}
