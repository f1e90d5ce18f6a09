package command

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/bench"
	"icar/nn/kernel"
	"icar/outcome"
)

// mostProcessors is more than any machine has.
const mostProcessors = 4096

// checkPlan returns what is wrong with the flags of a plan.
func (f benchFlags) checkPlan() error {
	if len(f.lengths) > 0 || f.against != "" || f.figure != "" {
		return errors.New(
			"--plan is of one length and of icar alone: leave out --length, --against and --figure")
	}
	for _, n := range f.plan {
		if n < 1 || n > mostProcessors {
			return fmt.Errorf("%d processors: use 1 to %d", n, mostProcessors)
		}
	}
	return nil
}

// planDocument is what --plan prints with --json.
type planDocument struct {
	Version int          `json:"version"`
	Plans   []bench.Plan `json:"plans"`
}

// planRun prints the plans of cases.
func (f benchFlags) planRun(c *cobra.Command, cases []bench.Case, k kernel.Kernel) error {
	document := planDocument{Version: outcome.DocumentVersion}
	bar := newProgress(c.ErrOrStderr())
	done := bar.bar("plan", len(cases))
	for _, one := range cases {
		p, err := bench.NewPlan(c.Context(), one, k, f.steps, f.plan)
		if err != nil {
			done.abort()
			bar.wait()
			return runFailed(err)
		}
		document.Plans = append(document.Plans, p)
		done.step()
	}
	bar.wait()
	if f.asJSON {
		return printJSON(c.OutOrStdout(), document)
	}
	return document.table(c.OutOrStdout())
}

// table prints the document for people.
func (d planDocument) table(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "CASE\tTASKS\tPARTS\tGFLOP\tWORK ms\tSERIAL ms\tLONGEST PATH ms\t"+
		"HAND OVER µs\tWAKE µs")
	for _, p := range d.Plans {
		fmt.Fprintf(w, "%s\t%d\t%d\t%.3f\t%.3f\t%.3f\t%.3f\t%.1f\t%.1f\n", p.Case, p.Tasks, p.Parts,
			p.Flops/1e9, 1e3*p.Work, 1e3*p.Serial, 1e3*p.Longest, 1e6*p.HandOver, 1e6*p.Wake)
	}
	fmt.Fprintln(w, "\nCASE\tPROCESSORS\tPREDICTED ms\tEFFICIENCY\tms FROM SLEEP")
	for _, p := range d.Plans {
		for _, r := range p.Predictions {
			fmt.Fprintf(w, "%s\t%d\t%.3f\t%.2f\t%.3f\n", p.Case, r.Processors, 1e3*r.Seconds,
				r.Efficiency, 1e3*r.Asleep)
		}
	}
	return w.Flush()
}
