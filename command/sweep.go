package command

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/nn"
	"icar/run"
	"icar/sweep"
)

// databaseVariable holds the address of the database of sweeps.
const databaseVariable = "ICAR_DATABASE"

// databaseFlags say where the database is.
type databaseFlags struct {
	database, file string
	wait           sweep.Patience // for a database that is away; zero does not wait
}

func (h *house) newSweep() *cobra.Command {
	var f databaseFlags
	c := &cobra.Command{
		Use:   "sweep",
		Short: "Train a grid of runs with any number of workers, each result exactly once",
		Long: `Train a grid of runs with any number of workers, processes and machines, and
record each result exactly once.

The sweep is kept in a database: a SQLite file on a local disk, or Postgres
for many machines. Its address comes from --database, from the file of mode
0600 that --database-file names, or from ICAR_DATABASE; else it is sweep.db.
An address with a password is not taken from a flag.`,
		Example: `  icar sweep create grid.yaml
  icar sweep work --parallel 4
  icar sweep status --watch
  icar sweep results --format csv`,
		Args: noCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	f.add(c.PersistentFlags())
	c.AddCommand(h.newSweepCreate(&f), newSweepList(&f), h.newSweepWork(&f), newSweepStatus(&f),
		h.newSweepResults(&f), newSweepCancel(&f), newSweepRetry(&f), newSweepSubmit(&f))
	return c
}

// add adds the flags to those of a command.
func (f *databaseFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.database, "database", "",
		"a SQLite `file`, or a postgres:// URL without a password (default sweep.db)")
	flags.StringVar(&f.file, "database-file", "", "`file` of mode 0600 with the database's address")
}

// address returns where the database is.
func (f databaseFlags) address() (a sweep.Address, err error) {
	switch text := os.Getenv(databaseVariable); {
	case f.database != "" && f.file != "":
		err = errors.New("--database and --database-file both say where the database is: use one")
	case f.database != "":
		if a, err = sweep.ParsePublicAddress(f.database); err != nil {
			err = fmt.Errorf("--database: %w", err)
		}
	case f.file != "":
		if a, err = sweep.ReadAddress(f.file); err != nil {
			err = fmt.Errorf("--database-file: %w", err)
		}
	case text != "":
		if a, err = sweep.ParseAddress(text); err != nil {
			err = fmt.Errorf("%s: %w", databaseVariable, err)
		}
	default:
		a, err = sweep.ParseAddress("sweep.db")
	}
	if err != nil {
		return a, usage(err)
	}
	return a, nil
}

// with calls do with the opened database. Of SQLite's only create makes one.
func (f databaseFlags) with(ctx context.Context, create bool,
	do func(*sweep.Store, sweep.Address) error) error {
	a, err := f.address()
	if err != nil {
		return err
	}
	if _, missing := os.Stat(a.File()); a.File() != "" && missing != nil && !create {
		return badInput(fmt.Errorf(
			"there is no database %s: icar sweep create makes one, --database names another", a))
	}
	var store *sweep.Store
	err = f.insist(ctx, "open", func(ctx context.Context) (err error) {
		store, err = sweep.Open(ctx, a)
		return err
	})
	if err == nil {
		err = errors.Join(do(store, a), store.Close())
	}
	if ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil && !errors.As(err, new(failure)) {
		err = awayOrFailed(err)
	}
	return err
}

// insist asks the database, for as long as the command waits for it.
func (f databaseFlags) insist(ctx context.Context, what string,
	ask func(context.Context) error) error {
	if f.wait.GiveUp == 0 {
		return ask(ctx)
	}
	return f.wait.Insist(ctx, what, ask)
}

// awayOrFailed gives an error the code that tells a cluster whether to try
// again: that of a database that was waited for is another than that of a run.
func awayOrFailed(err error) error {
	if errors.Is(err, sweep.ErrAway) {
		return failure{exitAway, err}
	}
	return runFailed(err)
}

// withSweep calls do with the sweep of that name, the only one for none.
func (f databaseFlags) withSweep(ctx context.Context, args []string,
	do func(*sweep.Store, sweep.Sweep) error) error {
	return f.with(ctx, false, func(s *sweep.Store, _ sweep.Address) error {
		id := ""
		if len(args) > 0 {
			id = args[0]
		}
		var w sweep.Sweep
		err := f.insist(ctx, "find", func(ctx context.Context) (err error) {
			w, err = s.Find(ctx, id)
			return err
		})
		switch {
		case errors.Is(err, sweep.ErrNoSweep):
			return usage(err)
		case errors.Is(err, sweep.ErrRow):
			return badInput(err)
		case err != nil:
			return awayOrFailed(err)
		}
		return do(s, w)
	})
}

