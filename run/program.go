package run

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"sync"
)

// unknownProgram stands in run.json for a program without an identity on record.
const unknownProgram = "unknown"

// Program returns the identity of this program: the first 16 digits, in hex,
// of the SHA-256 of its executable. Results may be taken over only from a
// program of the same identity. A version or a revision is none: those that
// were built from a checkout with changes in it all have the same. The error
// says that the executable cannot be read.
func Program() (string, error) { return identity() }

// identity is what Program says, read once: a process stays what it is.
var identity = sync.OnceValues(func() (string, error) {
	id, err := hashProgram()
	if err != nil {
		return "", fmt.Errorf("the program's own file cannot be read, so that its results "+
			"cannot be told from another program's: %w; make it readable", err)
	}
	return id, nil
})

// hashProgram hashes what this process runs. Where the system has a name for
// that it is used, for the file may have been replaced since the start.
func hashProgram() (string, error) {
	f, err := os.Open("/proc/self/exe")
	if err != nil {
		var path string
		if path, err = os.Executable(); err != nil {
			return "", err
		}
		if f, err = os.Open(path); err != nil {
			return "", err
		}
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)[:8]), err
}

// Ours reports whether a run is of this program from its first step on.
func (i Info) Ours() bool {
	id, err := Program()
	return err == nil && i.Program == id
}

// Programs are the identities of the programs that took part in a run, in the
// order in which they did; "unknown" for one whose identity is not on record.
func (i Info) Programs() []string {
	if i.Program == "" {
		return []string{unknownProgram}
	}
	return strings.Split(i.Program, "+")
}

// joined returns the identities of a run's programs once this one goes on
// with it.
func (i Info) joined() string {
	id, err := Program()
	if err != nil {
		id = unknownProgram
	}
	all := i.Programs()
	if !slices.Contains(all, id) {
		all = append(all, id)
	}
	return strings.Join(all, "+")
}
