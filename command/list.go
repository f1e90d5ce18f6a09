package command

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"icar/experiment"
	"icar/outcome"
)

func (h *house) newList() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the experiments, their source and cost at each scale",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if asJSON {
				return listJSON(c.OutOrStdout(), h.experiments)
			}
			return listTable(c.OutOrStdout(), h.experiments)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

func listTable(out io.Writer, all []experiment.Experiment) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "EXPERIMENT\tSOURCE\tQUICK\tPAPER\tWHAT IT IS")
	for _, e := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", e.Name, e.Source, e.Cost[outcome.Quick],
			e.Cost[outcome.Paper], e.Summary)
	}
	return w.Flush()
}

func listJSON(out io.Writer, all []experiment.Experiment) error {
	type item struct {
		Name    string                    `json:"name"`
		Source  string                    `json:"source"`
		Summary string                    `json:"summary"`
		Seconds map[outcome.Scale]float64 `json:"seconds"`
	}
	document := struct {
		Version     int    `json:"version"`
		Experiments []item `json:"experiments"`
	}{Version: outcome.DocumentVersion}
	for _, e := range all {
		seconds := map[outcome.Scale]float64{}
		for scale, cost := range e.Cost {
			seconds[scale] = cost.Seconds()
		}
		document.Experiments = append(document.Experiments, item{e.Name, e.Source, e.Summary,
			seconds})
	}
	return printJSON(out, document)
}

func printJSON(out io.Writer, document any) error {
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
}
