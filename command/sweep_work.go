package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/nn/cuda/card"
	"icar/nn/cuda/device"
	"icar/sweep"
	"icar/train"
)

var errSyntax = train.ErrSyntax

// workFlags are the settings of a worker.
type workFlags struct {
	parallel        int
	files           string
	times           workTimes
	backoff, giveUp time.Duration
	metrics         string
	restored        bool
}

// workTimes are how a worker keeps its trials, which submit hands on.
type workTimes struct{ lease, heartbeat, checkpoint time.Duration }

func (w *workTimes) add(flags *pflag.FlagSet) {
	flags.DurationVar(&w.lease, "lease", time.Minute,
		"silence after which a trial is another worker's")
	flags.DurationVar(&w.heartbeat, "heartbeat", 15*time.Second, "time between signs of life")
	flags.DurationVar(&w.checkpoint, "checkpoint", time.Minute, "longest time without a checkpoint")
}

// check refuses leases that cannot be kept.
func (w workTimes) check() error {
	if w.heartbeat < time.Second/10 || w.lease < 2*w.heartbeat || w.lease > 24*time.Hour ||
		w.checkpoint < 0 {
		return usage(fmt.Errorf("--lease %v, --heartbeat %v, --checkpoint %v: a lease is at "+
			"least two heartbeats and at most 24h, a heartbeat at least 100ms; use 60s, 15s and "+
			"60s",
			w.lease, w.heartbeat, w.checkpoint))
	}
	return nil
}

// args are the flags that say the same.
func (w workTimes) args() []string {
	return []string{"--lease", w.lease.String(), "--heartbeat", w.heartbeat.String(),
		"--checkpoint", w.checkpoint.String()}
}

func (h *house) newSweepWork(f *databaseFlags) *cobra.Command {
	var w workFlags
	c := &cobra.Command{
		Use:   "work [SWEEP]",
		Short: "Work on the trials of a sweep until none is left",
		Long: `Work on the trials of a sweep until none is left, beside any number of other
workers. An interrupt saves a checkpoint of what is running and gives it back;
a worker that is killed loses its trials to others when their leases have
passed, who go on from the last checkpoint if they see the same --files. A trial
whose workers are lost as often as the sweep allows attempts is given up; the
last attempt is made alone, so that it takes no other trial with it.

While the database does not answer a worker waits, also at its start. Its exit
codes tell a cluster what to do: 0 nothing is left, 3 the sweep is not there or
is not for this machine and program, 4 trials have failed or the database has to
be mended (do not try again); 75 the database was away for longer than --give-up,
130 it was stopped, and 2, which is Go's for a crash as well as that of wrong
flags (try again).`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if err := w.check(); err != nil {
				return err
			}
			f := *f
			f.wait = sweep.Patience{GiveUp: w.giveUp,
				Log: slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))}
			work := func(s *sweep.Store, id sweep.Sweep) error {
				return h.sweepWork(c, f, w, s, id)
			}
			return mistake(f.withSweep(c.Context(), args, work))
		},
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.IntVar(&w.parallel, "parallel", 1, "trials at a time")
	flags.StringVar(&w.files, "files", "",
		"`folder` of checkpoints, best shared by all workers (default DATABASE.files, or "+
			"sweep-files with Postgres)")
	flags.BoolVar(&w.restored, "restored", false,
		"the database was restored or moved and its original is worked on no more: "+
			"go on from the checkpoints in --files")
	w.times.add(flags)
	flags.DurationVar(&w.backoff, "backoff", 5*time.Second,
		"wait after a trial's first failure, doubled after each further one up to 5m")
	flags.DurationVar(&w.giveUp, "give-up", 10*time.Minute,
		"how long to wait for a database that does not answer")
	flags.StringVar(&w.metrics, "metrics", "",
		"serve metrics for Prometheus at `ADDRESS`/metrics, such as 127.0.0.1:9090 or :9090, "+
			"which is loopback too (default: none)")
	return c
}

// mistake gives what flags name, a sweep or a database, another code than the
// flags: 2 is also that of a crash, after which a cluster tries again.
func mistake(err error) error {
	if f := (failure{}); errors.As(err, &f) && f.code == exitUsage {
		return badInput(err)
	}
	return err
}

func (w workFlags) check() error {
	if w.parallel < 1 || w.parallel > 10_000 {
		return usage(fmt.Errorf("--parallel %d: use 1 to 10000", w.parallel))
	}
	if w.backoff < 0 || w.giveUp < 0 {
		return usage(errors.New("--backoff and --give-up are no negative times: leave them out"))
	}
	return w.times.check()
}

