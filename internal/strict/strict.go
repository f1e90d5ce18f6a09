// Package strict reads YAML files of settings, of which every line has to be
// understood.
package strict

import (
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"icar/internal/budget"
)

// ErrSyntax is in the error about a file which is no YAML.
var ErrSyntax = errors.New("not YAML")

// Members returns the members of the mapping that a file holds, none for an
// empty file. A file over the budget of settings is refused before it is
// parsed. The error, an ErrSyntax, names the line.
func Members(file []byte) ([]*ast.MappingValueNode, error) {
	file = budget.Text(file)
	if err := budget.Settings().YAML(file); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	tree, err := parser.ParseBytes(file, 0)
	if err != nil {
		return nil, syntaxError(err)
	}
	if len(tree.Docs) > 1 {
		return nil, fmt.Errorf("%w: %d documents in one file; use one", ErrSyntax, len(tree.Docs))
	}
	if len(tree.Docs) == 0 {
		return nil, nil
	}
	body := tree.Docs[0].Body
	members, ok := Mapping(body)
	if !ok {
		return nil, fmt.Errorf("%w: line %d: want lines KEY: VALUE", ErrSyntax, Line(body))
	}
	return members, nil
}

// Mapping returns the members of a node, none if it is empty; not ok if it is
// something else than a mapping.
func Mapping(n ast.Node) (members []*ast.MappingValueNode, ok bool) {
	switch n := n.(type) {
	case nil, *ast.CommentGroupNode, *ast.NullNode:
		return nil, true
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

// Scalar returns the text of a value that is one word or number.
func Scalar(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.StringNode:
		return n.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, nil
	}
	return "", errors.New("want one word or number")
}

// Scalars returns the texts of a list of words or numbers.
func Scalars(n ast.Node) ([]string, error) {
	list, ok := n.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return nil, errors.New("want a list of values, such as [1, 2, 4]")
	}
	texts := make([]string, len(list.Values))
	for i, v := range list.Values {
		var err error
		if texts[i], err = Scalar(v); err != nil {
			return nil, err
		}
	}
	return texts, nil
}

// Line returns the line of a node.
func Line(n ast.Node) int { return n.GetToken().Position.Line }

// syntaxError puts the parser's complaint, which shows the source in many
// lines, on one.
func syntaxError(err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fmt.Errorf("%w: line %d: %s", ErrSyntax, y.GetToken().Position.Line, y.GetMessage())
	}
	return fmt.Errorf("%w: %w", ErrSyntax, err)
}
