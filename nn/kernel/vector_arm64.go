package kernel

//go:generate go run ./gen/neon vector_arm64.s stubs_arm64.go

// assembly is the kernel in the vector instructions that every arm64 has,
// NEON, with 4 lanes a register.
type assembly struct{}

// vector returns the kernels in assembly.
func vector() []Kernel { return []Kernel{assembly{}} }

func (assembly) Name() string       { return "neon" }
func (assembly) Arithmetic() string { return "fma" }

// tile calls the assembly.
func (assembly) tile(c, a, b *float32, t *tiles, unit int) {
	if shape := (*[10]int)(t); unit == 1 {
		multiplySharedNEON(c, a, b, shape)
	} else {
		multiplyNEON(c, a, b, shape)
	}
}

// sum calls the assembly.
func (assembly) sum(dst, src *float32, n int) { sumNEON(dst, src, n) }

// Busy implements Kernel.
func (assembly) Busy(s *[(busySums + 1) * Lanes]float32, rounds int) int {
	const registers, lanes = 24, 4
	busyNEON(&s[0], rounds)
	return 2 * registers * lanes * rounds
}
