package sander2024

import (
	"encoding/json"
	"os"
	"path"
	"path/filepath"
	"testing"

	"icar/outcome"
)

// editedClaims are the patterns of all claims that a committed edit of the source
// makes fail: the lists claims-*.json of icar/internal/mutate, which runs them.
func editedClaims(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("../../internal/mutate/claims-*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d lists of edits, %v", len(files), err)
	}
	var patterns []string
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var edits []struct {
			Claims []string `json:"claims"`
		}
		if err := json.Unmarshal(data, &edits); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, e := range edits {
			patterns = append(patterns, e.Claims...)
		}
	}
	return patterns
}

// checkCovered demands of every claim an edit that makes it fail.
func checkCovered(t *testing.T, claims []outcome.Claim, patterns []string) {
	t.Helper()
	for _, c := range claims {
		covered := false
		for _, p := range patterns {
			ok, err := path.Match(p, c.ID)
			if err != nil {
				t.Fatal(err)
			}
			covered = covered || ok
		}
		if !covered {
			t.Errorf("no edit in internal/mutate/claims-*.json makes %s fail: add one", c.ID)
		}
	}
}
