package command

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"icar"
	"icar/nn/kernel"
	"icar/run"
)

func (h *house) newVersion() *cobra.Command {
	var licences bool
	c := &cobra.Command{
		Use: "version",
		Short: "Print the version, the program's identity and this machine's kernels and card, or the " +
			"licences",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if licences {
				_, err := fmt.Fprint(c.OutOrStdout(), icar.Licences())
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "icar %s (%s, %s/%s)\nprogram %s\nkernels %s\ncard %s\n",
				buildVersion(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH, thisProgram(), kernels(),
				h.cardLine(c.Context()))
			return err
		},
	}
	c.Flags().BoolVar(&licences, "licenses", false,
		"print the licences of icar and of all that is linked into it")
	return c
}

// kernels lists those of this machine, the default first, each with its arithmetic.
func kernels() string {
	var list []string
	for _, k := range kernel.Available() {
		list = append(list, loopsOf(k))
	}
	return strings.Join(list, ", ")
}

// buildVersion is the module's version, or the revision it was built from.
func buildVersion() string {
	version, revision := run.Build()
	if version == "devel" && revision != "" {
		return version + " " + revision
	}
	return version
}
