package device

import "errors"

// ErrLost is the error of a device that is no more: it was taken away, or it crashed,
// hung or was stopped in the middle. What was in its memory is lost, and every later
// call but Close has this error.
var ErrLost = errors.New("the device is lost")
