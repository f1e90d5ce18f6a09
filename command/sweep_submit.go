package command

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/spf13/cobra"

	"icar/internal/visible"
	"icar/sweep"
	"icar/sweep/cluster"
)

// submitFlags are what a cluster is asked for.
type submitFlags struct {
	slurm, kubernetes, dryRun bool
	workers                   cluster.Workers
	array                     cluster.Slurm
	job                       cluster.Kubernetes
	times                     workTimes
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
taken from the key ` + cluster.SecretKey + ` of the secret --secret. With --claim all
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
				o.workers.Sweep = w.ID
				if o.kubernetes {
					return printJob(c, *f, o)
				}
				return submitArray(c, *f, o)
			})
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&o.slurm, "slurm", false, "submit to Slurm, by sbatch")
	flags.BoolVar(&o.kubernetes, "kubernetes", false, "print an Indexed Job for kubectl")
	flags.IntVar(&o.workers.Tasks, "tasks", 1, "workers: tasks of the array, pods")
	flags.IntVar(&o.workers.CPUs, "cpus", 1, "processors of a worker")
	flags.StringVar(&o.workers.Memory, "memory", "1G", "memory of a worker, as sbatch takes it")
	o.times.add(flags)
	flags.BoolVar(&o.dryRun, "dry-run", false, "Slurm: print the script and submit nothing")
	flags.StringVar(&o.array.Files, "files", "",
		"Slurm: `folder` of checkpoints that all nodes see (default as for icar sweep work)")
	flags.StringVar(&o.array.Time, "time", "1-00:00:00",
		"Slurm: time limit of a task, as sbatch takes it")
	flags.StringVar(&o.array.Logs, "logs", "",
		"Slurm: `folder` of a log a task (default FILES/logs)")
	flags.StringArrayVar(&o.array.Options, "option", nil,
		"Slurm: another `NAME=VALUE` of sbatch, or a NAME; repeatable")
	flags.StringVar(&o.job.Image, "image", "",
		"Kubernetes: the container `image` with icar in its PATH")
	flags.StringVar(&o.job.Secret, "secret", "icar-database",
		"Kubernetes: the `secret` with the database's address under the key "+cluster.SecretKey)
	flags.StringVar(&o.job.Claim, "claim", "",
		"Kubernetes: the `volume claim` of checkpoints that all pods see (default: a folder of "+
			"each pod's own)")
	return c
}

// forOne are the flags that only one engine has a use for.
var forOne = map[string][]string{
	"slurm":      {"dry-run", "files", "time", "logs", "option"},
	"kubernetes": {"image", "secret", "claim"},
}

// check refuses flags that do not fit; given reports whether one was set.
func (o submitFlags) check(given func(name string) bool) error {
	if o.slurm == o.kubernetes {
		return errors.New("say where the workers are to run: --slurm or --kubernetes")
	}
	chosen, other := "slurm", "kubernetes"
	if o.kubernetes {
		chosen, other = other, chosen
	}
	for _, name := range forOne[other] {
		if given(name) {
			return fmt.Errorf("--%s is for --%s: leave it out with --%s", name, other, chosen)
		}
	}
	if o.kubernetes {
		o.job.Workers = o.workers
		return errors.Join(o.job.Check(), o.times.check())
	}
	o.array.Workers = o.workers
	return errors.Join(o.array.Check(), o.times.check())
}

// final are the exit codes of a worker that says what is wrong, and would say it
// again. Whoever tries again has other codes: 2, which is Go's for a crash, 75
// for a database that was away, and a signal's, as when memory is out.
var final = []int{exitInput, exitRunFailed}

// printJob prints a Job of Kubernetes.
func printJob(c *cobra.Command, f databaseFlags, o submitFlags) error {
	a, err := f.address()
	if err != nil {
		return err
	}
	if a.File() != "" {
		return usage(errors.New("pods on many machines cannot share the SQLite file: use " +
			"Postgres, and put its address into a secret"))
	}
	o.workers.Flags = o.times.args()
	o.job.Workers, o.job.Variable, o.job.Final = o.workers, databaseVariable, final
	job, err := o.job.Job()
	if err != nil {
		return usage(err)
	}
	_, err = c.OutOrStdout().Write(job)
	return err
}

// submitArray gives an array of workers to sbatch, or prints its script.
func submitArray(c *cobra.Command, f databaseFlags, o submitFlags) error {
	a, err := f.address()
	if err != nil {
		return err
	}
	where, address := "--database-file", f.file
	if f.file == "" {
		if a.File() == "" {
			return usage(errors.New("a batch script must not hold the database's address: put it " +
				"into a file of mode 0600 and name that with --database-file"))
		}
		where, address = "--database", a.File()
		fmt.Fprintf(c.ErrOrStderr(),
			"icar: %s is a SQLite file: the tasks have to run on this machine; for others use "+
				"Postgres\n",
			visible.Text(address))
	}
	o.workers.Flags = o.times.args()
	o.array.Workers = o.workers
	o.array.Program, err = os.Executable()
	if err == nil {
		address, err = filepath.Abs(address)
	}
	if o.array.Files, err = joinFolder(err, f, o.array.Files); err != nil {
		return runFailed(err)
	}
	o.array.Database = [2]string{where, address}
	o.array.Logs = cmp.Or(o.array.Logs, filepath.Join(o.array.Files, "logs"))
	script, err := o.array.Script()
	if err != nil {
		return usage(err)
	}
	if o.dryRun {
		_, err := c.OutOrStdout().Write(script)
		return err
	}
	if err := prepareFolder("--logs", o.array.Logs); err != nil {
		return runFailed(err)
	}
	sbatch := exec.CommandContext(c.Context(), "sbatch", "--parsable")
	sbatch.Stdin, sbatch.Stdout, sbatch.Stderr = bytes.NewReader(script), c.OutOrStdout(),
		c.ErrOrStderr()
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
