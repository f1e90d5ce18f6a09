package web

import (
	"context"
	"encoding/json"
	"errors"
)

// exchange is a question and its answer, however they travel: over HTTP, or between
// a page and the worker beside it that computes.
type exchange interface {
	path() string
	// seen is the tag of the answer that the asker already has, "" for none.
	seen() string
	// file reads what the asker sent along, of at most limit bytes.
	file(ctx context.Context, limit int64) ([]byte, error)
	// answer ends the exchange. A tag, if there is one, names what the document says.
	answer(status int, tag string, document []byte)
	// stream begins an answer that comes in pieces.
	stream() (events, error)
}

// events are the pieces of an answer.
type events interface {
	// send sends a JSON document under a name. The error says that nobody listens.
	send(name string, document any) error
}

// errGone says that the asker has given the question up.
var errGone = errors.New("nobody listens any more")

// answerError answers with the error: {"error": "…"} and its status.
func answerError(x exchange, err error) {
	var r refusal
	status := statusFailed
	if errors.As(err, &r) {
		status = r.status
	}
	body, err := json.Marshal(map[string]string{"error": err.Error()})
	if err != nil {
		status, body = statusFailed, []byte(`{"error":"the error is no JSON"}`)
	}
	x.answer(status, "", body)
}

// answerJSON answers with a document.
func answerJSON(x exchange, tag string, document any) error {
	body, err := json.Marshal(document)
	if err == nil {
		x.answer(statusOK, tag, body)
	}
	return err
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
