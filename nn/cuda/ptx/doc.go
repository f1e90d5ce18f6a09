// Package ptx writes kernels for NVIDIA cards as text in PTX, the assembly
// language that the driver compiles for the card at hand. Nothing but the driver
// is needed at run time, and nothing at all at build time.
//
// A [Kernel] is written by calling its methods in the order of its instructions.
// Operands have Go types, so a sum of an address and a float does not compile.
// Registers are made as they are needed, without end: the driver allots them.
// An instruction returns a new register, but for those whose name ends in To,
// which write to one that there is, as loops need.
//
// Of arithmetic there is what IEEE 754 defines to the last bit: sums, products,
// fused multiply-adds, quotients and roots, all rounded to nearest. Every
// instruction says so by .rn, which also forbids the driver to fuse a product and
// a sum into one: the bits are those of the text.
//
// Reference: NVIDIA, "Parallel thread execution ISA", version 6.4.
package ptx
