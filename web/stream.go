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

// events writes server-sent events.
type events struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func newEvents(w http.ResponseWriter) (events, error) {
	e := events{w, http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.WriteHeader(http.StatusOK)
	if err := e.control.SetReadDeadline(time.Time{}); err != nil { // else the server ends the stream with the request's
		return e, err
	}
	return e, e.control.Flush()
}

// send writes an event of a name whose data are a JSON document. The error
// says that the client is gone.
func (e events) send(name string, document any) error {
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

// latest hands documents from a producer that must not wait to a slower
// consumer: a document that was not fetched is replaced by the next.
type latest[T any] struct{ c chan T }

func newLatest[T any]() latest[T] { return latest[T]{make(chan T, 1)} }

// put never blocks. Only one goroutine may call it.
func (l latest[T]) put(v T) {
	select {
	case <-l.c:
	default:
	}
	l.c <- v
}
