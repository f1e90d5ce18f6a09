// What a page without a server brings along of the models and fits that a server makes
// when it is first asked: they take seconds in a browser.

package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"runtime"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"icar/estimator"
	"icar/nn"
	"icar/nn/cuda/device"
	"icar/nn/safetensors"
	"icar/train"
)

// learnt holds models and fits by what they depend on. With kept set it takes what is
// made.
type learnt struct {
	mu   sync.Mutex
	kept bool
	learntFile
}

// learntFile is the content of a learnt as JSON, whose float64 are the same bits after.
type learntFile struct {
	// Networks are weights by the configuration that they were trained with, as YAML.
	Networks map[string][]safetensors.Tensor `json:"networks"`
	Fits     map[string]learntFit            `json:"fits"`  // by family, d, norm
	Steps    map[string]learntSteps          `json:"steps"` // by family, d, k
}

// learntFit is a fitted without its model, errors by position.
type learntFit struct {
	Star         estimator.GradientDescent `json:"star"`
	Linear       estimator.LinearAttention `json:"linear"`
	StarErrors   []float64                 `json:"star_errors"`
	LinearErrors []float64                 `json:"linear_errors"`
	LeastErrors  []float64                 `json:"least_errors"`
	ModelErrors  []float64                 `json:"model_errors"`
	Eta          float64                   `json:"eta"`
	Floor        []float64                 `json:"floor"`
}

type learntSteps struct {
	Descent estimator.GradientDescent `json:"descent"`
	Errors  []float64                 `json:"errors"`
}

func (k fitKey) String() string   { return fmt.Sprintf("%s %d %t", k.family, k.d, k.norm) }
func (k stepsKey) String() string { return fmt.Sprintf("%s %d %d", k.family, k.d, k.k) }

// read takes what write has written.
func (l *learnt) read(file []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return json.Unmarshal(file, &l.learntFile)
}

func (l *learnt) write(w io.Writer) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return json.NewEncoder(w).Encode(l.learntFile)
}

// network returns the model of a configuration: one that is known already, or one that
// is trained now.
func (s *Server) network(ctx context.Context, c train.Config) (*nn.Transformer[float32], error) {
	resolved, err := c.Resolve()
	if err != nil {
		return nil, err
	}
	l, key := &s.learnt, string(resolved.YAML())
	l.mu.Lock()
	weights, found := l.Networks[key]
	l.mu.Unlock()
	if found {
		return train.Assemble(c, weights, "what the page brings along")
	}
	net, _, err := train.Train(ctx, c, train.Options{Backend: s.options.Backend})
	if errors.Is(err, device.ErrLost) { // the server goes on without the card
		net, _, err = train.Train(ctx, c, train.Options{})
	}
	if err == nil && l.kept {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.Networks[key] = nn.Export(nn.Tensors(net.Parameters()))
	}
	return net, err
}

// fit returns what is known of a fit, without its model.
func (l *learnt) fit(key fitKey) (f fitted, found bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, found := l.Fits[key.String()]
	return fitted{star: assessed{named{starLabel, k.Star}, k.StarErrors},
		linear: assessed{named{linearLabel, k.Linear}, k.LinearErrors},
		least:  assessed{named{leastLabel, estimator.LeastSquares{}}, k.LeastErrors},
		eta:    k.Eta, modelError: k.ModelErrors, floor: k.Floor}, found
}

func (l *learnt) keepFit(key fitKey, f fitted) {
	if !l.kept {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Fits[key.String()] = learntFit{
		Star:       f.star.Estimator.(estimator.GradientDescent), // see fit
		Linear:     f.linear.Estimator.(estimator.LinearAttention),
		StarErrors: f.star.errors, LinearErrors: f.linear.errors, LeastErrors: f.least.errors,
		ModelErrors: f.modelError, Eta: f.eta, Floor: f.floor}
}

// steps returns what is known of a fit of the size of k steps.
func (l *learnt) steps(key stepsKey) (assessed, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, found := l.Steps[key.String()]
	return assessed{named{plural(key.k, "step"), k.Descent}, k.Errors}, found
}

func (l *learnt) keepSteps(key stepsKey, a assessed) {
	if !l.kept {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Steps[key.String()] = learntSteps{a.Estimator.(estimator.GradientDescent), a.errors}
}

// Learning says what Learn learns, and whom it tells.
type Learning struct {
	// Only, if it is not nil, says of a path with its query whether it is learnt for.
	Only func(url string) bool
	// Done, if it is not nil, is called after each of all questions, by several goroutines.
	Done func(all int)
}

// Learn asks every part for what its models and fits depend on, at all values of those
// parameters, and writes what was made: the file Learnt of the [Options] of a page without
// a server. The same machine writes the same bytes. The error is that of a part, or of ctx.
func Learn(ctx context.Context, w io.Writer, o Learning) error {
	s := newServer(Options{})
	defer s.stop()
	s.learnt.kept = true
	s.learnt.learntFile = learntFile{Networks: map[string][]safetensors.Tensor{},
		Fits: map[string]learntFit{}, Steps: map[string]learntSteps{}}
	type asked struct {
		route
		query url.Values
	}
	var all []asked
	for _, r := range routes() {
		for _, names := range r.learns {
			for _, q := range combinations(r.parameters, names) {
				if o.Only == nil || o.Only(r.path+"?"+q.Encode()) {
					all = append(all, asked{r, q})
				}
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, a := range all {
		g.Go(func() error {
			err := s.respondTo(ctx, unheard(a.path), a.route, a.query.Encode())
			if r := (refusal{}); errors.As(err, &r) && r.status == statusBad {
				err = nil // rotation has no odd d
			}
			if err == nil && o.Done != nil {
				o.Done(len(all))
			}
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.learnt.write(w)
}

// combinations returns queries with all values of the named parameters, the others as
// they are at first.
func combinations(known []parameter, names []string) []url.Values {
	all := []url.Values{{}}
	for _, p := range known {
		if !slices.Contains(names, p.name) {
			continue
		}
		var more []url.Values
		for _, q := range all {
			for _, value := range p.values() {
				next := url.Values{p.name: {value}}
				for k, v := range q {
					next[k] = v
				}
				more = append(more, next)
			}
		}
		all = more
	}
	return all
}

// unheard is an exchange whose answer nobody reads.
type unheard string

func (u unheard) path() string                              { return string(u) }
func (unheard) seen() string                                { return "" }
func (unheard) file(context.Context, int64) ([]byte, error) { return nil, nil }
func (unheard) answer(int, string, []byte)                  {}
func (unheard) stream() (events, error)                     { return nil, errGone }
