package run

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A label is set bit by bit beside the process that writes the run, is read with it,
// and goes with it; what says nothing has no file.
func TestLabel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	d := stopped(t, path)
	label := func() Label {
		t.Helper()
		r, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		return r.Label
	}
	set := func(change func(*Label)) {
		t.Helper()
		l, err := SetLabel(path, change)
		if got := label(); err != nil || got.Name != l.Name || got.Note != l.Note ||
			!slices.Equal(got.Tags, l.Tags) {
			t.Errorf("set %+v, %v, and read %+v", l, err, got)
		}
	}
	if l := label(); l.Name != "" || l.Note != "" || l.Tags != nil {
		t.Errorf("before it is set: %+v", l)
	}
	set(func(l *Label) { l.Name, l.Tags = "the first", []string{"wide", "old", "wide"} })
	set(func(l *Label) { l.Note = "η was too large" })
	if l := label(); l.Name != "the first" || l.Note != "η was too large" ||
		!slices.Equal(l.Tags, []string{"old", "wide"}) {
		t.Errorf("%+v", l)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	set(func(l *Label) { *l = Label{Tags: l.Tags} })
	if l := label(); !slices.Equal(l.Tags, []string{"old", "wide"}) {
		t.Errorf("of tags alone: %+v", l)
	}
	set(func(l *Label) { *l = Label{} })
	set(func(*Label) {}) // as it is, without a file
	if _, err := os.Stat(filepath.Join(path, labelFile)); err == nil {
		t.Error("a label that says nothing has a file")
	}
	set(func(l *Label) { l.Name = "again" })
	if err := Remove(path); err != nil {
		t.Errorf("a run with a label is not removed: %v", err)
	}
}

// What cannot be shown or asked for is refused, and the label stays.
func TestWrongLabels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if _, err := SetLabel(path, func(*Label) {}); err == nil ||
		!strings.Contains(err.Error(), "holds no run") {
		t.Errorf("of no run: %v", err)
	}
	if err := stopped(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for want, l := range map[string]Label{
		"is no line of text":               {Name: "two\nlines"},
		"is no line":                       {Note: "\x1b[2J"},
		"the name has 101 characters":      {Name: strings.Repeat("ä", 101)},
		"the note has 4001 characters":     {Note: strings.Repeat("x", 4001)},
		`the tag "two words" is no word`:   {Tags: []string{"a", "two words"}},
		`the tag "a,b" is no word`:         {Tags: []string{"a,b"}},
		`the tag "" is no word`:            {Tags: []string{""}},
		`the tag "\x1b" is no word`:        {Tags: []string{"\x1b"}},
		`the tag "\xff" is no word`:        {Tags: []string{"\xff"}},
		`the note "\xff" is no line`:       {Note: "\xff"},
		"is no word of 1 to 40 characters": {Tags: []string{strings.Repeat("x", 41)}},
		"there are 51 tags": {Tags: strings.Split("a"+strings.Repeat(",a", 24)+
			strings.Repeat(",b", 26), ",")},
	} {
		err := l.Check()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
		if want == "there are 51 tags" {
			continue // of two words: each is kept once
		}
		if _, err := SetLabel(path, func(to *Label) { *to = l }); err == nil {
			t.Errorf("%+v is set", l)
		}
	}
	for _, most := range []Label{{Name: strings.Repeat("ä", 100), Note: strings.Repeat("ä", 4000),
		Tags: []string{strings.Repeat("ä", 40)}}, {Tags: slices.Repeat([]string{"a"}, 50)}} {
		if err := most.Check(); err != nil {
			t.Errorf("the most that there may be: %v", err)
		}
	}
	file := filepath.Join(path, labelFile)
	if err := os.WriteFile(file, []byte("\ufeff{\"name\": \"a\"}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(path); err != nil || r.Label.Name != "a" {
		t.Errorf("after the mark of an editor: %+v, %v", r.Label, err)
	}
	for _, content := range []string{"{", `{"name": "two\nlines"}`, `{"name": "a"} {}`} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "label.json: ") {
			t.Errorf("a file with %s: %v", content, err)
		}
	}
}
