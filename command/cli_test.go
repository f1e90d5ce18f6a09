package command

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/sbinet/npyio"
	"gonum.org/v1/gonum/mat"
	"rsc.io/script"
	"rsc.io/script/scripttest"

	"icar/nn/safetensors"
	"icar/papers/sander2024"
)

// runAsCommand makes the test binary behave as icar itself.
const runAsCommand = "ICAR_TEST_RUNS_THE_COMMAND"

// crashes makes it panic in a goroutine of its own, as a command with a fault
// would: nothing can recover that.
const crashes = "ICAR_TEST_CRASHES"

func TestMain(m *testing.M) {
	if os.Getenv(crashes) != "" {
		go panic("a fault")
		select {}
	}
	if os.Getenv(runAsCommand) != "" {
		os.Exit(icarMain(os.Args[1:], os.Stdout, os.Stderr))
	}
	flag.Parse()
	if f := flag.Lookup("test.parallel"); f.Value.String() == f.DefValue {
		// Most tests wait for other processes half of the time.
		_ = f.Value.Set(strconv.Itoa(2 * runtime.GOMAXPROCS(0))) // it is a number
	}
	os.Exit(m.Run())
}

// icarMain is the command as cmd/icar has it.
func icarMain(args []string, stdout, stderr io.Writer) int {
	return Main(args, stdout, stderr, WithExperiments(sander2024.All()...), withTestCard)
}

// TestScripts runs the scripts in testdata. `icar CODE ARGS...` runs the
// command in a process of its own and expects it to exit with CODE.
func TestScripts(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	engine := &script.Engine{Cmds: scripttest.DefaultCmds(), Conds: scripttest.DefaultConds()}
	engine.Cmds["icar"] = script.Command(script.CmdUsage{Summary: "run icar and expect an exit code",
		Args: "code [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			return runIcar(s, binary, args, func(*os.Process) error { return nil })
		})
	another := sync.OnceValues(func() (string, error) { return anotherProgram(t, binary) })
	engine.Cmds["other"] = script.Command(script.CmdUsage{Summary: "run another program, which " +
		"does what icar does, and expect an exit code", Args: "code [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			path, err := another()
			if err != nil {
				return nil, err
			}
			return runIcar(s, path, args, func(*os.Process) error { return nil })
		})
	engine.Cmds["interrupt"] = script.Command(script.CmdUsage{
		Summary: "run icar, send it an interrupt once a file has content and expect an exit code",
		Args:    "file code [args...]"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			return runIcar(s, binary, args[1:],
				func(p *os.Process) error { return interruptOnce(s, args[0], p) })
		})
	engine.Cmds["damage"] = script.Command(script.CmdUsage{Summary: "copy a safetensors file with " +
		"a fault", Args: "fault from to"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			data, err := os.ReadFile(s.Path(args[1]))
			if err != nil {
				return nil, err
			}
			return nil, os.WriteFile(s.Path(args[2]), faults[args[0]](data), 0o644)
		})
	engine.Cmds["npy"] = script.Command(script.CmdUsage{Summary: "write an array of 1, 1/2, 1/3, " +
		"…, the given one NaN, as .npy", Args: "file rows columns nan"},
		func(s *script.State, args ...string) (script.WaitFunc, error) {
			return nil, writeNPY(s.Path(args[0]), args[1:])
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

// anotherProgram copies the program and adds a byte at its end, which nothing
// reads but whoever asks which program it is.
func anotherProgram(t *testing.T, binary string) (string, error) {
	data, err := os.ReadFile(binary)
	path := filepath.Join(t.TempDir(), "icar")
	return path, errors.Join(err, os.WriteFile(path, append(data, 0), 0o755))
}

// stderrFile is where a script finds what icar has said so far.
const stderrFile = "stderr.txt"

// runIcar runs icar with args[1:], calls during while it runs, and expects it
// to exit with the code args[0].
func runIcar(s *script.State, binary string, args []string,
	during func(*os.Process) error) (script.WaitFunc, error) {
	want, err := strconv.Atoi(args[0])
	if err != nil {
		return nil, script.ErrUsage
	}
	c := exec.CommandContext(s.Context(), binary, args[1:]...)
	c.Dir, c.Env = s.Getwd(), append(s.Environ(), runAsCommand+"=1")
	var stdout, stderr bytes.Buffer
	file, err := os.Create(s.Path(stderrFile))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	c.Stdout, c.Stderr = &stdout, io.MultiWriter(&stderr, file)
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

// writeNPY writes rows by columns numbers, a vector for 0 columns.
func writeNPY(path string, args []string) error {
	var sizes [3]int
	for i := range sizes {
		var err error
		if sizes[i], err = strconv.Atoi(args[i]); err != nil {
			return script.ErrUsage
		}
	}
	numbers := make([]float64, sizes[0]*max(1, sizes[1]))
	for i := range numbers {
		numbers[i] = 1 / float64(i+1)
		if i == sizes[2] {
			numbers[i] = math.NaN()
		}
	}
	var content any = numbers
	if sizes[1] > 0 {
		content = mat.NewDense(sizes[0], sizes[1], numbers)
	}
	var file bytes.Buffer
	return errors.Join(npyio.Write(&file, content), os.WriteFile(path, file.Bytes(), 0o644))
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
