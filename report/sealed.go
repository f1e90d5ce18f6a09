package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"icar/outcome"
	"icar/run"
)

// writeOutcome writes the document of an outcome with its checksum, whole or
// not at all.
//
// The checksum is the SHA-256, in hex, of the document with the digits of the
// checksum left out and without the newline that ends the file. It says that a
// result which later reports show is the one that was found, down to the digit;
// it keeps out mistakes, not forgers.
func writeOutcome(path string, o outcome.Outcome) error {
	o.Checksum = strings.Repeat("0", 2*sha256.Size) // its place
	document, err := indented(o)
	if err != nil {
		return err
	}
	sum := documentSum(document, o.Checksum)
	document = bytes.Replace(document, []byte(o.Checksum), []byte(sum), 1)
	return run.WriteFile(path, func(w io.Writer) error {
		_, err := w.Write(append(document, '\n'))
		return err
	})
}

// readOutcome reads a document that writeOutcome wrote, or an older program
// without a checksum.
func readOutcome(path string, o *outcome.Outcome) error {
	var document json.RawMessage
	if err := readJSON(path, &document); err != nil {
		return err
	}
	if err := json.Unmarshal(document, o); err != nil {
		return fmt.Errorf("%s: %w; run the experiment again", path, err)
	}
	if o.Checksum != "" && documentSum(document, o.Checksum) != o.Checksum {
		return fmt.Errorf("%s is damaged: its content does not match its checksum; run the "+
			"experiment again", path)
	}
	return nil
}

// documentSum returns the checksum of a document in which other digits stand in
// its place. The place is the first: nothing before it holds as many.
func documentSum(document []byte, standing string) string {
	sum := sha256.Sum256(bytes.Replace(document, []byte(standing), nil, 1))
	return hex.EncodeToString(sum[:])
}
