package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Edit is a change to the source that makes one statement wrong. Either a test
// has to notice, or claims have to fail.
type Edit struct {
	Theory  string `json:"theory"`  // the line of the mathematics or the sentence that it falsifies
	Name    string `json:"name"`    // what it does to that line
	File    string `json:"file"`    // from the root of the module, with slashes
	Old     string `json:"old"`     // occurs once in the file
	New     string `json:"new"`     // may be empty
	Package string `json:"package"` // of the test, as ./theory
	Test    string `json:"test"`    // the test that has to fail
	// in place of both: patterns of path.Match, all of whose claims have to fail
	Claims []string `json:"claims"`

	list string // NAME of the NAME.json that holds it
}

// String is LIST/THEORY: NAME, which no two edits share.
func (e Edit) String() string { return e.list + "/" + e.Theory + ": " + e.Name }

// notices is what has to notice the edit: a test or claims.
func (e Edit) notices() string {
	if e.Test != "" {
		return e.Test
	}
	return strings.Join(e.Claims, " ")
}

// readLists reads every *.json in the folder.
func readLists(folder fs.FS) ([]Edit, error) {
	files, err := fs.Glob(folder, "*.json")
	if err != nil {
		return nil, err
	}
	var edits []Edit
	for _, file := range files {
		list, err := readList(folder, file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		edits = append(edits, list...)
	}
	return edits, nil
}

func readList(folder fs.FS, file string) ([]Edit, error) {
	f, err := folder.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	decoder := json.NewDecoder(f)
	decoder.DisallowUnknownFields()
	var list []Edit
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	for i := range list {
		e := &list[i]
		e.list = strings.TrimSuffix(file, path.Ext(file))
		switch {
		case e.Theory == "" || e.Name == "" || e.File == "" || e.Old == "":
			return nil, fmt.Errorf("edit %d, %q, lacks a field: all but new have to be given", i, e.Name)
		case (e.Package == "") != (e.Test == "") || (e.Test == "") == (len(e.Claims) == 0):
			return nil, fmt.Errorf("edit %d, %q, needs a package and a test, or claims in place of both",
				i, e.Name)
		case seen[e.String()]:
			return nil, fmt.Errorf("two edits are called %q: give each a name of its own", e)
		}
		seen[e.String()] = true
	}
	return list, nil
}

// errInvalid says that an edit shows nothing about its test.
var errInvalid = errors.New("invalid")

// source is the path of the file that the edit changes.
func (e Edit) source(root string) string { return filepath.Join(root, filepath.FromSlash(e.File)) }

// apply returns the content of the file after the edit.
func (e Edit) apply(root string) ([]byte, error) {
	data, err := os.ReadFile(e.source(root))
	if err != nil {
		return nil, err
	}
	switch n := strings.Count(string(data), e.Old); {
	case n != 1:
		return nil, fmt.Errorf("%w: the old text occurs %d times in %s; quote what occurs once",
			errInvalid, n, e.File)
	case e.Old == e.New:
		return nil, fmt.Errorf("%w: the new text is the old one", errInvalid)
	}
	return []byte(strings.Replace(string(data), e.Old, e.New, 1)), nil
}
