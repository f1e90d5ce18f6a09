// Command neon writes the assembly of package kernel for the vector
// instructions of arm64, of 4 lanes a register, and the Go declarations of it:
//
//	go run ./gen/neon vector_arm64.s stubs_arm64.go
//
// A block of 16 lanes is four registers. A lane sees the operations that gen
// writes for AVX2 and AVX-512, in the same order, with fused multiply-adds in
// the same places, so that all three give the same bits.
package main

import (
	"fmt"
	"os"

	"icar/nn/kernel/constant"
)

const (
	block   = 64 // bytes of a block of 16 lanes
	half    = 32 // and of two registers, which tiles and attention treat at a time
	numbers = 4  // bytes of a number
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "neon:", err)
		os.Exit(1)
	}
}

// write writes the assembly and its declarations to the two files named.
func write(files []string) error {
	if len(files) != 2 {
		return fmt.Errorf("%d arguments: use neon ASSEMBLY.s DECLARATIONS.go", len(files))
	}
	assembly, stubs := everything()
	if err := os.WriteFile(files[0], []byte(assembly), 0o644); err != nil {
		return err
	}
	return os.WriteFile(files[1], []byte(stubs), 0o644)
}

// everything returns the text of both files.
func everything() (assembly, stubs string) {
	p := newProgram()
	multiply(p, "multiply", false)
	multiply(p, "multiplyShared", true)
	elementwise(p)
	softmax(p)
	softmaxBackward(p)
	gelu(p)
	for e := 2; e <= constant.MostEntries; e++ {
		attend(p, e)
		attendBackward(p, e)
	}
	norm(p)
	normBackward(p)
	busy(p)
	sum(p)
	return p.assembly.String(), p.stubs.String()
}
