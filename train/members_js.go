package train

import (
	"errors"
	"fmt"
)

// ErrSyntax is in the error about a file which is no YAML.
var ErrSyntax = errors.New("not YAML")

// membersOf returns what a file of settings says. A page reads the files of runs, which
// [Config.YAML] writes: all of YAML would be a fifth of what it loads.
func membersOf(file []byte) ([]member, error) {
	all, err := plainMembers(file)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	return all, nil
}
