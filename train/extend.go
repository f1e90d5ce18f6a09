package train

import "fmt"

// Extended returns c with more epochs, for a run that goes on beyond its end. At a
// constant rate step k does not depend on how many there are, so that the run
// becomes what it had been with so many epochs from the start, to the bit. A cosine
// falls to 0 at the last step: it cannot be taken back, and the error says what to do
// in its place. The error may also be that there are no more epochs, or Resolve's.
func (c Config) Extended(epochs int) (Config, error) {
	switch {
	case epochs <= c.Epochs:
		return c, fmt.Errorf("epochs %d are no more than the %d that the run has: use more, or "+
			"leave epochs out", epochs, c.Epochs)
	case c.Schedule != Constant:
		return c, fmt.Errorf("the schedule %s brings the learning rate to 0 at the last step of "+
			"%d epochs, so that a longer run is another one from its first step on: train that "+
			"anew with epochs %d, or begin a new run from these weights with --init", c.Schedule,
			c.Epochs, epochs)
	}
	c.Epochs = epochs
	return c.Resolve()
}
