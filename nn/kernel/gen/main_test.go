package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestCommittedAssemblyIsTheGenerators runs `go generate ./nn/kernel` into
// another folder and compares.
func TestCommittedAssemblyIsTheGenerators(t *testing.T) {
	dir := t.TempDir()
	const assembly, stubs = "vector_amd64.s", "stubs_amd64.go"
	// As in the go:generate line of package kernel: the assembly's header
	// quotes its command.
	generate := exec.Command("go", "run", "./gen", "-out", filepath.Join(dir, assembly), "-stubs",
		filepath.Join(dir, stubs), "-pkg", "kernel")
	generate.Dir = ".."
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, name := range []string{assembly, stubs} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join("..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(body(got), body(want)) {
			t.Errorf("%s is not what the generator writes: run `go generate ./nn/kernel`", name)
		}
	}
}

// body is a generated file without its first line, which quotes the command.
func body(file []byte) []byte {
	_, rest, _ := bytes.Cut(file, []byte("\n"))
	return rest
}
