package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"icar/run"
)

func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, from the build information, and the program's identity",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintf(c.OutOrStdout(), "icar %s (%s, %s/%s)\nprogram %s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH, thisProgram())
			return err
		},
	}
}

// buildVersion is the module's version, or the revision it was built from.
func buildVersion() string {
	version, revision := run.Build()
	if version == "devel" && revision != "" {
		return version + " " + revision
	}
	return version
}
