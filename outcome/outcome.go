// Package outcome holds the documents that an experiment leaves: claims with
// what was measured and predicted, and the outcome that they are part of. Who
// reads or draws them needs no experiment.
package outcome

import (
	"encoding/json"

	"icar/figure"
)

// ClaimsFile is the file in the folder of a reproduction that holds its claims: an array
// of [Claim].
const ClaimsFile = "claims.json"

// Scale is how large an experiment is run.
type Scale string

const (
	Quick Scale = "quick" // at most 5 s on two cores
	Paper Scale = "paper" // the sizes of the paper's authors
)

// Trial is a piece of work and an identity derived from it.
type Trial struct {
	ID     string          `json:"id"`
	Config json.RawMessage `json:"config"`
	// Arithmetic is that of the networks that the trial trains, on which the bits
	// of its result depend; "" of a trial that trains none.
	Arithmetic string `json:"arithmetic,omitempty"`
}

// Result is what a trial found, as JSON that decodes to the same bits.
type Result struct {
	Trial Trial           `json:"trial"`
	Found json.RawMessage `json:"found"`
}

// Setting overrides one key of the trials' configuration.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// Outcome is an experiment that was run, whole enough to draw its report.
type Outcome struct {
	Version int `json:"version"` // of this document, see docs/json.md
	// Checksum is of the file that holds the document, see docs/json.md; "" here.
	Checksum string `json:"checksum,omitempty"`
	// Program is the identity of the program that ran it, see run.Program; "" if
	// it is not known.
	Program string `json:"program,omitempty"`
	Name    string `json:"name"`
	Source  string `json:"source"`
	Summary string `json:"summary"`
	Scale   Scale  `json:"scale"`
	Seed    uint64 `json:"seed"`
	// Settings are those that were overridden: with any, the outcome is of other
	// sizes than the scale's.
	Settings []Setting `json:"settings,omitempty"`

	Claims  []Claim         `json:"claims"`
	Figures []figure.Figure `json:"figures"`
	Results []Result        `json:"results"`
	Data    figure.Data     `json:"-"` // saved as arrays and tables of its own
}

// DocumentVersion is the version of every JSON document icar writes.
const DocumentVersion = 1

// Cost is what a run took. It differs from run to run and so stays out of
// Outcome, which is the same bits each time.
type Cost struct {
	Seconds  float64 `json:"seconds"`   // wall time
	PeakHeap uint64  `json:"peak_heap"` // largest live heap seen, bytes
	Workers  int     `json:"workers"`   // trials at a time
	Kept     int     `json:"kept"`      // trials whose results were there from an earlier run
}
