// A server in the worker of a page: the same questions and answers, without a network.

package web

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"syscall/js"
	"time"
)

// maxWait is long: there is one reader, who can do nothing else meanwhile.
const maxWait = time.Minute

// logger is none: a page has a console.
type logger = struct{}

// door is what a server in a worker needs of one: nothing.
type door struct{}

// Work answers the questions of a page until its worker ends. It sets ask on the given
// object of JavaScript: ask(method, path, query, seen, file, reply) returns a function
// that gives the question up. reply is called with a status, a tag and a document as
// JSON, or, for an answer in pieces, with 0, the name of a piece and its document, and
// at the end with 0 alone. Then it calls ready.
func Work(on js.Value, o Options) {
	s := newServer(o)
	if file, err := os.ReadFile(o.Learnt); err == nil { // else all is trained when asked for
		if err := s.learnt.read(file); err != nil {
			fmt.Println(o.Learnt, err) // on the console
		}
	}
	on.Set("ask", js.FuncOf(func(_ js.Value, a []js.Value) any {
		ctx, cancel := context.WithCancel(context.Background())
		x := &workerExchange{asked: a[1].String(), tag: a[3].String(), sent: a[4], reply: a[5]}
		method, query := a[0].String(), a[2].String()
		go func() {
			defer cancel()
			if err := s.answer(ctx, x, method, query); err != nil && ctx.Err() == nil {
				answerError(x, err)
			}
			if x.streams && ctx.Err() == nil {
				x.reply.Invoke(0)
			}
		}()
		return js.FuncOf(func(js.Value, []js.Value) any { cancel(); return nil })
	}))
	on.Call("ready")
	<-s.stopped.Done()
}

func (s *Server) answer(ctx context.Context, x *workerExchange, method, query string) error {
	all := routes()
	i := slices.IndexFunc(all, func(r route) bool { return r.method == method && r.path == x.asked })
	if i < 0 {
		return refuse(statusNotFound, "there is no %s %s", method, x.asked)
	}
	return s.respondTo(ctx, x, all[i], query)
}

// workerExchange is a question that the page has sent to its worker.
type workerExchange struct {
	asked, tag string
	sent       js.Value // Uint8Array, or null
	reply      js.Value // function
	streams    bool
}

func (x *workerExchange) path() string { return x.asked }
func (x *workerExchange) seen() string { return x.tag }

func (x *workerExchange) file(_ context.Context, limit int64) ([]byte, error) {
	if x.sent.IsNull() {
		return nil, nil
	}
	size := x.sent.Length()
	if int64(size) > limit {
		return nil, refuse(statusTooLarge, "the file is larger than %d bytes", limit)
	}
	file := make([]byte, size)
	js.CopyBytesToGo(file, x.sent)
	return file, nil
}

func (x *workerExchange) answer(status int, tag string, document []byte) {
	x.reply.Invoke(status, tag, string(document))
}

func (x *workerExchange) stream() (events, error) {
	x.streams = true
	return x, nil
}

// send hands an event to the page, and lets the worker hear whether it still wants more:
// a worker that computes hears nothing.
func (x *workerExchange) send(name string, document any) error {
	data, err := json.Marshal(document)
	if err != nil {
		return err
	}
	if !x.reply.Invoke(0, name, string(data)).Bool() {
		return errGone
	}
	return nil
}

// breathe lets the worker hear what it was told: a goroutine that computes keeps it
// from that.
func breathe() {
	heard := make(chan struct{})
	hear := js.FuncOf(func(js.Value, []js.Value) any { close(heard); return nil })
	defer hear.Release()
	js.Global().Call("setTimeout", hear, 0)
	<-heard
}
