package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"icar/internal/needs"
)

// TestCommittedAssemblyIsTheGenerators compares what `go generate ./nn/kernel`
// would write with what is there.
func TestCommittedAssemblyIsTheGenerators(t *testing.T) {
	assembly, stubs := everything()
	for name, want := range map[string]string{"vector_arm64.s": assembly, "stubs_arm64.go": stubs} {
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s is not what the generator writes: run `go generate ./nn/kernel`", name)
		}
	}
}

// TestWrite checks that both files are written where they are asked for.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "a.s"), filepath.Join(dir, "b.go")}
	if err := write(files); err != nil {
		t.Fatal(err)
	}
	assembly, stubs := everything()
	for i, want := range []string{assembly, stubs} {
		if got, err := os.ReadFile(files[i]); err != nil || string(got) != want {
			t.Errorf("%s: %d bytes, %v; want %d", files[i], len(got), err, len(want))
		}
	}
	if err := write(files[:1]); err == nil || !strings.Contains(err.Error(), "1 arguments") {
		t.Errorf("one argument gives %v", err)
	}
}

// TestNumbersAreTheInstructions disassembles every instruction that is written
// as a number and compares it with the comment behind it.
func TestNumbersAreTheInstructions(t *testing.T) {
	const objdump = "aarch64-linux-gnu-objdump"
	needs.Programs(t, "binutils-aarch64-linux-gnu", objdump)
	assembly, _ := everything()
	var comments []string
	var code []byte
	seen := map[string]bool{}
	written := regexp.MustCompile(`WORD \$(0x[0-9a-f]{8}) // (.*)`)
	for _, m := range written.FindAllStringSubmatch(assembly, -1) {
		word, err := strconv.ParseUint(m[1], 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(m[2], " ")
		seen[name] = true
		comments = append(comments, m[2])
		code = binary.LittleEndian.AppendUint32(code, uint32(word))
	}
	for name := range codes {
		if !seen[name] {
			t.Errorf("no kernel uses %s", name)
		}
	}
	got, err := disassemble(t, objdump, code)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(comments) || strings.Count(assembly, "WORD") != len(comments) {
		t.Fatalf("%d instructions, %d comments on %d numbers", len(got), len(comments),
			strings.Count(assembly, "WORD"))
	}
	for i, want := range comments {
		if got[i] != want {
			t.Errorf("%#08x is %s, the comment says %s",
				binary.LittleEndian.Uint32(code[4*i:]), got[i], want)
		}
	}
}

// disassemble returns the instructions of code as objdump writes them.
func disassemble(t *testing.T, objdump string, code []byte) ([]string, error) {
	file := filepath.Join(t.TempDir(), "code")
	if err := os.WriteFile(file, code, 0o600); err != nil {
		return nil, err
	}
	out, err := exec.Command(objdump, "-D", "-z", "-b", "binary", "-m", "aarch64", file).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: %s", err, exit.Stderr)
	}
	var list []string
	for line := range strings.Lines(string(out)) {
		// address, code and instruction are set apart by tabs.
		if part := strings.SplitN(strings.TrimSpace(line), "\t", 3); len(part) == 3 {
			list = append(list, strings.ReplaceAll(part[2], "\t", " "))
		}
	}
	return list, err
}
