package cli

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"icar/sweep"
)

// submitFlags are what a cluster is asked for.
type submitFlags struct {
	slurm, dryRun bool
	tasks         int
	files         string
	time, memory  string
	cpus          int
	logs          string
	options       []string
}

func newSweepSubmit(f *databaseFlags) *cobra.Command {
	var o submitFlags
	c := &cobra.Command{
		Use:   "submit [SWEEP] --slurm",
		Short: "Let Slurm run the workers of a sweep",
		Long: `Write an sbatch array of workers and submit it. Slurm places, limits and
restarts them: a task that is preempted, requeued or lost with its node goes on
from its last checkpoint. A task gets SIGTERM two minutes before its time limit, saves a
checkpoint and gives its trial back.

The script names the file with the database's address, --database-file, and
never holds the address of a Postgres. --option adds any other line, such as --option partition=long,
and overrides what stands before it.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(); err != nil {
				return usage(err)
			}
			return f.withSweep(c.Context(), args, func(_ *sweep.Store, w sweep.Sweep) error { return sweepSubmit(c, *f, o, w) })
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.slurm, "slurm", false, "submit to Slurm, by sbatch")
	flags.BoolVar(&o.dryRun, "dry-run", false, "print the script and submit nothing")
	flags.IntVar(&o.tasks, "tasks", 1, "workers, the tasks of the array")
	flags.StringVar(&o.files, "files", "", "`folder` of checkpoints that all nodes see (default as for icar sweep work)")
	flags.StringVar(&o.time, "time", "1-00:00:00", "time limit of a task, as sbatch takes it")
	flags.StringVar(&o.memory, "memory", "1G", "memory of a task, as sbatch takes it")
	flags.IntVar(&o.cpus, "cpus", 1, "processors of a task")
	flags.StringVar(&o.logs, "logs", "", "`folder` of a log a task (default FILES/logs)")
	flags.StringArrayVar(&o.options, "option", nil, "another `NAME=VALUE` of sbatch, or a NAME; repeatable")
	return c
}

// plain are the words that mean nothing else to a shell or to sbatch.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+-]+$`)

func (o submitFlags) check() error {
	if !o.slurm {
		return errors.New("say where to submit it: --slurm")
	}
	if o.tasks < 1 || o.tasks > 100_000 || o.cpus < 1 {
		return fmt.Errorf("--tasks %d --cpus %d: use 1 to 100000 tasks and at least one processor", o.tasks, o.cpus)
	}
	for _, word := range append([]string{o.time, o.memory}, o.options...) {
		if !plain.MatchString(word) {
			return fmt.Errorf("%q has characters that a batch script may take for something else: use letters, digits and _./:=,@+-", word)
		}
	}
	return nil
}

// script returns the sbatch script. Nothing of it comes from the plan.
func (o submitFlags) script(id, icar, where, address string) []byte {
	var b bytes.Buffer
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("#!/bin/sh")
	line("#SBATCH --job-name=icar-%s", id)
	line("#SBATCH --array=0-%d", o.tasks-1)
	line("#SBATCH --requeue")
	line("#SBATCH --open-mode=append")
	line("#SBATCH --time=%s", o.time)
	line("#SBATCH --mem=%s", o.memory)
	line("#SBATCH --cpus-per-task=%d", o.cpus)
	line("#SBATCH --signal=TERM@120")
	line("#SBATCH --output=%s", filepath.Join(o.logs, "%A_%a.log"))
	for _, option := range o.options {
		line("#SBATCH --%s", option)
	}
	line("exec srun --ntasks=1 %s sweep work %s %s %s --files %s --parallel %d", quote(icar), quote(id), where, quote(address), quote(o.files), o.cpus)
	return b.Bytes()
}

// quote writes a word for sh.
func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func sweepSubmit(c *cobra.Command, f databaseFlags, o submitFlags, w sweep.Sweep) error {
	a, err := f.address()
	if err != nil {
		return err
	}
	where, address := "--database-file", f.file
	if f.file == "" {
		if a.File() == "" {
			return usage(errors.New("a batch script must not hold the database's address: put it into a file of mode 0600 and name that with --database-file"))
		}
		where, address = "--database", a.File()
	}
	icar, err := os.Executable()
	if err == nil {
		address, err = filepath.Abs(address)
	}
	if o.files, err = joinFolder(err, f, o.files); err != nil {
		return runFailed(err)
	}
	if o.logs == "" {
		o.logs = filepath.Join(o.files, "logs")
	}
	if strings.ContainsAny(o.logs, " %\n") {
		return usage(fmt.Errorf("--logs %q has characters that sbatch takes for something else: choose another folder", o.logs))
	}
	script := o.script(w.ID, icar, where, address)
	if o.dryRun {
		_, err := c.OutOrStdout().Write(script)
		return err
	}
	if err := prepareFolder("--logs", o.logs); err != nil {
		return runFailed(err)
	}
	sbatch := exec.CommandContext(c.Context(), "sbatch", "--parsable")
	sbatch.Stdin, sbatch.Stdout, sbatch.Stderr = bytes.NewReader(script), c.OutOrStdout(), c.ErrOrStderr()
	if err := sbatch.Run(); err != nil {
		return runFailed(fmt.Errorf("sbatch: %w; --dry-run prints what it was given", err))
	}
	return nil
}

// joinFolder returns the absolute folder of files.
func joinFolder(err error, f databaseFlags, given string) (string, error) {
	if err != nil {
		return "", err
	}
	folder, err := f.folder(given)
	if err != nil {
		return "", err
	}
	return filepath.Abs(folder)
}
