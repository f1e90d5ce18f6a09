package device

import "errors"

var (
	// ErrLost is the error of a device that is no more: it was taken away, or it crashed,
	// hung or was stopped in the middle. What was in its memory is lost, and every later
	// call but Close has this error.
	ErrLost = errors.New("the device is lost")
	// ErrAbsent is the error of a machine that has no device, or nothing of a driver for
	// one, and so nothing that anybody would want to be told of.
	ErrAbsent = errors.New("there is no device")
)
