package cardcheck

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// same returns an error unless two runs have the same files, but for their times.
func same(a, b string) error {
	want, err := contents(a)
	if err != nil {
		return err
	}
	got, err := contents(b)
	if err != nil {
		return err
	}
	names := maps.Clone(want)
	maps.Copy(names, got)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		w, once := want[name]
		g, now := got[name]
		if once != now || w != g {
			return fmt.Errorf("%s is not as in one go", filepath.Join(b, name))
		}
	}
	return nil
}

// contents are the files of a run, without its times.
func contents(dir string) (map[string]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	all := map[string]string{}
	for _, e := range entries {
		if e.Name() == "timings.jsonl" {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return nil, err
		}
		all[e.Name()] = string(data)
	}
	return all, nil
}