func (h *house) sweepWork(c *cobra.Command, f databaseFlags, o workFlags, s *sweep.Store,
	id sweep.Sweep) error {
	if err := h.workOn(c.Context(), c.ErrOrStderr(), f, o, s, id); err != nil {
		return err
	}
	var st sweep.Status
	err := f.insist(c.Context(), "status", func(ctx context.Context) (err error) {
		st, err = s.Status(ctx, id)
		return err
	})
	if err != nil {
		return awayOrFailed(err)
	}
	if _, err := fmt.Fprintf(c.OutOrStdout(), "%d trials done, %d failed, %d cancelled\n", st.Done,
		st.Failed, st.Cancelled); err != nil {
		return err
	}
	if st.Failed > 0 {
		return runFailed(fmt.Errorf("%d trials have failed: icar sweep status names them, icar "+
			"sweep retry tries them again", st.Failed))
	}
	return nil
}

// workOn works on a sweep until nothing of it is left to be done.
func (h *house) workOn(ctx context.Context, stderr io.Writer, f databaseFlags, o workFlags,
	s *sweep.Store, id sweep.Sweep) (err error) {
	log := slog.New(slog.NewTextHandler(stderr, nil)).With("sweep", id.ID)
	warn := func(message string) { log.Warn(message) }
	processor, err := h.processor(ctx, card.Auto, id.Arithmetic, warn)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, processor.Close()) }()
	if err := errors.Join(checkArithmetic(id, processor.Processor), checkProgram(id)); err != nil {
		return err
	}
	if o.files, err = f.folder(o.files); err != nil {
		return err
	}
	if err := prepareFolder("--files", o.files); err != nil {
		return runFailed(err)
	}
	meter, stop, err := serveMetrics(o.metrics, log)
	if err != nil {
		return usage(err)
	}
	defer stop()
	attempts, err := settle(ctx, f, o, s, log)
	if err != nil {
		return err
	}
	do, recorded := sweep.Trainer{Attempts: attempts, Catalogue: h.catalogue,
		Processor:       processor.Processor,
		CheckpointEvery: o.times.checkpoint, Step: meter.step}.Do, attempts.Recorded
	if id.Kind == experimentKind {
		e := experimentWorker{h, attempts, processor.Processor, o.times.checkpoint, meter.step}
		do, recorded = e.do, e.Remove
	}
	ctx, stopWorking := context.WithCancelCause(ctx)
	defer stopWorking(nil)
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	w := sweep.Worker{
		Store: s, Sweep: id, Name: fmt.Sprintf("%s/%d", host, os.Getpid()), Parallel: o.parallel,
		Lease: o.times.lease, Heartbeat: o.times.heartbeat,
		Backoff: o.backoff, GiveUp: o.giveUp, Log: log,
		Do: func(ctx context.Context, c sweep.Claim) ([]byte, []sweep.Metric, error) {
			defer meter.begin()()
			result, metrics, err := do(ctx, c)
			if errors.Is(err, device.ErrLost) {
				stopWorking(err) // the trial is for a worker whose card is there
			}
			return result, metrics, err
		},
		Recorded: func(c sweep.Claim) { meter.recorded(); recorded(c) },
	}
	if err := w.Run(ctx); err != nil {
		return awayOrFailed(fmt.Errorf("%w; icar sweep work goes on from there", err))
	}
	return nil
}

// settle finds the folder of attempts: another database, or another copy of one, has
// another.
func settle(ctx context.Context, f databaseFlags, o workFlags, s *sweep.Store,
	log *slog.Logger) (sweep.Attempts, error) {
	var place sweep.Place
	err := f.insist(ctx, "settle", func(ctx context.Context) (err error) {
		place, err = s.Settle(ctx, o.restored)
		return err
	})
	if err != nil {
		return sweep.Attempts{}, awayOrFailed(err)
	}
	if place.Moved {
		log.Warn("the database was copied, restored or moved, and begins its trials anew: if it "+
			"is worked on nowhere else, --restored goes on from its checkpoints",
			"checkpoints", place.Name)
	}
	held := func(c sweep.Claim) error {
		return f.insist(ctx, "heartbeat",
			func(ctx context.Context) error { return s.Heartbeat(ctx, c) })
	}
	return sweep.Attempts{Folder: filepath.Join(o.files, place.Name), Log: log, Held: held}, nil
}

// folder returns the folder of files that belongs to the database.
func (f databaseFlags) folder(given string) (string, error) {
	a, err := f.address()
	switch {
	case err != nil || given != "":
		return given, err
	case a.File() != "":
		return a.File() + ".files", nil
	}
	return "sweep-files", nil
}

// prepareFolder makes a folder.
func prepareFolder(flag, path string) error {
	if err := os.MkdirAll(filepath.Clean(path), 0o777); err != nil {
		return fmt.Errorf("%s %s cannot be written: %w; choose another folder", flag, path, err)
	}
	return nil
}
