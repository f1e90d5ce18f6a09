package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"icar/internal/budget"
	"icar/probe"
	"icar/report"
	"icar/run"
)

// The documents of a folder of icar probe and of icar estimate. Each says what it
// is of.
const (
	analysisFile = "analysis.json"
	sequenceFile = "sequence.json"
	contestFile  = "estimate.json"
)

// probeFolder is where the results of a run go, or those of a sequence: a
// folder of their own, so that they replace nothing but themselves.
func probeFolder(path, sequence string) string {
	name := base(path)
	if sequence != "" {
		name += "-" + stem(sequence)
	}
	return filepath.Join("icar-probe", name)
}

// stem is the name of a file without its ending.
func stem(path string) string {
	return strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
}

// base is the name of a folder, of "." too.
func base(path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	return filepath.Base(path)
}

// subject is what a report is about, as its document says: paths, of which those
// that it has nothing to do with are "".
type subject struct{ Run, Sequence, File, Program, Predicted string }

// ownFolder refuses a folder whose report is not one of the same subject, which is
// in the document of that name: nothing is overwritten that was not asked for.
func ownFolder(out, document string, of subject) error {
	page := filepath.Join(out, report.PageFile)
	if _, err := os.Lstat(page); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	const elsewhere = "choose another folder with --out"
	another := fmt.Errorf("%s is of another command and is not overwritten: %s", page, elsewhere)
	data, err := budget.ReadFile(filepath.Join(out, document), budget.Results().Bytes)
	if err != nil {
		return another
	}
	var made subject
	if err := budget.Unmarshal(data, &made, budget.Results()); err != nil {
		return fmt.Errorf("%s cannot be read, and %s is not overwritten: %s",
			filepath.Join(out, document), page, elsewhere)
	}
	for _, part := range []struct{ what, made, of string }{
		{"run", made.Run, of.Run}, {"sequence", made.Sequence, of.Sequence},
		{"file", made.File, of.File}, {"program", made.Program, of.Program},
		{"predictions", made.Predicted, of.Predicted},
	} {
		switch {
		case sameFile(part.made, part.of):
		case part.made == "":
			return another
		default:
			return fmt.Errorf("%s is of the %s %s and is not overwritten: %s", page, part.what,
				part.made, elsewhere)
		}
	}
	return nil
}

// sameFile reports whether two paths are one file, or the same where there is
// none any more.
func sameFile(a, b string) bool {
	first, err := os.Stat(a)
	second, other := os.Stat(b)
	if err != nil || other != nil {
		return filepath.Clean(a) == filepath.Clean(b)
	}
	return os.SameFile(first, second)
}

// openRun is probe.Open with errors about what is no run: a file, or a folder
// that holds runs or lies beside some.
func (h *house) openRun(path string) (*probe.Model, error) {
	model, err := probe.Open(path, h.catalogue)
	if err == nil {
		return model, nil
	}
	info, found := os.Stat(path)
	switch {
	case found == nil && !info.IsDir():
		if _, err := run.Read(filepath.Dir(path)); err == nil {
			return nil, fmt.Errorf("%s is a file of a run: give its folder, icar probe %s", path,
				filepath.Dir(path))
		}
		return nil, fmt.Errorf("%s is a file, and a model is probed with the settings that it "+
			"was trained with: give the folder of a run that icar train has made", path)
	case found == nil && !errors.Is(err, run.ErrNoRun): // a run, without what is needed
		return nil, err
	case found == nil:
		if inside := runsIn(path); len(inside) > 0 {
			return nil, fmt.Errorf("%s holds no run itself; %s below it: name one", path,
				some(inside))
		}
	}
	if beside := runsIn(filepath.Dir(path)); len(beside) > 0 {
		return nil, fmt.Errorf("%s holds no run; %s there: name one", path, some(beside))
	}
	return nil, fmt.Errorf(
		"%s holds no run: icar train makes one, icar runs list shows those of a folder", path)
}

// runsIn are the paths of the runs in the folders of a folder, no deeper.
func runsIn(folder string) []string {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil
	}
	var paths []string
	for _, e := range entries {
		path := filepath.Join(folder, e.Name())
		if !e.IsDir() {
			continue
		}
		if _, err := run.Read(path); err == nil {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// some names a few paths and counts the rest.
func some(paths []string) string {
	const named = 3
	text := strings.Join(paths[:min(named, len(paths))], ", ")
	if rest := len(paths) - named; rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	if len(paths) == 1 {
		return text + " is"
	}
	return text + " are"
}
