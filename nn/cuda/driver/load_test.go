//go:build linux && amd64

package driver

import (
	"strings"
	"testing"

	"icar/nn/cuda/device"
	"icar/nn/cuda/foreign"
)

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

// What the compiler has said about another text is no part of a later error.
func TestErrorsHaveNoOldLog(t *testing.T) {
	c := open(t, "")
	for range 8 { // for which the fake has room
		kernels(t, c)
	}
	if _, err := c.Load(t.Context(), text+"nonsense", "fill"); err == nil {
		t.Fatal("nonsense is loaded")
	}
	const want = "the NVIDIA driver cannot compile the kernels: cuModuleLoadDataEx: error 2, " +
		"out of memory"
	if _, err := c.Load(t.Context(), text, "fill"); err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
