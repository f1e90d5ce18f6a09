package cuda_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"icar/ar"
	"icar/nn"
	"icar/nn/cuda"
	"icar/nn/cuda/device"
	"icar/nn/cuda/emulator"
)

// sampler is a feed that says how its batches are drawn.
type sampler struct {
	t     *testing.T
	by    nn.Drawing
	drawn []int // by the host
}

func (s *sampler) Batch(_ context.Context, k int) (batch, error) {
	s.drawn = append(s.drawn, k)
	return sampled(s.t, s.by, k), nil
}

func (s *sampler) Drawing() (nn.Drawing, bool) { return s.by, true }

// amiss is a device of which something is amiss that has to do with drawing.
type amiss struct {
	device.Device
	text   func(string) (string, error) // of kernels that are loaded
	launch error                        // of the first launch, which draws
	flip   int                          // bytes of a read, the first of which has another last bit
	blind  int                          // bytes of a read, the first of which fails
}

func (a *amiss) Load(ctx context.Context, text string, names ...string) (device.Module, error) {
	if a.text != nil && strings.Contains(text, "entry variates") {
		var err error
		if text, err = a.text(text); err != nil {
			return device.Module{}, err
		}
	}
	return a.Device.Load(ctx, text, names...)
}

func (a *amiss) Launch(ctx context.Context, work []device.Launch) error {
	if err := a.launch; err != nil {
		a.launch = nil
		return err
	}
	return a.Device.Launch(ctx, work)
}

func (a *amiss) Read(ctx context.Context, data []byte, p device.Pointer) error {
	err := a.Device.Read(ctx, data, p)
	if len(data) == a.blind {
		a.blind, err = 0, errFailed
	}
	if len(data) == a.flip {
		a.flip, data[len(data)-4] = 0, data[len(data)-4]^1
	}
	return err
}

// A device draws the batches of a descent, and the host only the first, to compare: the losses
// and weights are those of batches that the host draws. Where a device draws other bits, or
// cannot draw at all, that is said once, and the host draws all batches. One that is lost
// ends the run.
func TestHostDrawsWhatADeviceCannot(t *testing.T) {
	c := small()
	by := drawing(ar.New(ar.Haar, 2), ar.Augmented, 18, c.Length)
	c.Width, c.Embed, c.Coords = 6, 6, 2
	// Host steps begin at 2 as the device's do: a run may go on in the middle.
	want, host := descend(t, onlyGradients(cuda.On(emulator.New())), c, 1,
		nn.Descent{Feed: &sampler{t: t, by: by}, Last: 5})
	losses := steps(t, host, 2, 5)
	broken := errors.New("line 7 is none of mine")
	replaced := func(old, by string) func(string) (string, error) {
		return func(s string) (string, error) { return strings.Replace(s, old, by, 1), nil }
	}
	every, first := []int{2, 2, 3, 4, 5}, []int{2}
	for name, test := range map[string]struct {
		amiss amiss
		drawn []int // by the host
		said  string
		ends  error
	}{
		"nothing": {drawn: first},
		"the generator": {amiss: amiss{text: replaced("xor.b32", "or.b32")}, drawn: every,
			said: "draws other bits"},
		"the encoding": {amiss: amiss{text: func(s string) (string, error) {
			head, tokens, _ := strings.Cut(s, "entry tokens")
			return head + "entry tokens" + strings.Replace(tokens, "setp.ge", "setp.lt", 1), nil
		}}, drawn: every, said: "draws other bits"},
		"a target": {amiss: amiss{flip: 4 * 18 * c.Length * 2}, drawn: every,
			said: "draws other bits"},
		"reading tokens": {amiss: amiss{blind: 4 * 18 * c.Length * 6}, drawn: every,
			said: errFailed.Error()},
		"the compiler": {amiss: amiss{text: func(string) (string, error) { return "", broken }},
			drawn: every, said: broken.Error()},
		"the launch": {amiss: amiss{launch: errFailed}, drawn: every, said: errFailed.Error()},
		"all":        {amiss: amiss{launch: device.ErrLost}, drawn: first, ends: device.ErrLost},
	} {
		t.Run(name, func(t *testing.T) {
			d, feed := test.amiss, &sampler{t: t, by: by}
			d.Device = emulator.New()
			var said []error
			got, s := descend(t, cuda.On(&d), c, 1, nn.Descent{Feed: feed, Last: 5,
				Notice: func(why error) { said = append(said, why) }})
			if test.ends != nil {
				if _, err := s.Steps(context.Background(), 2, 4); !errors.Is(err, test.ends) {
					t.Errorf("it ends with %v", err)
				}
				finish(t, s)
			} else {
				if made := steps(t, s, 2, 5); !slices.Equal(made, losses) {
					t.Errorf("losses %v, want %v", made, losses)
				}
				finish(t, s)
				if !slices.Equal(bits(nn.Tensors(got.Parameters())...),
					bits(nn.Tensors(want.Parameters())...)) {
					t.Error("the weights have other bits")
				}
			}
			if !slices.Equal(feed.drawn, test.drawn) {
				t.Errorf("the host draws the batches of steps %v, want %v", feed.drawn, test.drawn)
			}
			if len(said) > 1 || (len(said) == 1) != (test.said != "") ||
				len(said) == 1 && !strings.Contains(said[0].Error(), test.said) {
				t.Errorf("said %v, want %q", said, test.said)
			}
		})
	}
}

// Steps are on their own sequences whatever steps are made, also where the device has drawn
// others ahead: those that the host draws.
func TestStepsSkipWhatIsDrawn(t *testing.T) {
	c := small()
	by := drawing(ar.New(ar.Haar, 2), ar.Augmented, 18, c.Length)
	c.Width, c.Embed, c.Coords = 6, 6, 2
	d := nn.Descent{Feed: &sampler{t: t, by: by}, Last: 9}
	_, host := descend(t, onlyGradients(cuda.On(emulator.New())), c, 1, d)
	_, own := descend(t, cuda.On(&little{Device: emulator.New(), memory: 1}), c, 1, d)
	for _, k := range []int{2, 3, 7, 4} {
		if got, want := steps(t, own, k, k), steps(t, host, k, k); !slices.Equal(got, want) {
			t.Errorf("step %d has the loss %v, want %v", k, got, want)
		}
	}
	finish(t, own)
}

// Who is told to end while a device draws is told no more than that, and leaves nothing.
func TestDrawingIsStopped(t *testing.T) {
	c := small()
	by := drawing(ar.New(ar.Haar, 2), ar.Augmented, 18, c.Length)
	c.Width, c.Embed, c.Coords = 6, 6, 2
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &tally{Device: ending{emulator.New(), cancel}}
	_, s := descend(t, cuda.On(d), c, 1, nn.Descent{Feed: &sampler{t: t, by: by}, Last: 9,
		Notice: func(why error) { t.Errorf("it is said that %v", why) }})
	if _, err := s.Steps(ctx, 1, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("it ends with %v", err)
	}
	d.empty(t, "a drawing that was stopped")
	finish(t, s)
}
