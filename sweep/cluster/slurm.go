package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"unicode"
)

// Slurm is an array of workers for sbatch.
type Slurm struct {
	Workers
	Program  string    // path of icar
	Database [2]string // the flag that says where the database is, and its value
	Files    string    // folder of checkpoints, which all nodes see
	Logs     string    // folder of a log a task
	Time     string    // limit of a task, as sbatch takes it
	Options  []string  // of sbatch besides: NAME=VALUE or NAME; the last one holds
}

// Check returns an error that says which word sbatch would not take as it is.
func (s Slurm) Check() error {
	words := append([]string{s.Time}, s.Options...)
	return errors.Join(s.Workers.Check(), checkDirectives(words...))
}

// Script returns the batch script. The error says which text would be more than
// a line of its own.
func (s Slurm) Script() ([]byte, error) {
	if !plain.MatchString(s.Sweep) {
		return nil, fmt.Errorf("%q is no name of a sweep", s.Sweep)
	}
	if strings.ContainsAny(s.Logs, " %\n") {
		return nil, fmt.Errorf("--logs %q has characters that sbatch takes for something else: "+
			"choose another folder", s.Logs)
	}
	lines := []string{
		"#!/bin/sh",
		"#SBATCH --job-name=icar-" + s.Sweep,
		fmt.Sprintf("#SBATCH --array=0-%d", s.Tasks-1),
		"#SBATCH --requeue",
		"#SBATCH --open-mode=append",
		"#SBATCH --time=" + s.Time,
		"#SBATCH --mem=" + s.Memory,
		fmt.Sprintf("#SBATCH --cpus-per-task=%d", s.CPUs),
		"#SBATCH --signal=TERM@120",
		"#SBATCH --output=" + filepath.Join(s.Logs, "%A_%a.log"),
	}
	for _, option := range s.Options {
		lines = append(lines, "#SBATCH --"+option)
	}
	lines = append(lines,
		fmt.Sprintf("exec srun --ntasks=1 %s sweep work %s %s %s --files %s --parallel %d %s",
			quote(s.Program), quote(s.Sweep), s.Database[0], quote(s.Database[1]), quote(s.Files),
			s.CPUs, strings.Join(s.Flags, " ")))
	var script bytes.Buffer
	for _, line := range lines {
		if strings.ContainsFunc(line, unicode.IsControl) {
			return nil, fmt.Errorf("%q cannot be a line of a batch script: "+
				"choose names without control characters", line)
		}
		fmt.Fprintln(&script, line)
	}
	return script.Bytes(), nil
}

// quote writes a word for sh.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
