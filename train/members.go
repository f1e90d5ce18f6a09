//go:build !js

package train

import "icar/internal/strict"

// ErrSyntax is in the error about a file which is no YAML.
var ErrSyntax = strict.ErrSyntax

// membersOf returns what a file of settings says.
func membersOf(file []byte) ([]member, error) {
	nodes, err := strict.Members(file)
	if err != nil {
		return nil, err
	}
	all := make([]member, len(nodes))
	for i, n := range nodes {
		all[i] = member{line: strict.Line(n.Key), key: n.Key.GetToken().Value}
		all[i].text, all[i].err = strict.Scalar(n.Value)
	}
	return all, nil
}
