package train

import "testing"

// A byte order mark, which some editors write, is no part of the first key; a
// configuration that cannot be run has no steps.
func TestDecodeAfterAByteOrderMark(t *testing.T) {
	c := DefaultConfig()
	if err := c.Decode([]byte("\ufeffbatch: 0\n")); err != nil {
		t.Fatal(err)
	}
	if c.Batch != 0 || c.Steps() != 0 {
		t.Errorf("batch %d, %d steps; want 0 and 0", c.Batch, c.Steps())
	}
	if _, err := c.Resolve(); err == nil || err.Error() != "batch 0 is too small: use 1 or more" {
		t.Errorf("Resolve: %v", err)
	}
}
