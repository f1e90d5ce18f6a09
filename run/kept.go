package run

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"

	"icar/nn/safetensors"
)

// Kept is a checkpoint that stays for as long as the run: what the model was after a
// step. It holds weights and no state of the optimiser, so that nothing goes on from
// it, and the settings of its time.
type Kept struct {
	Step int
	Path string
}

// keptName is the name of the file of a step.
func keptName(step int) string { return fmt.Sprintf("checkpoint.step-%09d.safetensors", step) }

// keptFile matches such names, and with a first and a last group that are not empty
// what was to become such a file when the process was killed.
var keptFile = regexp.MustCompile(`^(\.?)checkpoint\.step-(\d{9,})\.safetensors(\.\d+)?$`)

// Keep writes a checkpoint that stays. Of the same step the content is the same, so
// that one which is there already is replaced.
func (d *Dir) Keep(step int, weights []safetensors.Tensor) error {
	f, err := Checkpoint{Step: step, Weights: weights}.file(d)
	if err != nil {
		return err
	}
	return d.write(keptName(step), "", func(w io.Writer) error { return safetensors.Write(w, f) })
}

// Kept returns the checkpoints that stay, by their steps.
func (r Run) Kept() ([]Kept, error) {
	names, _, err := keptIn(os.DirFS(r.Path))
	var all []Kept
	for _, name := range names {
		all = append(all, Kept{keptStep(name), filepath.Join(r.Path, name)})
	}
	return all, err
}

// Last returns the last checkpoint, which is none that stays. The error says that there
// is none, or that it is damaged.
func (r Run) Last() (Kept, error) {
	last := Kept{Path: r.Checkpoint()}
	f, err := safetensors.ReadFile(last.Path)
	if err == nil {
		err = check(f)
	}
	if err != nil {
		return last, fmt.Errorf("%s: %w", last.Path, err)
	}
	step := make([]int64, 1)
	for _, t := range f.Tensors {
		if t.Name == stepName {
			err = safetensors.Integers(step, t)
		}
	}
	last.Step = int(step[0])
	return last, err
}

// keptIn returns the names of the checkpoints that stay in a folder, by their steps, and
// of what was to become one when a process was killed.
func keptIn(folder fs.FS) (names, half []string, err error) {
	entries, err := fs.ReadDir(folder, ".")
	for _, e := range entries {
		switch m := keptFile.FindStringSubmatch(e.Name()); {
		case m == nil:
		case m[1] != "" && m[3] != "":
			half = append(half, e.Name())
		case m[1] == "" && m[3] == "" && e.Type().IsRegular():
			names = append(names, e.Name())
		}
	}
	// Names are in the order of their steps up to the step that has ten digits.
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(keptStep(a), keptStep(b)) })
	return names, half, err
}

// keptStep is the step in the name of one that stays.
func keptStep(name string) int {
	step, _ := strconv.Atoi(keptFile.FindStringSubmatch(name)[2]) // digits: at worst too many
	return step
}

// forget removes the checkpoints that stay of steps after the one that the run is at
// now, which will make them again, and what was to become one.
func (d *Dir) forget(after int) error {
	names, gone, err := keptIn(os.DirFS(d.path))
	for _, name := range names {
		if keptStep(name) > after {
			gone = append(gone, name)
		}
	}
	for _, name := range gone {
		err = errors.Join(err, os.Remove(filepath.Join(d.path, name)))
	}
	return err
}
