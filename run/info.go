package run

import (
	"runtime"
	"runtime/debug"
	"strings"
)

// formatVersion is the version of the directory's layout. Within it files and
// fields are added, none is removed or given another meaning.
const formatVersion = 1

// Info is what ran, as run.json holds it.
type Info struct {
	Version  int    `json:"version"`            // of the directory's layout
	Icar     string `json:"icar"`               // version of the program
	Revision string `json:"revision,omitempty"` // it was built from, if known
	// Program is its identity, see Program; "A+B" of a run that B went on with.
	Program string `json:"program,omitempty"`
	Go      string `json:"go"` // version of the compiler
	// Arithmetic is the order and rounding of the operations of a step, see package
	// kernel: bits are the same only under the same one.
	Arithmetic string `json:"arithmetic"`
	Seed       uint64 `json:"seed"` // of all randomness
	// Init is the SHA-256, in hex, of the file of initial weights; "" if drawn from the
	// seed.
	Init     string `json:"init,omitempty"`
	Diverged string `json:"diverged,omitempty"` // why it is over before its end; "" if not
	// Data is the SHA-256, in hex, of the file of training sequences; "" if drawn from a
	// law.
	Data     string `json:"data,omitempty"`
	TestData string `json:"test_data,omitempty"` // SHA-256, in hex, of a file of test sequences
}

// Arithmetic returns today's name of an arithmetic that a document has: fma was
// amd64-fma until other processors gave its bits. A run that went on in others
// has several names with a + between them.
func Arithmetic(name string) string {
	names := strings.Split(name, "+")
	for i, n := range names {
		if n == "amd64-fma" {
			names[i] = "fma"
		}
	}
	return strings.Join(names, "+")
}

// NewInfo returns the Info of a run by this program. Where its own file cannot
// be read the run is of no known program, and no other goes on with it unasked.
func NewInfo(seed uint64, arithmetic string) Info {
	version, revision := Build()
	program, _ := Program() // "" is no identity
	return Info{
		Version: formatVersion, Icar: version, Revision: revision, Program: program,
		Go:         runtime.Version(),
		Arithmetic: arithmetic, Seed: seed,
	}
}

// Build returns the version of the program, devel if it was built from a
// checkout, and the revision, "" if the build did not record it.
func Build() (version, revision string) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown", ""
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			revision = s.Value
		}
	}
	if version = info.Main.Version; version == "" || version == "(devel)" {
		version = "devel"
	}
	return version, revision
}
