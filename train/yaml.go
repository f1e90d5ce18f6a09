package train

import (
	"bytes"
	"fmt"
	"slices"

	"icar/internal/strict"
	"icar/internal/suggest"
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
	keys := c.Keys()
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	for _, m := range members {
		name := m.Key.GetToken().Value
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("line %d: unknown key %.80q: %s", strict.Line(m.Key), name, suggest.Instead(name, names))
		}
		text, err := strict.Scalar(m.Value)
		if err == nil {
			err = keys[i].Set(text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", strict.Line(m.Key), name, err)
		}
	}
	return nil
}

// YAML returns the file of c, which Decode reads back to the same values. The
// mixer and a norm before it are there only where they are not the usual ones.
func (c Config) YAML() []byte {
	var b bytes.Buffer
	for _, k := range c.Keys() {
		if k.absent() {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", k.Name, k)
	}
	return b.Bytes()
}
