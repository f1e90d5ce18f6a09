package web

import (
	"context"
	"encoding/json"
	"fmt"
)

// route is an address of the server. docs/api.md has a section for each.
type route struct {
	method, path string
	parameters   []parameter
	answer       string // what docs/api.md says that it answers
	body         int64  // largest body, in bytes; 0 for none
	// learns lists the parameters, together, on which what is trained or fitted for the
	// answer depends. A page without a server brings that along for all their values.
	learns [][]string
	serve  handler
}

// handler answers the question of an exchange. An error that it returns is the answer.
type handler func(s *Server, ctx context.Context, x exchange, v values) error

// routes lists the addresses below /api/. Everything else is the page.
func routes() []route {
	return []route{
		{method: "GET", path: "/api/game", parameters: gameParameters, answer: "document",
			serve: document((*Server).game)},
		{method: "GET", path: "/api/process", parameters: processParameters, answer: "document",
			serve: document((*Server).process)},
		{method: "GET", path: "/api/flow", parameters: flowParameters, answer: "document",
			serve: document((*Server).flow)},
		{method: "GET", path: "/api/step", parameters: stepParameters, answer: "document",
			learns: [][]string{{"family", "d", "norm"}, {"family", "d", "k"}},
			serve:  document((*Server).step)},
		{method: "GET", path: "/api/least", parameters: leastParameters, answer: "document",
			serve: document((*Server).least)},
		{method: "GET", path: "/api/heads", parameters: headsParameters, answer: "events",
			serve: (*Server).heads},
		{method: "GET", path: "/api/half", parameters: halfParameters, answer: "document",
			serve: document((*Server).half)},
		{method: "GET", path: "/api/position", parameters: positionParameters, answer: "document",
			serve: document((*Server).position)},
		{method: "GET", path: "/api/depth", parameters: depthParameters, answer: "document",
			learns: [][]string{{"d", "layers"}, {"d", "k"}},
			serve:  document((*Server).depth)},
		{method: "GET", path: "/api/runs", parameters: runsParameters, answer: "document",
			serve: (*Server).listRuns},
		{method: "GET", path: "/api/run", parameters: runParameters, answer: "document",
			serve: (*Server).showRun},
		{method: "GET", path: "/api/inside", parameters: insideParameters, answer: "document",
			serve: (*Server).inside},
		{method: "GET", path: "/api/sweeps", answer: "sweeps", serve: (*Server).listSweeps},
		{method: "GET", path: "/api/sweep", parameters: sweepParameters, answer: "document",
			serve: (*Server).showSweep},
		{method: "GET", path: "/api/claims", answer: "claims",
			serve: func(s *Server, _ context.Context, x exchange, _ values) error {
				all, err := s.claims()
				if err != nil {
					return err
				}
				return answerJSON(x, "", all)
			}},
		{method: "POST", path: "/api/sequence", answer: "document", body: maxSequenceBytes,
			serve: upload(maxSequenceBytes, (*Server).sequence)},
		{method: "POST", path: "/api/model", answer: "document", body: maxModelBytes,
			serve: upload(maxModelBytes, (*Server).model)},
	}
}

// question is what an answer depends on.
type question struct {
	path, parameters string
	model            identity // where one is looked into
}

// sizeOf counts the bytes that an answer takes to keep.
func sizeOf(q question, body []byte) int {
	return len(q.parameters) + len(q.model.settings) + len(body)
}

// document serves what a part computes of its parameters alone.
func document(compute func(*Server, context.Context, values) (Document, error)) handler {
	return func(s *Server, ctx context.Context, x exchange, v values) error {
		return s.respond(ctx, x, question{path: x.path(), parameters: fmt.Sprintf("%q", v)},
			func(ctx context.Context) (Document, error) {
				return compute(s, ctx, v)
			})
	}
}

// respond serves the document that compute makes, as one of a bounded number at
// a time, or that it made before for the same question.
func (s *Server) respond(ctx context.Context, x exchange, q question,
	compute func(context.Context) (Document, error)) error {
	body, err := s.answers.get(ctx, q, func(ctx context.Context) ([]byte, error) {
		give, err := s.computations.take(ctx)
		if err != nil {
			return nil, err
		}
		defer give()
		doc, err := compute(ctx)
		if err != nil {
			return nil, err
		}
		return json.Marshal(doc)
	})
	if err == nil {
		x.answer(statusOK, "", body)
	}
	return err
}

// upload serves what is computed of a file of at most limit bytes.
func upload(limit int64, compute func(*Server, context.Context, []byte) (Document, error)) handler {
	return func(s *Server, ctx context.Context, x exchange, _ values) error {
		file, err := x.file(ctx, limit)
		if err != nil {
			return err
		}
		give, err := s.uploads.take(ctx)
		if err != nil {
			return err
		}
		defer give()
		doc, err := compute(s, ctx, file)
		if err != nil {
			return err
		}
		return answerJSON(x, "", doc)
	}
}
