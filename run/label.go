package run

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"icar/internal/budget"
)

// labelFile holds a Label. It is no part of what a run computes: it may be changed at
// any time, beside the process that writes the run too. Of two changes at one instant
// the last one stands.
const labelFile = "label.json"

// Label is what people say of a run. The zero Label says nothing.
type Label struct {
	Name string   `json:"name,omitempty"`
	Note string   `json:"note,omitempty"`
	Tags []string `json:"tags,omitempty"` // sorted, each once
}

// The bounds of a label, in characters, and of its tags.
const (
	maxName = 100
	maxNote = 4000
	maxTag  = 40
	maxTags = 50
)

// Check returns an error unless the label can be shown in a table, and asked for: it is
// of one line, and tags have no spaces and commas.
func (l Label) Check() error {
	for _, text := range []struct {
		what, is string
		most     int
	}{{"name", l.Name, maxName}, {"note", l.Note, maxNote}} {
		switch {
		case !utf8.ValidString(text.is) || strings.ContainsFunc(text.is, unicode.IsControl):
			return fmt.Errorf("the %s %.80q is no line of text: leave out what ends lines and "+
				"other control characters", text.what, text.is)
		case utf8.RuneCountInString(text.is) > text.most:
			return fmt.Errorf("the %s has %d characters: use at most %d", text.what,
				utf8.RuneCountInString(text.is), text.most)
		}
	}
	for _, tag := range l.Tags {
		outside := func(r rune) bool {
			return unicode.IsSpace(r) || unicode.IsControl(r) || r == ','
		}
		if tag == "" || !utf8.ValidString(tag) || utf8.RuneCountInString(tag) > maxTag ||
			strings.ContainsFunc(tag, outside) {
			return fmt.Errorf("the tag %.80q is no word of 1 to %d characters without spaces and "+
				"commas: use one such as baseline", tag, maxTag)
		}
	}
	if len(l.Tags) > maxTags {
		return fmt.Errorf("there are %d tags: use at most %d", len(l.Tags), maxTags)
	}
	return nil
}

// readLabel reads that of the run in a directory, the zero one if there is none.
func readLabel(fsys fs.FS) (l Label, err error) {
	data, err := readSmall(fsys, labelFile)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = budget.Unmarshal(data, &l, budget.Record())
	}
	if err == nil {
		err = l.Check()
	}
	if err != nil {
		return l, fmt.Errorf("%s: %w; remove it", labelFile, err)
	}
	return l, nil
}

// SetLabel changes the label of the run in a directory, and returns what it has become.
// The error says that there is no run, or what about the label is wrong; it is then as
// it was.
func SetLabel(path string, change func(*Label)) (Label, error) {
	fsys := budget.Folder(path)
	if _, err := readRun(fsys); err != nil {
		return Label{}, fmt.Errorf("%s %w", path, err)
	}
	l, err := readLabel(fsys)
	if err != nil {
		return l, fmt.Errorf("%s: %w", path, err)
	}
	change(&l)
	slices.Sort(l.Tags)
	l.Tags = slices.Compact(l.Tags)
	if err := l.Check(); err != nil {
		return l, err
	}
	file := filepath.Join(path, labelFile)
	if l.Name == "" && l.Note == "" && len(l.Tags) == 0 {
		return l, ignore(fs.ErrNotExist, os.Remove(file))
	}
	return l, WriteFile(file, func(w io.Writer) error {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(l)
	})
}
