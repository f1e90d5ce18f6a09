package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// work is something of others that is linked.
type work struct {
	name   string   // with its version
	remark string   // what table.go says of it
	fonts  []string // those that it holds
	kinds  []string // of its licences, as SPDX calls them
	texts  []text
}

// text is a file of a work that has to be passed on.
type text struct{ name, content string }

// licences are the names of files and folders that hold what a work wants to
// be passed on with it.
var licences = regexp.MustCompile(`(?i)^(un)?licen[cs]e|^copying|^copyright|^notice|^patents|` +
	`^third_party_licen|^licenses$`)

// kinds are what tells licences apart; in this order, since the text of one may
// quote a later one's.
var kinds = []struct{ name, phrase string }{
	{"OFL-1.1", "SIL OPEN FONT LICENSE Version 1.1"},
	{"CC-BY-4.0", "Creative Commons Attribution 4.0 International Public License"},
	{"FTL", "The FreeType Project LICENSE"},
	{"Unlicense", "This is free and unencumbered software released into the public domain"},
	{"blessing", "May you do good and not evil"},
	{"Apache-2.0", "Apache License Version 2.0, January 2004"},
	{"BSD-3-Clause", "Neither the name of"},
	{"BSD-3-Clause", "names of its contributors may be used to endorse"},
	{"BSD-2-Clause", "Redistributions of source code must retain the above copyright notice"},
	{"MIT", "Permission is hereby granted, free of charge, to any person obtaining a copy"},
	{"ISC", "Permission to use, copy, modify, and/or distribute this software for any purpose"},
}

// ofOthers are files with the licences of what a work has taken from others.
var ofOthers = regexp.MustCompile(`(?i)third_party|3rd-party`)

// copyleft begins the licences that icar's own does not go with.
var copyleft = regexp.MustCompile(`GNU (AFFERO |LESSER )?GENERAL PUBLIC LICENSE\s+Version`)

// collect adds the licences in dir, which is root or below it, but those that
// are refused.
func (w *work) collect(root, dir string, refused []string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e.Name())
		if !licences.MatchString(e.Name()) {
			continue
		}
		err := filepath.WalkDir(name, func(path string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || filepath.Ext(path) == ".go" {
				return err
			}
			below, err := filepath.Rel(root, path)
			if err != nil || slices.Contains(refused, filepath.ToSlash(below)) {
				return err
			}
			return w.take(filepath.ToSlash(below), path)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// take adds a file, unless it is there already.
func (w *work) take(name, path string) error {
	if slices.ContainsFunc(w.texts, func(t text) bool { return t.name == name }) {
		return nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	letters := string(content)
	if !utf8.Valid(content) { // the FreeType License is in Latin-1, whose bytes are runes
		runes := make([]rune, len(content))
		for i, b := range content {
			runes[i] = rune(b)
		}
		letters = string(runes)
	}
	lines := strings.Split(strings.ReplaceAll(letters, "\r\n", "\n"), "\n")
	for i, l := range lines {
		lines[i] = strings.TrimRight(l, " \t\f")
	}
	whole := strings.Trim(strings.Join(lines, "\n"), "\n")
	w.texts = append(w.texts, text{name, whole})
	words := strings.Join(strings.Fields(whole), " ")
	if copyleft.MatchString(words) {
		return fmt.Errorf("%s: %s is a licence that all of icar would fall under: "+
			"do without it, or choose another in table.go", w.name, name)
	}
	for _, k := range kinds {
		if !ofOthers.MatchString(name) && strings.Contains(words, k.phrase) {
			w.kinds = append(w.kinds, k.name)
			break
		}
	}
	return nil
}

// sort brings what was collected into an order of its own.
func (w *work) sort() {
	slices.SortFunc(w.texts, func(a, b text) int { return strings.Compare(a.name, b.name) })
	slices.Sort(w.kinds)
	w.kinds = slices.Compact(w.kinds)
	slices.Sort(w.fonts)
}

// check refuses a work that nothing allows to be passed on.
func (w *work) check() error {
	if len(w.texts) == 0 {
		return fmt.Errorf("%s: %w", w.name, errNone)
	}
	if len(w.kinds) == 0 {
		return fmt.Errorf("%s: %w: read %s", w.name, errUnknown, w.texts[0].name)
	}
	return nil
}

var (
	errNone    = errors.New("has no licence that could be found: do without it")
	errUnknown = errors.New("has no licence that is known here; add its kind to licence.go")
)
