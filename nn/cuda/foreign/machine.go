package foreign

import "encoding/binary"

// assembler is machine code in the making.
type assembler struct {
	code   []byte
	origin int            // the address of its first byte
	labels map[string]int // addresses
	jumps  map[int]string // where the 4 bytes of a distance to a label are due
}

// op appends the bytes of an instruction.
func (a *assembler) op(bytes ...byte) { a.code = append(a.code, bytes...) }

// op32 appends an instruction that ends with a number of 4 bytes.
func (a *assembler) op32(number int, bytes ...byte) {
	a.code = binary.LittleEndian.AppendUint32(append(a.code, bytes...), uint32(number))
}

// here gives the next instruction a name.
func (a *assembler) here(label string) { a.labels[label] = a.next() }

// next is the address of the next byte.
func (a *assembler) next() int { return a.origin + len(a.code) }

// to appends an instruction that ends with the distance to a label.
func (a *assembler) to(label string, bytes ...byte) {
	a.op32(0, bytes...)
	a.jumps[len(a.code)-4] = label
}

// at appends an instruction that ends with the distance to an address.
func (a *assembler) at(address int, bytes ...byte) {
	a.op32(address-a.next()-len(bytes)-4, bytes...)
}

// link fills in the distances to labels.
func (a *assembler) link() []byte {
	for at, label := range a.jumps {
		distance := a.labels[label] - (a.origin + at + 4)
		binary.LittleEndian.PutUint32(a.code[at:], uint32(distance))
	}
	return a.code
}

// System calls of Linux on amd64.
const (
	sysRead        = 0
	sysWrite       = 1
	sysMmap        = 9
	sysSigprocmask = 14
	sysExitGroup   = 231
)

// machine returns the worker's code, which begins at origin; table is where the addresses
// of imports are. It keeps the shared memory in rbx, the call in r13 and the
// number of calls that are left in r12, which functions leave alone.
//
// Reference: AMD64 supplement of the System V ABI, version 1.0, section 3.2 (calls: six
// arguments in registers, the others on the stack, which is a multiple of 16 bytes) and
// A.2 (system calls); Intel, Software Developer's Manual, volume 2, for the bytes.
func machine(origin, table int) []byte {
	a := &assembler{origin: origin, labels: map[string]int{}, jumps: map[int]string{}}
	a.start(table)
	a.here("main")
	a.op(0x53, 0x41, 0x54, 0x41, 0x55) // push rbx; push r12; push r13
	a.block()
	a.share(table)
	a.here("answer") // one byte says that the list is done
	a.transfer(sysWrite, baseAt)
	a.here("wait")
	a.transfer(sysRead, wakeAt)
	a.op(0x48, 0x83, 0xf8, 0xfc)       // cmp rax, -4, which is EINTR
	a.to("wait", 0x0f, 0x84)           // je wait
	a.op(0x48, 0x83, 0xf8, 0x01)       // cmp rax, 1
	a.to("end", 0x0f, 0x85)            // jne end: the program has gone
	a.op(0x4c, 0x8b, 0x63, leftAt)     // mov r12, [rbx+leftAt]
	a.op(0x4c, 0x8d, 0x6b, callsAt)    // lea r13, [rbx+callsAt]
	a.here("next")                     //
	a.op(0x4d, 0x85, 0xe4)             // test r12, r12
	a.to("answer", 0x0f, 0x84)         // jz answer
	a.call()                           //
	a.op(0x49, 0x83, 0x7d, 8*toAny, 0) // cmp qword [r13+8], 0
	a.to("go on", 0x0f, 0x85)          // jne: whatever it returned
	a.op(0x85, 0xc0)                   // test eax, eax: an error is a number of 32 bits
	a.to("answer", 0x0f, 0x85)         // jnz answer
	a.here("go on")                    //
	a.op32(8*words, 0x49, 0x81, 0xc5)  // add r13, 128
	a.op(0x49, 0xff, 0xcc)             // dec r12
	a.op(0x4c, 0x89, 0x63, leftAt)     // mov [rbx+leftAt], r12
	a.to("next", 0xe9)                 // jmp next
	a.here("end")                      //
	a.op(0x31, 0xff)                   // xor edi, edi
	a.op32(sysExitGroup, 0xb8)         // mov eax, …
	a.op(0x0f, 0x05)                   // syscall
	return a.link()
}

