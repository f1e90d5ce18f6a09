//go:build linux && amd64

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/internal/needs"
	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

// library is the folder with the libcuda.so.1 of testdata/fake.c, made once.
var library string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "icar-fake")
	if err != nil {
		panic(err)
	}
	library = folder
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// fake makes the fake the machine's driver, with a fault.
func fake(t *testing.T, fault string) {
	t.Helper()
	needs.Programs(t, "gcc", "gcc")
	file := filepath.Join(library, "libcuda.so.1")
	if _, err := os.Stat(file); err != nil {
		out, err := exec.Command("gcc", "-O1", "-w", "-shared", "-fPIC", "-o", file,
			"testdata/fake.c").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	t.Setenv("LD_LIBRARY_PATH", library)
	t.Setenv("ICAR_FAKE_CUDA", fault)
}

// open opens the fake's card for a test.
func open(t *testing.T, fault string) *Card {
	t.Helper()
	fake(t, fault)
	c, err := Open(t.Context(), foreign.Options{Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// text has the fake's kernels.
const text = `.version 7.0
.target sm_70
.address_size 64
.visible .entry fill( .param .u64 p, .param .u32 value,
	.param .u32 n ) { ret; }
.visible .entry add(.param .u64 p, .param .f32 value, .param .s32 n) { ret; }`

// kernels loads them.
func kernels(t *testing.T, c *Card) (fill, add device.Kernel) {
	t.Helper()
	m, err := c.Load(t.Context(), text, "fill", "add")
	if err != nil {
		t.Fatal(err)
	}
	return m.Kernels[0], m.Kernels[1]
}

// memory returns n numbers of the card.
func memory(t *testing.T, c *Card, n int) device.Pointer {
	t.Helper()
	p, err := c.Alloc(t.Context(), 4*n)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// on launches a kernel on n numbers at p.
func on(k device.Kernel, p device.Pointer, value, n int) device.Launch {
	return device.Launch{Kernel: k, Grid: [3]int{n/64 + 1, 2, 1}, Block: [3]int{64, 1, 1},
		Args: []device.Arg{device.Address(p, 0), device.Number(value), device.Number(n)}}
}

// numbers reads n numbers at p.
func numbers(t *testing.T, c *Card, p device.Pointer, n int) []uint32 {
	t.Helper()
	raw, x := make([]byte, 4*n), make([]uint32, n)
	if err := c.Read(t.Context(), raw, p); err != nil {
		t.Fatal(err)
	}
	if _, err := binary.Decode(raw, binary.LittleEndian, x); err != nil {
		t.Fatal(err)
	}
	return x
}

// A card says what it is, as the library tells it.
func TestProperties(t *testing.T) {
	want := device.Properties{Name: "Fake 9000", Memory: 1 << 30, SharedPerBlock: 227 << 10,
		Multiprocessors: 3, Capability: [2]int{9, 0}, Driver: "CUDA 12.4"}
	if got := open(t, "").Properties(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Why there is no card is one line.
func TestWhyThereIsNoCard(t *testing.T) {
	for fault, want := range map[string]string{
		"nodevice": "the NVIDIA driver finds no card: see nvidia-smi, and CUDA_VISIBLE_DEVICES",
		"old": "the card, Fake 9000, is too old: it has compute capability 6.1, " +
			"and the kernels need 7.0",
	} {
		fake(t, fault)
		_, err := Open(t.Context(), foreign.Options{})
		if err == nil || err.Error() != want ||
			errors.Is(err, device.ErrAbsent) != (fault == "nodevice") {
			t.Errorf("%s: %v, want %s", fault, err, want)
		}
	}
	fake(t, "")
	empty := t.TempDir()
	t.Setenv("LD_LIBRARY_PATH", empty)
	if _, err := os.Stat("/dev/nvidiactl"); err != nil {
		_, err := Open(t.Context(), foreign.Options{})
		const want = "there is no NVIDIA driver: libcuda.so.1: cannot open shared object file"
		if err == nil || !strings.HasPrefix(err.Error(), want) ||
			!errors.Is(err, device.ErrAbsent) {
			t.Errorf("without the library: %v, want %s", err, want)
		}
	}
	out, err := exec.Command("gcc", "-shared", "-o", filepath.Join(empty, "libcuda.so.1"),
		"-DcuInit=cuBegin", "-w", "-fPIC", "testdata/fake.c").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	const want = "the NVIDIA driver is too old: there is no function cuInit"
	if _, err := Open(t.Context(), foreign.Options{}); err == nil || err.Error() != want {
		t.Errorf("without a function: %v, want %s", err, want)
	}
}

// What is written is read again, also what needs several copies and what lies inside an
// allocation; bytes outside of one are refused.
func TestCopies(t *testing.T) {
	c := open(t, "")
	const n = (room + 123) / 4
	p := memory(t, c, n)
	data := make([]byte, 4*n)
	for i := range data {
		data[i] = byte(i * i >> 7)
	}
	back := make([]byte, len(data))
	if err := errors.Join(c.Write(t.Context(), p, data),
		c.Write(t.Context(), p+8, []byte{1, 2, 3}), c.Read(t.Context(), back, p)); err != nil {
		t.Fatal(err)
	}
	copy(data[8:], []byte{1, 2, 3})
	if !slices.Equal(back, data) {
		t.Error("other bytes come back")
	}
	for i, bad := range []error{c.Read(t.Context(), back, p+1), c.Write(t.Context(), p-1, back[:1]),
		c.Read(t.Context(), back[:1], 0), c.Free(t.Context(), p+8)} {
		if bad == nil {
			t.Errorf("access %d of those outside of memory is taken", i)
		}
	}
	if err := c.Free(t.Context(), p); err != nil {
		t.Error(err)
	}
	if c.Free(t.Context(), p) == nil || c.Write(t.Context(), p, back[:1]) == nil {
		t.Error("memory that was released is used")
	}
}

// Launches are done in order, more of them than a list holds, and a copy sees what was
// launched before it.
func TestLaunchesAreInOrder(t *testing.T) {
	c := open(t, "")
	fill, add := kernels(t, c)
	const n = 100
	p := memory(t, c, n)
	work := []device.Launch{on(fill, p, 5, n)}
	for i := range foreign.MaxCalls + 10 {
		work = append(work, on(add, p, i%3, n/2))
	}
	if err := c.Launch(t.Context(), work); err != nil {
		t.Fatal(err)
	}
	x, sum := numbers(t, c, p, n), uint32(5)
	for i := range foreign.MaxCalls + 10 {
		sum += uint32(i % 3)
	}
	if x[0] != sum || x[n/2-1] != sum || x[n/2] != 5 || x[n-1] != 5 {
		t.Errorf("%d … %d, %d … %d, want %d and 5", x[0], x[n/2-1], x[n/2], x[n-1], sum)
	}
}

// Recorded work runs as often as is asked, not while it is recorded, and no more once it
// is forgotten.
func TestRecordedWork(t *testing.T) {
	c := open(t, "")
	fill, add := kernels(t, c)
	p := memory(t, c, 3)
	if err := c.Launch(t.Context(), []device.Launch{on(fill, p, 1, 3)}); err != nil {
		t.Fatal(err)
	}
	g, err := c.Record(t.Context(), []device.Launch{on(add, p, 2, 3), on(add, p, 1, 1)})
	if err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 3); fmt.Sprint(x) != "[1 1 1]" {
		t.Errorf("after the recording %v", x)
	}
	if err := c.Replay(t.Context(), g, ahead+1); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 3); fmt.Sprint(x) != "[3004 2003 2003]" {
		t.Errorf("after %d replays %v", ahead+1, x)
	}
	if err := c.Forget(t.Context(), g); err != nil {
		t.Fatal(err)
	}
	if c.Replay(t.Context(), g, 1) == nil || c.Forget(t.Context(), g) == nil {
		t.Error("what was forgotten is replayed")
	}
}

// What the library would crash at, or refuse without a reason, is refused with one; the
// card goes on.
func TestLaunchesAreChecked(t *testing.T) {
	c := open(t, "small")
	fill, add := kernels(t, c)
	p := memory(t, c, 64)
	for want, change := range map[string]func(*device.Launch){
		"there is no kernel 0x63":             func(l *device.Launch) { l.Kernel = 99 },
		"parameters of [8 4 4] bytes, and is": func(l *device.Launch) { l.Args = l.Args[:2] },
		"and is given [8 8 4]":                func(l *device.Launch) { l.Args[1].Size = 8 },
		"blocks of [1025 1 1] threads":        func(l *device.Launch) { l.Block[0] = 1025 },
		"launched on [0 2 1] blocks":          func(l *device.Launch) { l.Grid[0] = 0 },
		"a block of the card, Fake 9000, has": func(l *device.Launch) { l.Shared = 48<<10 + 1 },
	} {
		l := on(add, p, 1, 64)
		change(&l)
		err := c.Launch(t.Context(), []device.Launch{on(fill, p, 7, 64), l})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if _, err := c.Record(t.Context(), []device.Launch{l}); err == nil {
			t.Errorf("%s: it is recorded", want)
		}
	}
	if err := c.Launch(t.Context(), []device.Launch{on(fill, p, 4, 64)}); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 64); x[63] != 4 {
		t.Errorf("after refusals %v", x)
	}
}

// A kernel may have more shared memory than every one has when it asks for it.
func TestSharedMemoryIsAskedFor(t *testing.T) {
	c := open(t, "")
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	for _, shared := range []int{200 << 10, 49 << 10} {
		l := on(fill, p, shared, 1)
		l.Shared = shared
		if err := c.Launch(t.Context(), []device.Launch{l}); err != nil {
			t.Fatal(err)
		}
		if x := numbers(t, c, p, 1); x[0] != uint32(shared) {
			t.Errorf("%d bytes of shared memory: %v", shared, x)
		}
	}
}

// A failure while work is recorded leaves a stream that works.
func TestRecordingThatFails(t *testing.T) {
	c := open(t, "")
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	l := on(fill, p, 9, 1)
	bad := l
	bad.Grid[0], bad.Block[0], bad.Args = 1, 1, slices.Clone(l.Args)
	bad.Args[2] = device.Number(50) // which the fake refuses
	var failed code
	if _, err := c.Record(t.Context(), []device.Launch{l, bad}); !errors.As(err, &failed) ||
		failed.Error() != "cuLaunchKernel: error 1, which it does not explain" {
		t.Errorf("the error is %v", err)
	}
	if err := c.Launch(t.Context(), []device.Launch{l}); err != nil {
		t.Fatal(err)
	}
	if x := numbers(t, c, p, 1); x[0] != 9 {
		t.Errorf("afterwards %v", x)
	}
}

// A text that does not compile is an error with what the compiler says, in one line.
func TestWhatDoesNotCompile(t *testing.T) {
	c := open(t, "")
	const want = "the NVIDIA driver cannot compile the kernels: cuModuleLoadDataEx: error 218, " +
		"a PTX JIT compilation failed: ptxas application ptx input, line 3; error : " +
		"Unknown symbol 'nonsense'"
	if _, err := c.Load(t.Context(), text+"nonsense", "fill"); err == nil || err.Error() != want {
		t.Errorf("%v, want\n%s", err, want)
	}
	for _, bad := range []struct{ text, entry string }{
		{text, "missing"}, {text + "\x00", "fill"},
		{text + strings.Repeat(" ", foreign.MemorySize), "fill"},
		{".entry f(.param .u16 x) {}", "f"}, {".entry other() { ret; }", "other"},
	} {
		if _, err := c.Load(t.Context(), bad.text, bad.entry); err == nil {
			t.Errorf("the kernel %s of %.30q is loaded", bad.entry, bad.text)
		}
	}
	m, err := c.Load(t.Context(), text, "add")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Unload(t.Context(), m); err != nil {
		t.Error(err)
	}
	l := on(m.Kernels[0], memory(t, c, 1), 1, 1)
	if c.Unload(t.Context(), m) == nil || c.Launch(t.Context(), []device.Launch{l}) == nil {
		t.Error("a module that was released is used")
	}
}

// A card whose memory is full says how much is free; what fits still does.
func TestFullMemory(t *testing.T) {
	c := open(t, "full")
	memory(t, c, 1<<17)
	const want = "the memory of the card, Fake 9000, is full: 3 MiB were asked for, " +
		"and 0 of 1 are free"
	if _, err := c.Alloc(t.Context(), 3<<20); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	if _, err := c.Alloc(t.Context(), 0); err == nil {
		t.Error("no bytes are memory")
	}
	memory(t, c, 1000)
}

// A driver that hangs, crashes, ends or gives up is lost, in one line that says how, and
// stays so; this program goes on.
func TestLost(t *testing.T) {
	for fault, want := range map[string]string{
		"hang": "the device is lost: the NVIDIA driver: it has not answered for 1s, and was ended",
		"crash": "the device is lost: the NVIDIA driver: its process has ended: " +
			"signal: aborted: fake: NVRM: the driver has met a fault",
		"end": "the device is lost: the NVIDIA driver: its process has ended: exit status 9",
		"lost": "the device is lost: the NVIDIA driver has given up: " +
			"cuLaunchKernel: error 719, unspecified launch failure",
	} {
		c := open(t, fault)
		fill, _ := kernels(t, c)
		p := memory(t, c, 1)
		l := on(fill, p, 1, 1)
		err := c.Launch(t.Context(), []device.Launch{l, l, l, l})
		if !errors.Is(err, device.ErrLost) || err.Error() != want {
			t.Errorf("%s: %v, want %s", fault, err, want)
		}
		for _, err := range []error{c.Launch(t.Context(), []device.Launch{l}),
			c.Read(t.Context(), make([]byte, 4), p), c.Free(t.Context(), p)} {
			if !errors.Is(err, device.ErrLost) {
				t.Errorf("%s: then %v", fault, err)
			}
		}
		if err := c.Close(); err != nil {
			t.Errorf("%s: closed: %v", fault, err)
		}
	}
}

// A context that is done ends every call with its cause, and costs nothing.
func TestCancelled(t *testing.T) {
	c := open(t, "")
	fill, _ := kernels(t, c)
	p := memory(t, c, 1)
	l := []device.Launch{on(fill, p, 1, 1)}
	g, err := c.Record(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	cause := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(cause)
	_, load := c.Load(ctx, text, "fill")
	_, alloc := c.Alloc(ctx, 4)
	_, record := c.Record(ctx, l)
	for i, err := range []error{load, alloc, record, c.Launch(ctx, l), c.Replay(ctx, g, 1),
		c.Forget(ctx, g), c.Read(ctx, make([]byte, 4), p), c.Write(ctx, p, make([]byte, 4)),
		c.Free(ctx, p)} {
		if !errors.Is(err, cause) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if err := c.Launch(t.Context(), l); err != nil || numbers(t, c, p, 1)[0] != 1 {
		t.Errorf("afterwards %v", err)
	}
}