func (h *house) newSweepCreate(f *databaseFlags) *cobra.Command {
	var config string
	c := &cobra.Command{
		Use:   "create FILE",
		Short: "Record the trials of a grid and print the sweep's id",
		Long: `Record the trials of a plan, a YAML file, and print the sweep's id:

  base:                       # settings of icar train, for all trials
    epochs: 10
  grid:                       # every value with every value
    depth: [1, 2, 4]
    seed: [0, 1, 2]
  zip:                        # first with first, second with second
    heads: [1, 2]
    embed: [15, 30]
  random:                     # draws: uniform, log, integers or choice
    samples: 20
    seed: 0
    learning_rate: {log: [0.0001, 0.01]}
  attempts: 3                 # failures and lost workers after which a trial is given up
  stop_on_failure: false      # give up the others then

The trials are the product of the three. The same plan is the same sweep: to
create it again changes nothing and goes on if the first was cut short.`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && config != "":
				return usage(fmt.Errorf("two plans are given, %s and --config %s: name one",
					args[0], config))
			case len(args) == 1:
				config = args[0]
			}
			return h.sweepCreate(c, *f, config)
		},
	}
	c.Flags().StringVar(&config, "config", "", "YAML `file` of the plan, in place of the argument")
	return c
}

func (h *house) sweepCreate(c *cobra.Command, f databaseFlags, path string) error {
	if path == "" {
		return usage(errors.New("no plan is given: write one, see icar sweep create --help, and " +
			"name its file: icar sweep create grid.yaml"))
	}
	file, err := readSmall(path)
	if err != nil {
		return badInput(err)
	}
	plan, err := sweep.DecodePlan(file, h.catalogue)
	if err != nil {
		return planError(path, err)
	}
	arithmetic, err := h.arithmetic(c)
	if err != nil {
		return err
	}
	program, err := run.Program()
	if err != nil {
		return runFailed(err)
	}
	trials, repeated, err := plan.Trials(arithmetic)
	if err != nil {
		return planError(path, err)
	}
	return f.with(c.Context(), true, func(s *sweep.Store, a sweep.Address) error {
		w := sweep.Sweep{ID: sweep.Name(program, trials), Kind: sweep.Training,
			Config: string(file), Arithmetic: arithmetic, Program: program,
			Trials: int64(len(trials)), Attempts: int64(plan.Attempts),
			StopOnFailure: plan.StopOnFailure}
		created, err := s.Create(c.Context(), w, trials)
		if err != nil {
			return runFailed(err)
		}
		stderr := c.ErrOrStderr()
		if !created {
			fmt.Fprintf(stderr, "icar: the sweep is in %v already and goes on as it is\n", a)
		}
		if repeated > 0 {
			fmt.Fprintf(stderr,
				"icar: %d trials were left out: earlier ones come to the same settings\n", repeated)
		}
		fmt.Fprintf(stderr, "icar: %d trials in %v; icar sweep work works on them\n",
			len(trials), a)
		_, err = fmt.Fprintln(c.OutOrStdout(), w.ID)
		return err
	})
}

func planError(path string, err error) error {
	err = fmt.Errorf("%s: %w", path, err)
	if errors.Is(err, errSyntax) {
		return badInput(err)
	}
	return usage(err)
}

func newSweepCancel(f *databaseFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel [SWEEP]",
		Short: "End the trials that are not done; workers drop theirs at the next heartbeat",
		Args:  atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withSweep(c.Context(), args, func(s *sweep.Store, w sweep.Sweep) error {
				n, err := s.Cancel(c.Context(), w.ID)
				if err != nil {
					return runFailed(err)
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d trials cancelled\n", n)
				return err
			})
		},
	}
}

func newSweepRetry(f *databaseFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "retry [SWEEP]",
		Short: "Let workers take up what has failed or was cancelled",
		Args:  atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			return f.withSweep(c.Context(), args, func(s *sweep.Store, w sweep.Sweep) error {
				n, err := s.Retry(c.Context(), w.ID)
				if err != nil {
					return runFailed(err)
				}
				_, err = fmt.Fprintf(c.OutOrStdout(), "%d trials are due again\n", n)
				return err
			})
		},
	}
}

// checkArithmetic refuses work whose bits would differ from the others'.
func checkArithmetic(w sweep.Sweep, p nn.Processor) error {
	if run.Arithmetic(w.Arithmetic) != p.Arithmetic {
		return usage(fmt.Errorf("the sweep is computed in the arithmetic %s, this machine's is "+
			"%s, whose bits differ: work on it on a machine like the first, or set ICAR_KERNEL",
			w.Arithmetic, p.Arithmetic))
	}
	return nil
}
