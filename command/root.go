// Package command is the command icar: one file a subcommand, which parses, calls
// a package and prints. [Main] takes what a binary of one's own adds to it: laws of
// sequences, encodings of tokens, mixers, experiments. docs/own.md goes through
// examples/own, which adds one of each but tokens.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/internal/suggest"
	"icar/internal/visible"
)

// Exit codes of the command.
const (
	exitDone        = 0
	exitClaimFailed = 1
	exitUsage       = 2
	exitInput       = 3
	exitRunFailed   = 4
	exitAway        = 75 // EX_TEMPFAIL of sysexits.h
	exitInterrupted = 130
)

// failure is an error with the exit code it leads to.
type failure struct {
	code int
	err  error
}

func (f failure) Error() string { return f.err.Error() }
func (f failure) Unwrap() error { return f.err }

func usage(err error) error     { return failure{exitUsage, err} }
func badInput(err error) error  { return failure{exitInput, err} }
func runFailed(err error) error { return failure{exitRunFailed, err} }

// errInterrupted is the cause of the context that an interrupt cancels.
var errInterrupted = errors.New("interrupted")

// Main runs the command with the words after its name and returns its exit
// code, of those that `icar --help` lists. Results go to stdout, progress and
// errors to stderr. The first interrupt cancels what is running, the second ends
// the process. The options say what the binary knows by name besides.
func Main(args []string, stdout, stderr io.Writer, options ...Option) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	go func() {
		select {
		case <-signals:
			signal.Stop(signals) // a second one has its usual effect
			cancel(errInterrupted)
		case <-ctx.Done():
		}
	}()
	// All that is printed goes through these: names of files and words of a
	// database command no terminal.
	out, errs := visible.NewWriter(stdout), visible.NewWriter(stderr)
	h, err := newHouse(options)
	if err == nil {
		root := h.newRoot()
		root.SetArgs(args)
		root.SetOut(out)
		root.SetErr(errs)
		err = root.ExecuteContext(ctx)
	}
	if flushed := out.Flush(); err == nil && flushed != nil {
		err = runFailed(flushed)
	}
	if err == nil {
		return exitDone
	}
	// One line, whatever joined errors hold.
	fmt.Fprintln(errs, "icar:", visible.Text(strings.ReplaceAll(err.Error(), "\n", "; ")))
	var f failure
	switch {
	case errors.Is(err, errInterrupted):
		return exitInterrupted
	case errors.As(err, &f):
		return f.code
	default:
		return exitUsage // what cobra finds: commands, flags, arguments
	}
}

func (h *house) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use: "icar",
		Short: "Reproduce, verify and extend “How do Transformers perform In-Context " +
			"Autoregressive Learning?”",
		Long: `icar checks the claims of the paper by Sander, Giryes, Suzuki, Blondel and Peyré
(ICML 2024, arXiv 2402.05787), measured against predicted.

Exit codes: 0 done, 1 a claim failed, 2 usage, 3 bad input data, 4 the run
failed (diverged, disk full), 75 the database of a sweep did not answer for as
long as a worker waits, 130 interrupted.`,
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: 2,
		Args:                       noCommand,
		RunE:                       func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(h.newReproduce(), h.newList(), h.newTrain(), h.newRuns(), h.newSample(),
		newEstimate(), h.newProbe(), h.newSweep(), h.newBench(), h.newBenchCase(), newText(),
		h.newReport(), h.newServe(), newSite(), h.newVersion())
	return root
}

// noCommand refuses a first word that is no command, with the nearest ones. A
// word that is a command of a command is named in full: compare is runs compare.
func noCommand(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	var names, whole []string
	for _, sub := range c.Commands() {
		if sub.Hidden {
			continue
		}
		names = append(names, sub.Name())
		for _, below := range sub.Commands() {
			if below.Name() == args[0] {
				whole = append(whole, below.CommandPath())
			}
		}
	}
	if len(whole) > 0 {
		return usage(fmt.Errorf("there is no command %q: use %s", args[0],
			strings.Join(whole, " or ")))
	}
	return usage(fmt.Errorf("there is no command %q: %s", args[0], suggest.Instead(args[0], names)))
}

// exactly takes n words that are no flags, which what names.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) != n {
			return usage(fmt.Errorf("%d arguments given: name %s", len(args), what))
		}
		return nil
	}
}

// noArguments refuses words that are no flags. A flag that is true or false
// takes no word of its own, so that --norm false leaves one over.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	advice := "leave it out, or see " + c.CommandPath() + " --help"
	if args[0] == "true" || args[0] == "false" {
		advice = "write --FLAG=" + args[0] + ", with an equals sign"
	}
	return usage(fmt.Errorf("%s takes no argument %q: %s", c.CommandPath(), args[0], advice))
}

// atMostOne refuses a second argument.
func atMostOne(c *cobra.Command, args []string) error {
	if len(args) > 1 {
		return usage(fmt.Errorf("%s takes one argument at most, and %q is a second one: leave it "+
			"out", c.CommandPath(), args[1]))
	}
	return nil
}

// flagError adds the nearest flag to the complaint about an unknown one.
func flagError(c *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usage(err)
	}
	var names []string
	c.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return usage(fmt.Errorf("there is no flag --%s: %s", unknown.GetSpecifiedName(),
		suggest.Instead(unknown.GetSpecifiedName(), names)))
}
