//go:build !js

package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// patience is how long a client may take to read what was sent to it. One that
// stops reading is cut off; whatever made the events never waits for it.
const patience = 10 * time.Second

// httpEvents are server-sent events.
type httpEvents struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (x httpExchange) stream() (events, error) {
	e := httpEvents{x.w, http.NewResponseController(x.w)}
	x.w.Header().Set("Content-Type", "text/event-stream")
	x.w.WriteHeader(http.StatusOK)
	// Else the server ends the stream with the request's time.
	if err := e.control.SetReadDeadline(time.Time{}); err != nil {
		return e, err
	}
	return e, e.control.Flush()
}

func (e httpEvents) send(name string, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if err := e.control.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(e.w, "event: %s\ndata: %s\n\n", name, data); err != nil {
		return err
	}
	return e.control.Flush()
}
