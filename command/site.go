package command

import (
	"bytes"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/spf13/cobra"

	"icar/web"
	"icar/web/site"
)

func newSite() *cobra.Command {
	return &cobra.Command{
		Use:   "site DIR",
		Short: "Write the explorer as a folder of files that any web server serves",
		Long: `Write the page of icar serve to a folder that is new, empty, or an earlier site: HTML,
scripts, and the same Go compiled to WebAssembly, which computes in the visitor's browser.
Any server of files serves it, at any path; what a visitor drops on it stays in the
browser. It is compiled from the source in the working folder, a clone of icar, and
brings along what the page would otherwise train when it is asked.`,
		Example: `  go run ./cmd/icar site public
  python3 -m http.server --directory public`,
		Args: exactly(1, "one folder to write to, such as public"),
		RunE: func(c *cobra.Command, args []string) error {
			dir := filepath.Clean(args[0])
			if err := site.Check(dir); err != nil {
				return badInput(err)
			}
			compiled, err := site.Compile(c.Context())
			if err != nil {
				return runFailed(err)
			}
			shown := newProgress(c.ErrOrStderr())
			var b bar
			var begin sync.Once
			var learnt bytes.Buffer
			err = web.Learn(c.Context(), &learnt, web.Learning{Done: func(all int) {
				begin.Do(func() { b = shown.bar("models and fits", all) })
				b.step()
			}})
			if err != nil {
				b.abort()
			}
			shown.wait()
			if err != nil {
				return runFailed(err)
			}
			files, err := site.Build(compiled, learnt.Bytes())
			if err != nil {
				return runFailed(err)
			}
			if err := site.Write(dir, files); err != nil {
				return runFailed(err)
			}
			size := 0
			for _, content := range files {
				size += len(content)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: %d files, %.1f MB; serve it, for one with "+
				"python3 -m http.server --directory %[1]s\n", dir, len(files), float64(size)/1e6)
			return err
		},
	}
}
