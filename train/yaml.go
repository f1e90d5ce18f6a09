package train

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"icar/internal/suggest"
)

// ErrSyntax is in the error about a file which is no YAML.
var ErrSyntax = errors.New("not YAML")

// Decode sets the fields of c that a YAML file, a mapping from keys to values,
// gives; the others keep their values. The error names the line: no YAML or a
// key that comes twice (ErrSyntax), an unknown key with the nearest one, a
// value of the wrong type. Whether the values make sense is for Resolve to
// say.
func (c *Config) Decode(file []byte) error {
	tree, err := parser.ParseBytes(file, 0)
	if err != nil {
		return syntaxError(err)
	}
	if len(tree.Docs) > 1 {
		return fmt.Errorf("%w: %d documents in one file; use one", ErrSyntax, len(tree.Docs))
	}
	var members []*ast.MappingValueNode
	for _, doc := range tree.Docs {
		switch body := doc.Body.(type) {
		case nil, *ast.CommentGroupNode, *ast.NullNode: // an empty file is one of defaults
		case *ast.MappingNode:
			members = body.Values
		case *ast.MappingValueNode:
			members = []*ast.MappingValueNode{body}
		default:
			return fmt.Errorf("%w: line %d: want lines KEY: VALUE", ErrSyntax, line(body))
		}
	}
	return c.decodeMembers(members)
}

func (c *Config) decodeMembers(members []*ast.MappingValueNode) error {
	keys := c.Keys()
	var names []string
	for _, k := range keys {
		names = append(names, k.Name)
	}
	for _, m := range members {
		name := m.Key.GetToken().Value
		i := slices.Index(names, name)
		if i < 0 {
			return fmt.Errorf("line %d: unknown key %q: %s", line(m.Key), name, suggest.Instead(name, names))
		}
		text, err := scalar(m.Value)
		if err == nil {
			err = keys[i].Set(text)
		}
		if err != nil {
			return fmt.Errorf("line %d: %s: %w", line(m.Key), name, err)
		}
	}
	return nil
}

// scalar returns the text of a value that is one word or number.
func scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", errors.New("want one word or number")
}

func line(n ast.Node) int { return n.GetToken().Position.Line }

// syntaxError puts the parser's complaint, which shows the source in many
// lines, on one.
func syntaxError(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fmt.Errorf("%w: line %d: %s", ErrSyntax, y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf("%w: %w", ErrSyntax, err)
}

// YAML returns the file of c, which Decode reads back to the same values.
func (c Config) YAML() []byte {
	var b bytes.Buffer
	for _, k := range c.Keys() {
		fmt.Fprintf(&b, "%s: %s\n", k.Name, k)
	}
	return b.Bytes()
}
