package command

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"icar"
	"icar/run"
)

func newVersion() *cobra.Command {
	var licences bool
	c := &cobra.Command{
		Use: "version",
		Short: "Print the version, from the build information, the program's identity, or the " +
			"licences",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if licences {
				_, err := fmt.Fprint(c.OutOrStdout(), icar.Licences())
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "icar %s (%s, %s/%s)\nprogram %s\n",
				buildVersion(),
				runtime.Version(), runtime.GOOS, runtime.GOARCH, thisProgram())
			return err
		},
	}
	c.Flags().BoolVar(&licences, "licenses", false,
		"print the licences of icar and of all that is linked into it")
	return c
}

// buildVersion is the module's version, or the revision it was built from.
func buildVersion() string {
	version, revision := run.Build()
	if version == "devel" && revision != "" {
		return version + " " + revision
	}
	return version
}
