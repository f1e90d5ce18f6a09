//go:build linux && amd64

package driver

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
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
func fake(t testing.TB, fault string) {
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
	var o foreign.Options
	if fault == "hang" { // else no machine is too slow
		o.Patience = 2 * time.Second
	}
	c, err := Open(t.Context(), o)
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
	const want = "the NVIDIA driver is too old, install one of CUDA 11.4 or later: there is no " +
		"function cuInit"
	if _, err := Open(t.Context(), foreign.Options{}); err == nil || err.Error() != want {
		t.Errorf("without a function: %v, want %s", err, want)
	}
}

// A driver that hangs, crashes, ends or gives up is lost, in one line that says how, and
// stays so; this program goes on.
func TestLost(t *testing.T) {
	for fault, want := range map[string]string{
		"hang": "the device is lost: the NVIDIA driver: it has not answered for 2s, and was ended",
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
