package site

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// program is what a browser computes with.
const program = "icar/web/wasm"

// ErrToolchain is in the error of Compile about a Go that is not there, or has no source.
var ErrToolchain = errors.New("the part of the page that computes cannot be compiled")

// Compile compiles package web for a browser, with the go command and from the source of
// the module in the working folder: icar itself, or one that requires it. The error says
// what is missing, an ErrToolchain, or what the compiler says.
func Compile(ctx context.Context) (c Compiled, err error) {
	if _, err := exec.LookPath("go"); err != nil {
		return c, fmt.Errorf("%w: there is no go command; install Go from https://go.dev/dl",
			ErrToolchain)
	}
	if _, err := output(ctx, forBrowser(), "list", program); err != nil {
		return c, fmt.Errorf("%w: its source, package %s, is not to be found from here; run "+
			"go run ./cmd/icar site DIR in a clone of icar", ErrToolchain, program)
	}
	root, err := output(ctx, nil, "env", "GOROOT")
	if err != nil {
		return c, err
	}
	// It comes with the Go that compiles: the two have to fit each other.
	glue := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", goFile)
	if c.Go, err = os.ReadFile(glue); err != nil {
		return c, fmt.Errorf("%w: this Go has no %s; install Go from https://go.dev/dl",
			ErrToolchain, glue)
	}
	folder, err := os.MkdirTemp("", "icar-site-")
	if err != nil {
		return c, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	to := filepath.Join(folder, "icar.wasm")
	args := append([]string{"build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", to},
		inlining()...)
	if _, err := output(ctx, forBrowser(), append(args, program)...); err != nil {
		return c, err
	}
	c.Code, err = os.ReadFile(to)
	return c, err
}

// inlining leaves functions where they are but for the packages that compute pictures: a
// tenth less to load.
func inlining() []string {
	flags := []string{"-gcflags=all=-l"}
	for _, computes := range []string{"icar/ar", "icar/theory", "icar/estimator",
		"gonum.org/v1/gonum/..."} {
		flags = append(flags, "-gcflags="+computes+"=")
	}
	return flags
}

// forBrowser is the environment in which Go compiles for a browser.
func forBrowser() []string { return []string{"GOOS=js", "GOARCH=wasm"} }

// output returns what the go command prints.
func output(ctx context.Context, environment []string, args ...string) ([]byte, error) {
	command := exec.CommandContext(ctx, "go", args...)
	command.Env = append(os.Environ(), environment...)
	var said bytes.Buffer
	command.Stderr = &said
	out, err := command.Output()
	if err != nil {
		first, _, _ := strings.Cut(strings.TrimSpace(said.String()), "\n")
		return nil, fmt.Errorf("go %s: %w: %s", args[0], err, first)
	}
	return out, nil
}
