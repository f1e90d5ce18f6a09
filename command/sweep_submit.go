package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"icar/internal/visible"
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
	times         workTimes
	kubernetes    kubernetesFlags
}

func newSweepSubmit(f *databaseFlags) *cobra.Command {
	var o submitFlags
	c := &cobra.Command{
		Use:   "submit [SWEEP] --slurm | --kubernetes",
		Short: "Let Slurm or Kubernetes run the workers of a sweep",
		Long: `Let the engine of a cluster place, limit and restart the workers of a sweep. A
worker that is preempted, requeued or lost with its node costs the steps since
the last checkpoint.

--slurm writes an sbatch array of workers and submits it. A task gets SIGTERM
two minutes before its time limit, saves a checkpoint, gives its trial back and
ends: when a sweep outlasts the limits of its tasks, submit it again.
The script names the file with the database's address, --database-file, and
never holds the address of a Postgres. --option adds any other line, such as
--option partition=long, and overrides what stands before it.

--kubernetes prints an Indexed Job for kubectl, with the address of a Postgres
taken from the key ` + secretKey + ` of the secret --secret. With --claim all
pods see each other's checkpoints; without it a trial that is taken over starts
again, to the same bits.`,
		Example: `  icar sweep submit --slurm --tasks 16 --database-file address --files /shared/sweep
  kubectl create secret generic icar-database --from-file=address
  icar sweep submit --kubernetes --tasks 16 --image registry/icar:1 --claim sweep | kubectl apply -f -`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := o.check(c.Flags().Changed); err != nil {
				return usage(err)
			}
			return f.withSweep(c.Context(), args, func(_ *sweep.Store, w sweep.Sweep) error {
				if o.kubernetes.print {
					a, err := f.address()
					if err != nil {
						return err
					}
					return printJob(c.OutOrStdout(), a, o, w.ID)
				}
				return sweepSubmit(c, *f, o, w)
			})
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.slurm, "slurm", false, "submit to Slurm, by sbatch")
	flags.BoolVar(&o.kubernetes.print, "kubernetes", false, "print an Indexed Job for kubectl")
	flags.IntVar(&o.tasks, "tasks", 1, "workers: tasks of the array, pods")
	flags.IntVar(&o.cpus, "cpus", 1, "processors of a worker")
	flags.StringVar(&o.memory, "memory", "1G", "memory of a worker, as sbatch takes it")
	o.times.add(flags)
	flags.BoolVar(&o.dryRun, "dry-run", false, "Slurm: print the script and submit nothing")
	flags.StringVar(&o.files, "files", "", "Slurm: `folder` of checkpoints that all nodes see (default as for icar sweep work)")
	flags.StringVar(&o.time, "time", "1-00:00:00", "Slurm: time limit of a task, as sbatch takes it")
	flags.StringVar(&o.logs, "logs", "", "Slurm: `folder` of a log a task (default FILES/logs)")
	flags.StringArrayVar(&o.options, "option", nil, "Slurm: another `NAME=VALUE` of sbatch, or a NAME; repeatable")
	flags.StringVar(&o.kubernetes.image, "image", "", "Kubernetes: the container `image` with icar in its PATH")
	flags.StringVar(&o.kubernetes.secret, "secret", "icar-database", "Kubernetes: the `secret` with the database's address under the key "+secretKey)
	flags.StringVar(&o.kubernetes.claim, "claim", "", "Kubernetes: the `volume claim` of checkpoints that all pods see (default: a folder of each pod's own)")
	return c
}

// forOne are the flags that only one engine has a use for.
var forOne = map[string][]string{
	"slurm":      {"dry-run", "files", "time", "logs", "option"},
	"kubernetes": {"image", "secret", "claim"},
}

// plain are the words that mean nothing else to a shell or to sbatch.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+-]+$`)

// directive are the words of lines for sbatch, which no shell reads:
// array=0-9%2, nodelist=n[1-2], output=%A_%a.log.
var directive = regexp.MustCompile(`^[A-Za-z0-9_./:=,@+%\[\]*-]+$`)

// check refuses flags that do not fit; given reports whether one was set.
func (o submitFlags) check(given func(name string) bool) error {
	if o.slurm == o.kubernetes.print {
		return errors.New("say where the workers are to run: --slurm or --kubernetes")
	}
	chosen, other := "slurm", "kubernetes"
	if o.kubernetes.print {
		chosen, other = other, chosen
	}
	for _, name := range forOne[other] {
		if given(name) {
			return fmt.Errorf("--%s is for --%s: leave it out with --%s", name, other, chosen)
		}
	}
	if o.tasks < 1 || o.tasks > 100_000 || o.cpus < 1 {
		return fmt.Errorf("--tasks %d --cpus %d: use 1 to 100000 tasks and at least one processor", o.tasks, o.cpus)
	}
	for _, word := range append([]string{o.time, o.memory}, o.options...) {
		if !directive.MatchString(word) {
			return fmt.Errorf("%q has characters that sbatch may take for something else: use letters, digits and _./:=,@+%%[]*-", word)
		}
	}
	if o.kubernetes.print {
		return errors.Join(o.times.check(), o.kubernetes.check())
	}
	return o.times.check()
}

// script returns the sbatch script. Nothing of it comes from the plan. The error
// says which text would be more than a line of its own.
func (o submitFlags) script(id, icar, where, address string) (_ []byte, err error) {
	var b bytes.Buffer
	line := func(format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if strings.ContainsFunc(text, unicode.IsControl) {
			err = fmt.Errorf("%q cannot be a line of a batch script: choose names without control characters", text)
		}
		fmt.Fprintln(&b, text)
	}
	if !plain.MatchString(id) {
		return nil, fmt.Errorf("%q is no name of a sweep", id)
	}
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
	line("exec srun --ntasks=1 %s sweep work %s %s %s --files %s --parallel %d %s", quote(icar), quote(id), where, quote(address), quote(o.files), o.cpus, strings.Join(o.times.args(), " "))
	return b.Bytes(), err
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
		fmt.Fprintf(c.ErrOrStderr(), "icar: %s is a SQLite file: the tasks have to run on this machine; for others use Postgres\n",
			visible.Text(address))
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
	script, err := o.script(w.ID, icar, where, address)
	if err != nil {
		return usage(err)
	}
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
