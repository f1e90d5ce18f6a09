package web

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// heard keeps the answer of an exchange.
type heard struct {
	unheard
	document string
}

func (h *heard) answer(_ int, _ string, document []byte) { h.document = string(document) }

// answerOf asks a server with a file of what was learnt, if there is one.
func answerOf(t *testing.T, learnt []byte, path, query string) string {
	t.Helper()
	s := newServer(Options{})
	t.Cleanup(s.stop)
	if learnt != nil {
		if err := s.learnt.read(learnt); err != nil {
			t.Fatal(err)
		}
	}
	all := routes()
	i := slices.IndexFunc(all, func(r route) bool { return r.path == path })
	h := &heard{unheard: unheard(path)}
	if err := s.respondTo(context.Background(), h, all[i], query); err != nil {
		t.Fatal(err)
	}
	return h.document
}

// What was learnt before gives the bytes that learning it now does, and is what is used.
func TestLearnt(t *testing.T) {
	const path, query = "/api/step", "d=2&family=rotation&k=3"
	var file bytes.Buffer
	var done atomic.Int64
	err := Learn(t.Context(), &file, Learning{Only: func(url string) bool {
		return url == path+"?"+query || url == path+"?d=2&family=rotation&norm=no"
	}, Done: func(all int) { done.Add(int64(10 * all)) }})
	if err != nil {
		t.Fatal(err)
	}
	if done.Load() != 40 {
		t.Errorf("told of %d, want twice of 2 questions", done.Load())
	}
	fresh := answerOf(t, nil, path, query)
	if known := answerOf(t, file.Bytes(), path, query); known != fresh {
		t.Errorf("what was learnt answers %.200s, what is learnt now %.200s", known, fresh)
	}
	for _, part := range []string{`"eta":0.`, `"Eta":[0.`, `"floor":[`} {
		other := strings.ReplaceAll(file.String(), part, part+"1")
		if other == file.String() {
			t.Fatalf("there is no %s in %.300s", part, file.String())
		}
		if answerOf(t, []byte(other), path, query) == fresh {
			t.Errorf("another %s in the file changes nothing", part)
		}
	}
}

// Every combination of the parameters that learning depends on is learnt for, once.
func TestCombinations(t *testing.T) {
	var got []string
	for _, q := range combinations(stepParameters, []string{"family", "norm"}) {
		got = append(got, q.Encode())
	}
	slices.Sort(got)
	if want := strings.Fields("family=haar&norm=no family=haar&norm=yes family=rotation&norm=no " +
		"family=rotation&norm=yes family=so&norm=no family=so&norm=yes"); !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if n := len(combinations(stepParameters, []string{"d", "k"})); n != 4*19 {
		t.Errorf("d = 2 … 5, k = 2 … 20: %d combinations", n)
	}
}
