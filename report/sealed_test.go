package report

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"icar/outcome"
)

// A result that was changed since it was found is refused by its checksum; of
// one without a checksum, as older programs wrote them, the verdicts follow from
// the numbers.
func TestChangedResults(t *testing.T) {
	without := regexp.MustCompile(`  "checksum": "[0-9a-f]{64}",\n`)
	for name, test := range map[string]struct {
		edits []string // from, to, …
		old   bool
		err   string
		pass  bool // of toy/one
	}{
		"as it was": {pass: true},
		"a digit": {edits: []string{`"measured": 2`, `"measured": 3`},
			err: "result.json is damaged: its content does not match its checksum; run the experiment " +
				"again"},
		"a verdict": {edits: []string{`"pass": true`, `"pass": false`},
			err: "does not match its checksum"},
		"a space": {edits: []string{`"toy",`, `"toy" ,`},
			err: "does not match its checksum"},
		"old": {old: true, pass: true},
		"old, a verdict": {old: true, edits: []string{`"pass": true`, `"pass": false`},
			pass: true},
		"old, a digit": {old: true, edits: []string{`"measured": 2`, `"measured": 3`}},
		"old, no such claim": {old: true, edits: []string{`"relation": "equals"`,
			`"relation": "alike"`},
			err: `claim toy/one: unknown relation "alike"; run the experiment again`},
		"old, beyond": {old: true, edits: []string{`"predicted": 2`, `"predicted": 1e308`,
			`"tolerance": 0`, `"tolerance": 1e308`},
			err: "the prediction is 1e+308 and the tolerance 1e+308"},
	} {
		out := t.TempDir()
		drawn := collected()
		drawn.Figures = nil // they take longest and change nothing
		if err := Save(out, drawn, outcome.Cost{}, Paper); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(out, "toy", ResultFile)
		data, err := os.ReadFile(path)
		if err != nil || !without.Match(data) {
			t.Fatalf("%v, %.200s", err, data)
		}
		if test.old {
			data = without.ReplaceAll(data, nil)
		}
		text := string(data)
		for i := 0; i < len(test.edits); i += 2 {
			if !strings.Contains(text, test.edits[i]) {
				t.Fatalf("%s: no %s in the document", name, test.edits[i])
			}
			text = strings.Replace(text, test.edits[i], test.edits[i+1], 1)
		}
		err = os.WriteFile(path, []byte(text), 0o644)
		entries, err2 := Load(out, nil)
		switch err := errors.Join(err, err2); {
		case test.err != "":
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v, want %q", name, err, test.err)
			}
		case err != nil || len(entries) != 1 || entries[0].Claims[0].Pass != test.pass ||
			entries[0].Claims[1].Pass:
			t.Errorf("%s: %+v, %v, want %v", name, entries, err, test.pass)
		}
	}
}
