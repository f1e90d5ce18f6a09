package kernel

import "golang.org/x/sys/cpu"

//go:generate go run ./gen -out vector_amd64.s -stubs stubs_amd64.go -pkg kernel

// assembly is the kernel in AVX2 with FMA or, if wide, in AVX-512.
type assembly struct{ wide bool }

// vector returns the kernels in assembly that this processor has, the widest
// first.
func vector() []Kernel {
	var list []Kernel
	if cpu.X86.HasAVX2 && cpu.X86.HasFMA {
		if cpu.X86.HasAVX512F {
			list = append(list, assembly{wide: true})
		}
		list = append(list, assembly{})
	}
	return list
}

func (k assembly) Name() string {
	if k.wide {
		return "avx512"
	}
	return "avx2"
}

func (assembly) Arithmetic() string { return "fma" }

// tile calls the assembly.
func (k assembly) tile(c, a, b *float32, t *tiles, unit int) {
	switch shape := (*[10]int)(t); {
	case unit == 1 && k.wide:
		multiplySharedAVX512(c, a, b, shape)
	case unit == 1:
		multiplySharedAVX2(c, a, b, shape)
	case k.wide:
		multiplyAVX512(c, a, b, shape)
	default:
		multiplyAVX2(c, a, b, shape)
	}
}

// sum calls the assembly, in AVX2 at both widths.
func (assembly) sum(dst, src *float32, n int) { sumAVX2(dst, src, n) }

// Busy implements Kernel.
func (k assembly) Busy(s *[(busySums + 1) * Lanes]float32, rounds int) int {
	lanes := Lanes
	if k.wide {
		busyAVX512(&s[0], rounds)
	} else {
		lanes = Lanes / 2
		busyAVX2(&s[0], rounds)
	}
	return 2 * busySums * lanes * rounds
}
