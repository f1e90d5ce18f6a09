//go:build !linux && !darwin

package sweep

// placeOfFile is known on Linux and macOS only.
func placeOfFile(string) (string, error) { return "", nil }
