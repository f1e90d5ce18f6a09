package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"rsc.io/script"
	"rsc.io/script/scripttest"
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
			want, err := strconv.Atoi(args[0])
			if err != nil {
				return nil, script.ErrUsage
			}
			c := exec.CommandContext(s.Context(), binary, args[1:]...)
			c.Dir, c.Env = s.Getwd(), append(s.Environ(), runAsCommand+"=1")
			var stdout, stderr bytes.Buffer
			c.Stdout, c.Stderr = &stdout, &stderr
			err = c.Run()
			var exit *exec.ExitError
			if err != nil && !errors.As(err, &exit) {
				return nil, err
			}
			return func(*script.State) (string, string, error) {
				if got := c.ProcessState.ExitCode(); got != want {
					return stdout.String(), stderr.String(), fmt.Errorf("exit code %d, want %d", got, want)
				}
				return stdout.String(), stderr.String(), nil
			}, nil
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