// start hands the process to glibc, which calls main: __libc_start_main(main, argc,
// argv, init, fini, rtld_fini, stack_end).
func (a *assembler) start(table int) {
	a.op(0x31, 0xed)               // xor ebp, ebp: the outermost frame
	a.op(0x49, 0x89, 0xd1)         // mov r9, rdx: what the linker wants to be called at exit
	a.op(0x5e)                     // pop rsi: argc
	a.op(0x48, 0x89, 0xe2)         // mov rdx, rsp: argv
	a.op(0x48, 0x83, 0xe4, 0xf0)   // and rsp, -16
	a.op(0x50, 0x54)               // push rax; push rsp
	a.op(0x45, 0x31, 0xc0)         // xor r8d, r8d
	a.op(0x31, 0xc9)               // xor ecx, ecx
	a.to("main", 0x48, 0x8d, 0x3d) // lea rdi, [rip+main]
	a.at(table, 0xff, 0x15)        // call [rip+__libc_start_main]
	a.op(0xf4)                     // hlt
}

// block keeps signals from the worker that are for the program: when a terminal or a
// cluster asks it to stop, it still has to read from the worker what it saves.
func (a *assembler) block() {
	const hangup, interrupt, quit, terminate = 1, 2, 3, 15
	mask := 1<<(hangup-1) | 1<<(interrupt-1) | 1<<(quit-1) | 1<<(terminate-1)
	a.op32(mask, 0xb8)           // mov eax, …
	a.op(0x50)                   // push rax
	a.op(0x31, 0xff)             // xor edi, edi: SIG_BLOCK
	a.op(0x48, 0x89, 0xe6)       // mov rsi, rsp
	a.op(0x31, 0xd2)             // xor edx, edx
	a.op32(8, 0x41, 0xba)        // mov r10d, 8: bytes of the mask
	a.op32(sysSigprocmask, 0xb8) // mov eax, …
	a.op(0x0f, 0x05, 0x58)       // syscall; pop rax
}

// share maps the shared memory and writes to it where it is, and two functions.
func (a *assembler) share(table int) {
	const readWrite, shared = 3, 1
	a.op(0x31, 0xff)                 // xor edi, edi: anywhere
	a.op32(size, 0xbe)               // mov esi, …
	a.op32(readWrite, 0xba)          // mov edx, …
	a.op32(shared, 0x41, 0xba)       // mov r10d, …
	a.op32(memoryFile, 0x41, 0xb8)   // mov r8d, …
	a.op(0x45, 0x31, 0xc9)           // xor r9d, r9d: from its beginning
	a.op32(sysMmap, 0xb8)            // mov eax, …
	a.op(0x0f, 0x05)                 // syscall
	a.op32(-4095, 0x48, 0x3d)        // cmp rax, -4095
	a.to("end", 0x0f, 0x83)          // jae end: it is an error
	a.op(0x48, 0x89, 0xc3)           // mov rbx, rax
	a.op(0x48, 0x89, 0x43, baseAt)   // mov [rbx+baseAt], rax
	a.at(table+8, 0x48, 0x8b, 0x05)  // mov rax, [rip+dlopen]
	a.op(0x48, 0x89, 0x43, openAt)   // mov [rbx+openAt], rax
	a.at(table+16, 0x48, 0x8b, 0x05) // mov rax, [rip+dlsym]
	a.op(0x48, 0x89, 0x43, symAt)    // mov [rbx+symAt], rax
}

// transfer reads or writes a byte of the shared memory through the socket.
func (a *assembler) transfer(call, at int) {
	a.op32(call, 0xb8)               // mov eax, …
	a.op32(socketFile, 0xbf)         // mov edi, …
	a.op(0x48, 0x8d, 0x73, byte(at)) // lea rsi, [rbx+at]
	a.op32(1, 0xba)                  // mov edx, 1
	a.op(0x0f, 0x05)                 // syscall
}

// call calls the function of the call at r13 with all its arguments, which a function
// that has fewer does not see, and keeps the result there. The stack is aligned: main
// was entered 8 bytes off, and has pushed 24.
func (a *assembler) call() {
	for i := MaxArgs - 7; i >= 0; i-- {
		a.op(0x41, 0xff, 0x75, byte(8*(toArgs+6+i))) // push qword [r13+…]
	}
	for i, register := range [][2]byte{
		{0x49, 0x7d}, {0x49, 0x75}, {0x49, 0x55}, {0x49, 0x4d}, {0x4d, 0x45}, {0x4d, 0x4d},
	} { // rdi, rsi, rdx, rcx, r8, r9
		a.op(register[0], 0x8b, register[1], byte(8*(toArgs+i))) // mov …, [r13+…]
	}
	a.op(0x31, 0xc0)                      // xor eax, eax: no argument is a floating-point number
	a.op(0x41, 0xff, 0x55, 0x00)          // call [r13]
	a.op(0x48, 0x83, 0xc4, 8*(MaxArgs-6)) // add rsp, 48
	a.op(0x49, 0x89, 0x45, 8*toDone)      // mov [r13+112], rax
}
