package cli

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"rsc.io/script"
	"rsc.io/script/scripttest"

	"icar/nn/safetensors"
)

// runAsCommand makes the test binary behave as icar itself.
const runAsCommand = "ICAR_TEST_RUNS_THE_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(runAsCommand) != "" {
		os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// TestScripts runs the scripts in testdata. `icar CODE ARGS...` runs the
// command in a process of its own and expects it to exit with CODE.
func TestScripts(t *testing.T) {
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	engine := &script.Engine{Cmds: scripttest.DefaultCmds(), Conds: scripttest.DefaultConds()}
	engine.Cmds["icar"] = script.Command(script.CmdUsage{Summary: "run icar and expect an exit code", Args: "code [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			return runIcar(s, binary, args, func(*os.Process) error { return nil })
		})
	engine.Cmds["interrupt"] = script.Command(script.CmdUsage{
		Summary: "run icar, send it an interrupt once a file has content and expect an exit code", Args: "file code [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			return runIcar(s, binary, args[1:], func(p *os.Process) error { return interruptOnce(s, args[0], p) })
		})
	engine.Cmds["damage"] = script.Command(script.CmdUsage{Summary: "copy a safetensors file with a fault", Args: "fault from to"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			data, err := os.ReadFile(s.Path(args[1]))
			if err != nil {
				return nil, err
			}
			return nil, os.WriteFile(s.Path(args[2]), faults[args[0]](data), 0o644)
		})
	// One line on stderr, as every error has to be.
	engine.Cmds["oneline"] = script.Command(script.CmdUsage{Summary: "expect one line on stderr"},
		func(s *script.State, _ ...string) (script.WaitFunc, error) {
			if n := bytes.Count([]byte(s.Stderr()), []byte("\n")); n != 1 {
				return nil, fmt.Errorf("%d lines on stderr:\n%s", n, s.Stderr())
			}
			return nil, nil
		})
	scripttest.Test(t, context.Background(), engine, os.Environ(), "testdata/*.txt")
}

// runIcar runs icar with args[1:], calls during while it runs, and expects it
// to exit with the code args[0].
func runIcar(s *script.State, binary string, args []string, during func(*os.Process) error) (script.WaitFunc, error) {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, script.ErrUsage
	}
	c := exec.CommandContext(s.Context(), binary, args[1:]...)
	c.Dir, c.Env = s.Getwd(), append(s.Environ(), runAsCommand+"=1")
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	if err := c.Start(); err != nil {
		return nil, err
	}
	err = during(c.Process)
	var exit *exec.ExitError
	if waiting := c.Wait(); waiting != nil && !errors.As(waiting, &exit) {
		err = errors.Join(err, waiting)
	}
	if err != nil {
		return nil, err
	}
	return func(*script.State) (string, string, error) {
		if got := c.ProcessState.ExitCode(); got != want {
			return stdout.String(), stderr.String(), fmt.Errorf("exit code %d, want %d", got, want)
		}
		return stdout.String(), stderr.String(), nil
	}, nil
}

// interruptOnce sends an interrupt to p once the file has content.
func interruptOnce(s *script.State, file string, p *os.Process) error {
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
		if info, err := os.Stat(s.Path(file)); err == nil && info.Size() > 0 {
			return p.Signal(os.Interrupt)
		}
	}
	return errors.Join(fmt.Errorf("%s has no content after a minute", file), p.Kill())
}

// faults of a safetensors file: 8 bytes with the length of the header, the
// header, the data.
var faults = map[string]func([]byte) []byte{
	"truncated":      func(b []byte) []byte { return b[:len(b)-10] },
	"stump":          func(b []byte) []byte { return b[:5] },
	"flipped-header": func(b []byte) []byte { b[100] ^= 1; return b },
	"flipped-data":   func(b []byte) []byte { b[len(b)-1] ^= 1; return b },
	"claim":          func(b []byte) []byte { binary.LittleEndian.PutUint64(b, 1<<60); return b },
	"nan":            weightsWithNaN,
}

// weightsWithNaN returns the weights of a checkpoint as a plain file, with a
// NaN at the end of the last one.
func weightsWithNaN(checkpoint []byte) []byte {
	f, err := safetensors.Read(bytes.NewReader(checkpoint), int64(len(checkpoint)))
	if err != nil {
		panic(err)
	}
	f.Metadata = nil
	f.Tensors = slices.DeleteFunc(f.Tensors, func(t safetensors.Tensor) bool {
		return t.Name == "step" || strings.Contains(t.Name, "/")
	})
	last := f.Tensors[len(f.Tensors)-1].Data
	binary.LittleEndian.PutUint32(last[len(last)-4:], 0x7fc00000)
	var out bytes.Buffer
	if err := safetensors.Write(&out, f); err != nil {
		panic(err)
	}
	return out.Bytes()
}
