package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"icar/run"
)

// Whoever is asked decides: yes in two spellings, anything else is no.
func TestRemoveAsks(t *testing.T) {
	for answer, want := range map[string]bool{"y\n": true, "YES\n": true, "n\n": false, "\n": false,
		"yesterday\n": false} {
		path := filepath.Join(t.TempDir(), "run")
		d, err := run.Create(path, []byte("d: 2\n"), run.NewInfo(0, "go"))
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		root := new(house).newRoot()
		root.SetArgs([]string{"runs", "rm", path})
		root.SetIn(strings.NewReader(answer))
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		if err := root.Execute(); err != nil ||
			!strings.Contains(stderr.String(), "Remove "+path+"? [y/N] ") {
			t.Errorf("%q: %v, asked %q", answer, err, stderr.String())
		}
		if _, err := os.Stat(path); (err != nil) != want {
			t.Errorf("%q: removed is %v, want %v", answer, err != nil, want)
		}
	}
}
