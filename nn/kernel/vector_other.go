//go:build !amd64 && !arm64

package kernel

// vector returns the kernels in assembly: none on this architecture.
func vector() []Kernel { return nil }
