package command

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"icar/internal/visible"
	"icar/run"
)

// labelFlags are those of icar train that label the run.
func labelFlags(flags *pflag.FlagSet, l *run.Label) {
	flags.StringVar(&l.Name, "name", "", "what the run is called in lists, a `text`")
	flags.StringVar(&l.Note, "note", "", "what is to be remembered about the run, a `text`")
	flags.StringSliceVar(&l.Tags, "tag", nil,
		"a `word` by which icar runs list finds the run; more of them with commas or again")
}

func newRunsName() *cobra.Command {
	return &cobra.Command{
		Use:   "name RUN NAME",
		Short: "Call a run by a name; an empty one takes the name away",
		Example: `  icar runs name runs/1a2b3c4d "wide, cosine"
  icar runs name runs/1a2b3c4d ""`,
		Args: exactly(2, "a run and its name: icar runs name RUN NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			return relabel(c, args[0], func(l *run.Label) { l.Name = args[1] })
		},
	}
}

func newRunsNote() *cobra.Command {
	return &cobra.Command{
		Use:     "note RUN TEXT",
		Short:   "Note something about a run; an empty text takes the note away",
		Example: `  icar runs note runs/1a2b3c4d "the loss jumps at step 800"`,
		Args:    exactly(2, "a run and a note: icar runs note RUN TEXT"),
		RunE: func(c *cobra.Command, args []string) error {
			return relabel(c, args[0], func(l *run.Label) { l.Note = args[1] })
		},
	}
}

func newRunsTag() *cobra.Command {
	var remove bool
	c := &cobra.Command{
		Use:   "tag RUN TAG...",
		Short: "Tag a run with words by which icar runs list finds it",
		Example: `  icar runs tag runs/1a2b3c4d baseline keep
  icar runs tag --remove runs/1a2b3c4d keep`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usage(errors.New(
					"name a run and one or more words: icar runs tag RUN TAG"))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return relabel(c, args[0], func(l *run.Label) {
				if !remove {
					l.Tags = append(l.Tags, args[1:]...)
					return
				}
				l.Tags = slices.DeleteFunc(l.Tags, func(tag string) bool {
					return slices.Contains(args[1:], tag)
				})
			})
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "take the tags away")
	return c
}

// relabel changes the label of a run and prints what it has become.
func relabel(c *cobra.Command, path string, change func(*run.Label)) error {
	before, err := run.Read(path)
	if err != nil {
		return badInput(err)
	}
	wanted := before.Label
	wanted.Tags = slices.Clone(wanted.Tags)
	if change(&wanted); wanted.Check() != nil {
		return usage(wanted.Check())
	}
	label, err := run.SetLabel(path, change)
	if err != nil {
		return runFailed(err)
	}
	_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", visible.Text(path), said(label))
	return err
}

// said is a label on one line.
func said(l run.Label) string {
	var parts []string
	if l.Name != "" {
		parts = append(parts, "name "+visible.Text(l.Name))
	}
	if len(l.Tags) > 0 {
		parts = append(parts, "tags "+visible.Text(strings.Join(l.Tags, " ")))
	}
	if l.Note != "" {
		parts = append(parts, "note "+visible.Text(l.Note))
	}
	if len(parts) == 0 {
		return "no name, no tags, no note"
	}
	return strings.Join(parts, "; ")
}

// showLabel writes the rows of a label.
func showLabel(w io.Writer, l run.Label) {
	for _, row := range [][2]string{{"name", l.Name}, {"tags", strings.Join(l.Tags, " ")},
		{"note", l.Note}} {
		if row[1] != "" {
			fmt.Fprintf(w, "%s\t%s\n", row[0], visible.Text(row[1]))
		}
	}
}
