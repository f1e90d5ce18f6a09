//go:build unix

package sweep_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"

	"icar/internal/budget"
	"icar/nn/safetensors"
)

// another is the identity of a program that nobody has.
const another = "fedcba9876543210"

// changeProgram kills a worker in its trial and has another program have left what
// it left: whole, with checksums that are right, and with other numbers, so that
// whoever goes on with it gets another result than a calm run.
func (w *world) changeProgram() {
	if len(w.held) == 0 {
		w.claim()
	}
	c, ok := w.take()
	if !ok {
		return
	}
	_, _, err := w.do(c, 4+w.IntN(20))
	dir := w.attempts().Path(c)
	left := disguise(dir)
	w.note("kill %s under epoch %d (%v) and leave %s to another program: %v", c.ID, c.Epoch, err,
		dir, left)
}

// disguise makes a run another program's, which has found other weights and
// losses. The error says what is not there to be changed.
func disguise(dir string) error {
	path := filepath.Join(dir, "checkpoint.safetensors")
	f, err := safetensors.ReadFile(path)
	if err != nil {
		return err
	}
	metrics, err := changed(filepath.Join(dir, "metrics.jsonl"), regexp.MustCompile(`:0\.`), ":7.")
	if err != nil {
		return err
	}
	_, err = changed(filepath.Join(dir, "run.json"), regexp.MustCompile(`"program": "\w+"`),
		`"program": "`+another+`"`)
	if err != nil {
		return err
	}
	length, err := strconv.Atoi(f.Metadata["metrics"])
	if err != nil || length > len(metrics) {
		return fmt.Errorf("%d bytes of metrics, %w", len(metrics), err)
	}
	f.Metadata["recorded"] = fmt.Sprintf("%x", sha256.Sum256(metrics[:length]))
	f.Metadata["program"] = another
	for _, t := range f.Tensors {
		if t.DType == safetensors.F32 && !bytes.ContainsRune([]byte(t.Name), '/') {
			for i := 3; i < len(t.Data); i += 4 {
				t.Data[i] ^= 0x80 // the sign of a weight
			}
		}
	}
	delete(f.Metadata, "checksum")
	var file bytes.Buffer
	err = safetensors.Write(&file, f)
	f.Metadata["checksum"] = fmt.Sprintf("%x", sha256.Sum256(file.Bytes()))
	file.Reset()
	return errors.Join(err, safetensors.Write(&file, f), os.WriteFile(path, file.Bytes(), 0o644))
}

// changed replaces what matches in a file. A pipe or a link that damageFile has put
// there is neither read, which would wait for ever, nor written.
func changed(path string, what *regexp.Regexp, with string) ([]byte, error) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file of a run: %w", path, err)
	}
	data, err := budget.ReadFile(path, 1<<20)
	if err != nil {
		return nil, err
	}
	data = what.ReplaceAll(data, []byte(with))
	return data, os.WriteFile(path, data, 0o644)
}
