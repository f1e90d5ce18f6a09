package command

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/internal/visible"
	"icar/outcome"
	"icar/sweep"
)

// listed is a sweep and how far it has come.
type listed struct {
	sweep.Sweep
	sweep.Status
}

func newSweepList(f *databaseFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the sweeps of a database, in the order in which they were made",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.with(c.Context(), false, func(s *sweep.Store, _ sweep.Address) error {
				sweeps, err := s.Sweeps(c.Context())
				all := make([]listed, len(sweeps)) // an array in JSON, also when empty
				for i, w := range sweeps {
					all[i].Sweep = w
					if err == nil {
						all[i].Status, err = s.Status(c.Context(), w)
					}
				}
				if err != nil {
					return runFailed(err)
				}
				return printSweeps(c.OutOrStdout(), all, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document instead of the table")
	return c
}

func printSweeps(out io.Writer, all []listed, asJSON bool) error {
	if asJSON {
		return printJSON(out, struct {
			Version int      `json:"version"`
			Sweeps  []listed `json:"sweeps"`
		}{outcome.DocumentVersion, all})
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "SWEEP\tKIND\tDONE\tRUNNING\tPENDING\tFAILED\tCANCELLED")
	for _, l := range all {
		fmt.Fprintf(w, "%s\t%s\t%d/%d\t%d\t%d\t%d\t%d\n",
			visible.Text(l.ID), visible.Text(l.Kind), l.Done, l.Trials, l.Running, l.Pending,
			l.Failed, l.Cancelled)
	}
	return w.Flush()
}
