package train

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"icar/internal/strict"
	"icar/setting"
)

// ErrSyntax is in the error about a file which is no YAML.
var ErrSyntax = strict.ErrSyntax

// Decode sets the fields of c that a YAML file, a mapping from keys to values,
// gives; the others keep their values. The error names the line: no YAML or a
// key that comes twice (ErrSyntax), an unknown key with the nearest one, a
// value of the wrong type. Whether the values make sense is for Resolve to
// say.
func (c *Config) Decode(file []byte) error {
	members, err := strict.Members(file)
	if err != nil {
		return err
	}
	name := func(m *ast.MappingValueNode) string { return m.Key.GetToken().Value }
	slices.SortStableFunc(members, func(a, b *ast.MappingValueNode) int {
		return rank(name(a)) - rank(name(b))
	})
	for _, m := range members {
		key, err := c.key(name(m))
		if err != nil {
			return fmt.Errorf("line %d: %w", strict.Line(m.Key), err)
		}
		text, err := strict.Scalar(m.Value)
		if err == nil {
			err = key.Set(text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", strict.Line(m.Key), key.Name, err)
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
