package experiment

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"

	"icar/internal/budget"
	"icar/outcome"
	"icar/run"
)

// keeper keeps the results of trials in a folder as they finish, and finds
// them again. Those of another program are another folder's: other code may
// give other results.
//
//	FOLDER/PROGRAM/TRIAL.json  the result of a trial, see kept
//	FOLDER/PROGRAM/TRIAL/      what a trial at work goes on from, see Env
type keeper struct {
	folder string // FOLDER/PROGRAM
	env    Env
	found  *atomic.Int32 // results that were there
}

// kept is the file of a result.
type kept struct {
	Version  int             `json:"version"`
	Checksum string          `json:"checksum"` // SHA-256 of the result's bytes in hex
	Result   json.RawMessage `json:"result"`   // a Result
}

// newKeeper returns the keeper of this program in folder; nil for "".
func newKeeper(folder string, m Env) (*keeper, error) {
	if folder == "" {
		return nil, nil
	}
	name, err := run.Program()
	if err != nil {
		return nil, err
	}
	k := &keeper{folder: filepath.Join(folder, name), env: m, found: new(atomic.Int32)}
	return k, os.MkdirAll(k.folder, 0o777)
}

func (k *keeper) path(t outcome.Trial) string { return filepath.Join(k.folder, t.ID) }

// run returns the kept result of a trial, or runs it and keeps what it found.
func (k *keeper) run(ctx context.Context, e Experiment, t outcome.Trial) (outcome.Result, error) {
	r, err := k.read(t)
	if err == nil {
		k.found.Add(1)
		return r, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		k.env.Notice(fmt.Sprintf("%s.json %v: the trial is run again", k.path(t), err))
	}
	m := k.env
	m.Directory = k.path(t)
	if r, err = e.Run(ctx, t, m); err != nil {
		return r, err
	}
	if err := k.write(r); err != nil {
		return r, err
	}
	return r, os.RemoveAll(m.Directory)
}

func (k *keeper) read(t outcome.Trial) (outcome.Result, error) {
	var r outcome.Result
	data, err := budget.ReadFile(k.path(t)+".json", budget.Found().Bytes)
	if err != nil {
		return r, err
	}
	var file kept
	if err := decode(data, &file); err != nil {
		return r, fmt.Errorf("is damaged: %w", err)
	}
	if file.Version != outcome.DocumentVersion || file.Checksum != digest(file.Result) {
		return r, errors.New("is damaged: its content does not match its checksum")
	}
	if err := decode(file.Result, &r); err != nil {
		return r, fmt.Errorf("is damaged: %w", err)
	}
	if r.Trial.ID != t.ID || !bytes.Equal(r.Trial.Config, t.Config) {
		return r, errors.New("is of another trial")
	}
	return r, nil
}

func (k *keeper) write(r outcome.Result) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	file, err := json.Marshal(kept{outcome.DocumentVersion, digest(data), data})
	if err != nil {
		return err
	}
	return run.WriteFile(k.path(r.Trial)+".json",
		func(w io.Writer) error { _, err := w.Write(file); return err })
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Forget removes what was kept of trials in a folder, once their outcome is
// saved, of this program and of others. Folders left empty go too.
func Forget(folder string, trials []outcome.Trial) error {
	programs, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, p := range programs {
		for _, t := range trials {
			path := filepath.Join(folder, p.Name(), t.ID)
			err = errors.Join(err, os.RemoveAll(path), run.RemoveFile(path+".json"))
		}
		removeEmpty(filepath.Join(folder, p.Name()))
	}
	removeEmpty(folder)
	return err
}

// removeEmpty removes a folder if nothing is in it.
func removeEmpty(folder string) { _ = os.Remove(folder) }
