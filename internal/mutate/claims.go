package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// program is the command whose claims are judged, in the copy's root.
const program = "icar-mutate"

// claim is what is read of a claim in the document of icar reproduce --json.
type claim struct {
	ID   string `json:"id"`
	Pass bool   `json:"pass"`
}

// claimsFail reports whether all claims that the edit names fail in a copy
// that has been edited.
func (j judge) claimsFail(ctx context.Context, root string, e Edit) (bool, error) {
	claims, err := j.reproduce(ctx, root, experiments(e.Claims))
	if err != nil {
		return false, err
	}
	for _, pattern := range e.Claims {
		matching, err := matching(claims, pattern)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(matching, func(c claim) bool { return c.Pass }) {
			return false, nil
		}
	}
	return true, nil
}

// claimsHold demands that every claim that edits name is there and holds in a
// copy without an edit.
func (j judge) claimsHold(ctx context.Context, root string, edits []Edit) error {
	var patterns []string
	for _, e := range edits {
		patterns = append(patterns, e.Claims...)
	}
	if len(patterns) == 0 {
		return nil
	}
	claims, err := j.reproduce(ctx, root, experiments(patterns))
	if err != nil {
		return err
	}
	for _, pattern := range patterns {
		matching, err := matching(claims, pattern)
		if err != nil {
			return err
		}
		for _, c := range matching {
			if !c.Pass {
				return fmt.Errorf("the claim %s fails as it is: make it hold first", c.ID)
			}
		}
	}
	return nil
}

// matching are the claims whose ID matches a pattern: one at least.
func matching(claims []claim, pattern string) ([]claim, error) {
	var chosen []claim
	for _, c := range claims {
		switch ok, err := path.Match(pattern, c.ID); {
		case err != nil:
			return nil, fmt.Errorf("%w: the pattern %q: %w", errInvalid, pattern, err)
		case ok:
			chosen = append(chosen, c)
		}
	}
	if len(chosen) == 0 {
		return nil, fmt.Errorf("%w: no claim matches %q", errInvalid, pattern)
	}
	return chosen, nil
}

// experiments are those that claims belong to, each once.
func experiments(patterns []string) []string {
	var names []string
	for _, p := range patterns {
		name, _, _ := strings.Cut(p, "/")
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// reproduce builds the command in a copy and returns the claims of a quick run
// of some experiments. That some of them fail is no error.
func (j judge) reproduce(ctx context.Context, root string, names []string) ([]claim, error) {
	output, err := j.command(ctx, root, "go", "build", "-ldflags=-s -w", "-o", program, "./cmd/icar")
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return nil, fmt.Errorf("%w: ./cmd/icar does not compile: %s", errInvalid, oneLine(output))
	} else if err != nil {
		return nil, err
	}
	out, err := os.MkdirTemp(j.temp, "out")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(out)
	arguments := append([]string{"reproduce", "--seed", "3", "--json", "--out", out}, names...)
	output, err = j.command(ctx, root, filepath.Join(root, program), arguments...)
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == claimFailed) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: icar reproduce %s does not end: %w: %s",
			errInvalid, strings.Join(names, " "), err, lastLine(output))
	}
	data, err := os.ReadFile(filepath.Join(out, "claims.json"))
	if err != nil {
		return nil, err
	}
	var claims []claim
	return claims, json.Unmarshal(data, &claims)
}

// claimFailed is the exit code of icar reproduce when a claim fails.
const claimFailed = 1

// lastLine is where a program that gives up says why.
func lastLine(output []byte) string {
	lines := strings.Split(strings.TrimSpace(string(output)), "\n")
	return lines[len(lines)-1]
}
