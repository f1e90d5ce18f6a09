package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"icar/nn/cuda/card"
	"icar/web"
)

func (h *house) newServe() *cobra.Command {
	o := web.Options{Catalogue: h.catalogue}
	database := databaseSweeps{catalogue: h.catalogue}
	c := &cobra.Command{
		Use:   "serve",
		Short: "Open the explorer, a local page that shows a Transformer learn W",
		Long: `Serve a page on which one understands the paper by playing with it and looks into
one's own runs, live. It is reachable from this machine only; with --address of
another interface the printed URL holds a token that visitors need. Ctrl-C stops it.

Sweeps are read from what icar sweep results has written below --runs, a .csv or a
.jsonl file, and live from the database that --database or ICAR_DATABASE names.`,
		Example: `  icar serve
  icar serve --runs runs --database sweep.db
  icar sweep results --format jsonl > runs/grid.jsonl && icar serve`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage(fmt.Errorf(
					"serve takes no argument %q: name the folder of runs with --runs", args[0]))
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) (err error) {
			// The defaults may come to be while it serves.
			for _, name := range []string{"runs", "out"} {
				if f := c.Flags().Lookup(name); f.Changed {
					if info, err := os.Stat(f.Value.String()); err != nil || !info.IsDir() {
						return badInput(fmt.Errorf("--%s %s is no folder: name one that is there",
							name, f.Value))
					}
				}
			}
			if database.given() {
				if _, err := database.address(); err != nil {
					return err
				}
				o.Sweeps = database
			}
			o.Log = slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil))
			processor, err := h.processorOf(c, card.Auto, "")
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, processor.Close()) }()
			o.Backend = processor.New
			server, err := web.Listen(o)
			if err != nil {
				return usage(err)
			}
			if _, err := fmt.Fprintln(c.OutOrStdout(), server.URL()); err != nil {
				return err
			}
			if err := server.Serve(c.Context()); err != nil {
				return runFailed(err)
			}
			return nil
		},
	}
	c.Flags().StringVar(&o.Address, "address", "127.0.0.1:8402",
		"`HOST:PORT` to listen on; port 0 takes any that is free")
	c.Flags().StringVar(&o.Runs, "runs", runsFolder, "`folder` of the runs of icar train")
	c.Flags().StringVar(&o.Outcome, "out", "icar-out",
		"`folder` that icar reproduce has written, for its claims")
	database.add(c.Flags())
	c.Flags().Lookup("database").Usage = "a database of sweeps to show: a SQLite `file`, or a " +
		"postgres:// URL without a password"
	return c
}
