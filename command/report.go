package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"icar/internal/visible"
	"icar/report"
)

func (h *house) newReport() *cobra.Command {
	var style report.Style
	c := &cobra.Command{
		Use:   "report DIR",
		Short: "Write the report page of an output folder anew",
		Long: "Write report.html and claims.json of a folder that `icar reproduce --out` has " +
			"written, from all the experiments in it. With --style their figures are drawn " +
			"anew too.",
		Example: `  icar report icar-out
  icar report icar-out --style talk`,
		Args: exactly(1, "the output folder: icar report DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			entries, err := report.Load(args[0], h.names())
			if err != nil {
				return badInput(err)
			}
			if c.Flags().Changed("style") {
				if err := report.Redraw(args[0], entries, style); err != nil {
					return runFailed(err)
				}
			}
			page, err := report.WritePage(args[0], entries)
			if err != nil {
				return runFailed(err)
			}
			_, err = fmt.Fprintln(c.OutOrStdout(), visible.Text(page))
			return err
		},
	}
	addStyle(c.Flags(), &style)
	return c
}
