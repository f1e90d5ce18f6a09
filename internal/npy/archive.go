//go:build !js

package npy

import (
	"archive/zip"
	"io"
)

// WriteArchive writes arrays as numpy.savez does, NAME.npy each: a .npz file, whose
// bytes are a function of the arrays alone.
func WriteArchive(w io.Writer, arrays []Array) error {
	archive := zip.NewWriter(w)
	for _, a := range arrays {
		file, err := archive.CreateHeader(&zip.FileHeader{Name: a.Name + ".npy"}) // stored, undated
		if err != nil {
			return err
		}
		if err := Write(file, a); err != nil {
			return err
		}
	}
	return archive.Close()
}
