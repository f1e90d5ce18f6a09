//go:build !amd64

package kernel

// vector returns the kernels in assembly: none on this architecture.
func vector() []Kernel { return nil }
