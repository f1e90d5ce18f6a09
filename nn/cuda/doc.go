// Package cuda computes models on NVIDIA cards, and on whatever else is a
// [device.Device]: the emulator computes the same bits on the processor.
//
// The kernels are written for the shape of a model, by package ptx, when a model is
// first run. See docs/gpu.md for how they work.
package cuda
