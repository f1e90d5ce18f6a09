// Package budget bounds what a file that nobody vouches for may cost: where it
// is opened, how long it is, and how much there is in it to be understood. The
// last is counted in one pass over the bytes, without allocating, before a
// parser builds anything: the trees that YAML and JSON become can take a
// thousand times the bytes that they are written in, or time in the square of
// them.
package budget

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Budget is how much a document may hold. Time and memory follow from the
// counts: every parser behind it takes at most a bounded number of bytes and
// steps for each of what is counted.
type Budget struct {
	Bytes  int64 // of the file
	Depth  int   // of what is nested
	Keys   int   // of all mappings together, and the mappings themselves
	Values int   // of all lists and mappings together
}

// ErrTooMuch is in every error about a document that is over its budget.
var ErrTooMuch = errors.New("too much to be read")

// Settings is the budget of a file of settings that people write: several
// times the longest plan of a sweep.
func Settings() Budget { return Budget{Bytes: 1 << 20, Depth: 64, Keys: 1000, Values: 50_000} }

// Record is the budget of a document of a known shape that the program writes:
// run.json, the configuration or the result of a trial, a line of metrics.
func Record() Budget { return Budget{Bytes: 16 << 20, Depth: 32, Keys: 50_000, Values: 500_000} }

// Results is the budget of the results of an experiment with its figures, and
// of its claims. Each value could stand for a figure or a claim, of which an
// empty one takes a few hundred bytes.
func Results() Budget {
	return Budget{Bytes: 64 << 20, Depth: 32, Keys: 200_000, Values: 500_000}
}

// Found is the budget of what one trial of an experiment has found: numbers.
func Found() Budget {
	return Budget{Bytes: 64 << 20, Depth: 32, Keys: 200_000, Values: 3_000_000}
}

// Index is the budget of the names of a model's tensors, those in the header
// of a file or those in an index of files.
func Index() Budget { return Budget{Bytes: 16 << 20, Depth: 8, Keys: 300_000, Values: 600_000} }

// bom is the mark that some editors put before a text; it means nothing.
var bom = []byte("\ufeff")

// Text returns a file without the byte order mark before it.
func Text(file []byte) []byte { return bytes.TrimPrefix(file, bom) }

// Unmarshal is json.Unmarshal of a document within a budget, which a byte
// order mark may precede. The error is ErrTooMuch, or that of package json.
func Unmarshal(document []byte, into any, b Budget) error {
	document = Text(document)
	if err := b.JSON(document); err != nil {
		return err
	}
	return json.Unmarshal(document, into)
}

// UnmarshalKnown is Unmarshal that refuses fields which into does not have.
func UnmarshalKnown(document []byte, into any, b Budget) error {
	document = Text(document)
	if err := b.JSON(document); err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the document")
	}
	return nil
}

// JSON returns an error, an ErrTooMuch, if a document is over the budget. It
// need not be valid: what is wrong with it is for a parser to say.
func (b Budget) JSON(document []byte) error {
	c := count{Budget: b}
	if err := c.size(len(document)); err != nil {
		return err
	}
	for i := 0; i < len(document); i++ {
		switch document[i] {
		case '"':
			for i++; i < len(document) && document[i] != '"'; i++ {
				if document[i] == '\\' {
					i++
				}
			}
		case '[':
			c.depth++
			c.values++
		case '{':
			c.depth++
			c.keys++
			c.values++
		case ']', '}':
			c.depth = max(0, c.depth-1)
		case ':':
			c.keys++
		case ',':
			c.values++
		default:
			continue
		}
		if err := c.check(); err != nil {
			return err
		}
	}
	return nil
}

// YAML is JSON of a YAML file. It knows no more of YAML than its signs and
// counts one inside a text or a comment too: a parser cannot be led into a
// depth that was hidden from it by quotes.
func (b Budget) YAML(file []byte) error {
	c := count{Budget: b}
	if err := c.size(len(file)); err != nil {
		return err
	}
	marks := 0 // "- " and "? " of a line, each of which opens a block within the one before
	for i, sign := range file {
		switch sign {
		case '\n', '\r':
			marks = 0
			c.values++
		case '[':
			c.depth++
			c.values++
		case '{':
			c.depth++
			c.keys++
		case ']', '}':
			c.depth = max(0, c.depth-1)
		case ':':
			c.keys++
		case ',', '&', '*', '!', '|', '>', '"', '\'':
			c.values++
		case '-', '?':
			if i+1 < len(file) && (file[i+1] == ' ' || file[i+1] == '\t') {
				marks++
				c.values++
			}
		default:
			continue
		}
		if err := c.check(); err != nil {
			return err
		}
		if marks > b.Depth {
			return tooMuch("lists within lists", b.Depth)
		}
	}
	return nil
}

// count is what was found of a document.
type count struct {
	Budget
	depth, keys, values int
}

func (c *count) size(n int) error {
	if int64(n) > c.Bytes {
		return tooLong(c.Bytes)
	}
	return nil
}

func (c *count) check() error {
	switch {
	case c.depth > c.Depth:
		return tooMuch("lists within lists", c.Depth)
	case c.keys > c.Keys:
		return tooMuch("keys", c.Keys)
	case c.values > c.Values:
		return tooMuch("values", c.Values)
	}
	return nil
}

func tooMuch(what string, allowed int) error {
	return fmt.Errorf("%w: more than the %d %s that a file of its kind may have", ErrTooMuch,
		allowed, what)
}

func tooLong(allowed int64) error {
	return fmt.Errorf("%w: it is longer than %d bytes", ErrTooMuch, allowed)
}
