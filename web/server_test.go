package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"icar/run"
	"icar/train"
)

// started is a server on the loopback interface with one small run.
type started struct {
	url, runs string
	stop      func()
	server    *Server
}

func start(t *testing.T, o Options) started {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Address == "" {
		o.Address = "127.0.0.1:0"
	}
	s, err := Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	}
	t.Cleanup(stop)
	return started{url: strings.TrimSuffix(s.URL(), "/"), runs: o.Runs, stop: stop, server: s}
}

// trainRun writes a small run. It calls observe after every step.
func trainRun(t *testing.T, path string, epochs int, observe func(run.Metric)) {
	t.Helper()
	if err := training(t.Context(), path, epochs, observe); err != nil {
		t.Fatal(err)
	}
}

func training(ctx context.Context, path string, epochs int, observe func(run.Metric)) error {
	c := train.DefaultConfig()
	c.D, c.Length, c.Train, c.Test, c.Batch, c.Epochs, c.EvalEvery = 2, 6, 128, 32, 32, epochs, 4
	c, err := c.Resolve()
	if err != nil {
		return err
	}
	dir, err := run.Create(path, c.YAML(), run.NewInfo(c.Seed, "go"))
	if err != nil {
		return err
	}
	_, _, err = train.Train(ctx, c, train.Options{Dir: dir, Observe: observe})
	return errors.Join(err, dir.Close())
}

func withRun(t *testing.T) started {
	runs := t.TempDir()
	trainRun(t, filepath.Join(runs, "first"), 2, nil)
	return start(t, Options{Runs: runs, Outcome: filepath.Join(runs, "none")})
}

// get returns the status and body of an answer.
func get(t *testing.T, request *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}
