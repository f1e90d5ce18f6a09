package train

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"icar/setting"
)

// member is a line of a file of settings: a key and a value that is one word or number,
// or the error that says what it is instead.
type member struct {
	line      int
	key, text string
	err       error
}

// Decode sets the fields of c that a YAML file, a mapping from keys to values,
// gives; the others keep their values. The error names the line: no YAML or a
// key that comes twice (ErrSyntax), an unknown key with the nearest one, a
// value of the wrong type. Whether the values make sense is for Resolve to
// say.
func (c *Config) Decode(file []byte) error {
	members, err := membersOf(file)
	if err != nil {
		return err
	}
	slices.SortStableFunc(members, func(a, b member) int { return rank(a.key) - rank(b.key) })
	for _, m := range members {
		key, err := c.key(m.key)
		if err != nil {
			return fmt.Errorf("line %d: %w", m.line, err)
		}
		if err = m.err; err == nil {
			err = key.Set(m.text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", m.line, key.Name, err)
		}
	}
	return nil
}

// FileKeys returns the keys that the file of c has: all but those whose value is
// what everything had before there was a key for it.
func (c Config) FileKeys() []setting.Key {
	return slices.DeleteFunc(c.Keys(), func(k setting.Key) bool { return !k.Written() })
}

// YAML returns the file of c, which Decode reads back to the same values.
func (c Config) YAML() []byte {
	var b bytes.Buffer
	for _, k := range c.FileKeys() {
		text := k.String()
		if k.Type() == "word" && (!unquoted.MatchString(text) || strings.EqualFold(text, "null")) {
			text = strconv.Quote(text)
		}
		fmt.Fprintf(&b, "%s: %s\n", k.Name, text)
	}
	return b.Bytes()
}

// unquoted is a word that YAML takes for itself.
var unquoted = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_./-]*$`)
