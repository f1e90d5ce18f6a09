package kernel

import (
	"fmt"
	"strings"
)

// Available returns the kernels of this machine, the default first. The last
// is always plain Go.
func Available() []Kernel { return append(vector(), plain{}) }

// Choose returns the kernel of that name, go, avx2, avx512 or neon, or the default of
// this machine for an empty name. The error names those that the machine has.
func Choose(name string) (Kernel, error) {
	available := Available()
	if name == "" {
		return available[0], nil
	}
	var names []string
	for _, k := range available {
		if k.Name() == name {
			return k, nil
		}
		names = append(names, k.Name())
	}
	return nil, fmt.Errorf("no kernel %q on this machine: use one of %s", name,
		strings.Join(names, ", "))
}
