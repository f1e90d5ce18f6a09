//go:build !js

package web

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"time"
)

// How slowly a file may arrive: what a client has sent earns it time, so that
// one that stalls gives its place to others soon, however long its file is.
const (
	maxArrival  = 3 * time.Second  // to wait for a place, longer than a stalled client keeps one
	grace       = 2 * time.Second  // before anything has come
	minRate     = 128 << 10        // bytes that earn a second
	longestPost = 20 * time.Second // whatever was sent
)

// file reads the body of a request, as one of a bounded number at a time.
func (x httpExchange) file(ctx context.Context, limit int64) ([]byte, error) {
	give, err := x.s.arriving.take(ctx)
	if err != nil {
		return nil, err
	}
	defer give()
	body := http.MaxBytesReader(x.w, x.r.Body, limit)
	control, began := http.NewResponseController(x.w), time.Now()
	var file bytes.Buffer
	for err == nil {
		earned := min(longestPost, grace+time.Duration(file.Len())*time.Second/minRate)
		if err := control.SetReadDeadline(began.Add(earned)); err != nil {
			return nil, err
		}
		_, err = io.CopyN(&file, body, 64<<10)
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, refuse(http.StatusRequestEntityTooLarge, "the file is larger than %d bytes",
			large.Limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, refuse(http.StatusRequestTimeout, "the file comes too slowly: %d bytes in %v",
			file.Len(), time.Since(began).Round(time.Second))
	case err != io.EOF:
		return nil, refuse(http.StatusBadRequest, "the file did not arrive whole")
	}
	return file.Bytes(), errors.Join(control.SetReadDeadline(time.Time{}),
		control.SetWriteDeadline(time.Now().Add(longestPost)))
}
