// Package driver is an NVIDIA card behind the interface of package device, through the
// driver's own library, libcuda.so.1, as every machine with such a card has it. No CUDA
// toolkit, no cgo and no C compiler are needed.
//
// The library is in a process of its own, see package foreign: a driver that crashes,
// hangs, or has its card taken away costs the run, which goes on from its last
// checkpoint, and never this program or the machine.
//
// All work is in one stream, in order. Plain copies of the library are not: they do not
// wait for a stream that does not block. So every copy is one of the stream, and is
// waited for, since it is to or from memory that the next call overwrites.
//
// Reference: NVIDIA, CUDA Driver API, version 12; the numbers of attributes and of
// options are those of its header cuda.h.
package driver

// functions are those of the library that are called. cuGraphInstantiateWithFlags is the
// youngest: it came with CUDA 11.4.
var functions = []string{
	"cuInit", "cuDriverGetVersion", "cuGetErrorString",
	"cuDeviceGetCount", "cuDeviceGet", "cuDeviceGetName", "cuDeviceGetAttribute",
	"cuDeviceTotalMem_v2", "cuDevicePrimaryCtxRetain", "cuCtxSetCurrent",
	"cuStreamCreate", "cuStreamSynchronize", "cuStreamBeginCapture_v2", "cuStreamEndCapture",
	"cuGraphInstantiateWithFlags", "cuGraphLaunch", "cuGraphExecDestroy", "cuGraphDestroy",
	"cuModuleLoadDataEx", "cuModuleGetFunction", "cuModuleUnload", "cuFuncSetAttribute",
	"cuMemGetInfo_v2", "cuMemAlloc_v2", "cuMemFree_v2", "cuMemcpyHtoDAsync_v2",
	"cuMemcpyDtoHAsync_v2", "cuLaunchKernel",
}

// Attributes of a device, of a function, and options of the compiler, by cuda.h.
const (
	multiprocessorCount = 16
	capabilityMajor     = 75
	capabilityMinor     = 76
	sharedPerBlock      = 97 // that a kernel may be allowed

	allowedShared = 8

	errorLog     = 5
	errorLogSize = 6
)

// Errors of the library that are told in words of ours, or end all.
const (
	success     = 0
	outOfMemory = 2
	noDevice    = 100
)

// fatal are errors after which the library does nothing more for a process: its context
// is destroyed, or its card has gone.
var fatal = map[uint32]bool{
	4: true, 46: true, 101: true, 201: true, 214: true, 220: true, 700: true, 702: true,
	709: true, 710: true, 714: true, 715: true, 716: true, 717: true, 718: true, 719: true,
	720: true, 999: true,
}
