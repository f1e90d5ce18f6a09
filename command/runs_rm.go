package command

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"icar/internal/visible"
	"icar/run"
)

func newRunsRemove() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "rm RUN...",
		Short: "Remove runs, after asking",
		Long: `Remove the directories of runs. Nothing else is removed: not a directory that
holds other files than a run's, not a symbolic link, not a run that a process is
writing.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage(errors.New("no run given: name one or more, icar runs rm RUN"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				agreed, err := agree(c, args)
				if err != nil {
					return usage(err)
				}
				if !agreed {
					_, err := fmt.Fprintln(c.ErrOrStderr(), "icar: nothing was removed")
					return err
				}
			}
			var failed []error
			for _, path := range args {
				if err := run.Remove(path); err != nil {
					failed = append(failed, err)
					continue
				}
				fmt.Fprintln(c.OutOrStdout(), "removed", visible.Text(path))
			}
			if len(failed) > 0 {
				return badInput(errors.Join(failed...))
			}
			return nil
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// agree asks on the terminal whether to remove runs.
func agree(c *cobra.Command, paths []string) (bool, error) {
	if in, ok := c.InOrStdin().(*os.File); ok && !term.IsTerminal(int(in.Fd())) {
		return false, errors.New("there is no terminal to ask on: use --yes")
	}
	fmt.Fprintf(c.ErrOrStderr(), "Remove %s? [y/N] ", visible.Text(strings.Join(paths, ", ")))
	answer, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
	if err != nil {
		return false, fmt.Errorf("no answer: %w; use --yes", err)
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	return answer == "y" || answer == "yes", nil
}
