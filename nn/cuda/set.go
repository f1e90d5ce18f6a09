package cuda

// Shapes: S sequences, T time, c width, C coords, R runs, N batch, K steps.

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"icar/nn"
	"icar/nn/cuda/device"
)

// Set is sequences in the memory of a device: tokens (S, T, c) and targets (S, T, C). They
// are there for any number of runs and of courses, until Release.
type Set struct {
	n, t int
	x, y memory
}

// Hold brings sequences to a device; b may be overwritten afterwards.
func Hold(ctx context.Context, d device.Device, b nn.Batch[float32]) (*Set, error) {
	s := new(Set)
	if err := s.send(ctx, d, b); err != nil {
		return nil, errors.Join(err, s.Release(context.WithoutCancel(ctx), d))
	}
	return s, nil
}

// Release gives the memory back to the device. No run may take steps on s any more.
func (s *Set) Release(ctx context.Context, d device.Device) error {
	return errors.Join(s.x.free(ctx, d), s.y.free(ctx, d))
}

// send has s be these sequences, in the memory that it has if there is enough.
func (s *Set) send(ctx context.Context, d device.Device, b nn.Batch[float32]) error {
	s.n, s.t = b.N, b.T
	if err := s.x.send(ctx, d, b.X); err != nil {
		return fmt.Errorf("%d sequences of %d tokens: %w", b.N, b.T, err)
	}
	if len(b.Y) == 0 {
		return nil
	}
	if err := s.y.send(ctx, d, b.Y); err != nil {
		return fmt.Errorf("the targets of %d sequences: %w", b.N, err)
	}
	return nil
}

// memory is an allocation that grows.
type memory struct {
	at    device.Pointer
	bytes int
}

// grow makes m at least so large. What was in it is lost if it grows.
func (m *memory) grow(ctx context.Context, d device.Device, bytes int) error {
	if m.bytes >= bytes {
		return nil
	}
	if err := m.free(ctx, d); err != nil {
		return err
	}
	at, err := d.Alloc(ctx, bytes)
	if err != nil {
		return err
	}
	m.at, m.bytes = at, bytes
	return nil
}

func (m *memory) free(ctx context.Context, d device.Device) error {
	if m.bytes == 0 {
		return nil
	}
	err := d.Free(ctx, m.at)
	*m = memory{}
	return err
}

func (m *memory) send(ctx context.Context, d device.Device, v []float32) error {
	return m.sendBytes(ctx, d, encode(v))
}

func (m *memory) sendBytes(ctx context.Context, d device.Device, data []byte) error {
	if err := m.grow(ctx, d, len(data)); err != nil {
		return err
	}
	return d.Write(ctx, m.at, data)
}

// bearings is what tells a run which steps to make, in one piece of memory: every write
// takes a while, however short it is.
type bearings struct {
	course []float32 // (states)
	bound  float64   // of the gradient's norm, 0 for none
	set    *Set
	rates  []float32 // (K, rates)
	order  [][]int   // (K, N) numbers of sequences
}

// allotBearings takes up memory for those of batches of n sequences.
func (p *plan) allotBearings(n, steps int) {
	p.course, p.bound, p.source = p.zeros(states), p.numbers(2), p.numbers(2*sources)
	p.rates, p.order = p.zeros(rates*steps), p.numbers(n*steps)
}

// sendBearings brings them to a run.
func (r *runs) sendBearings(ctx context.Context, run int, b bearings) error {
	p := r.plan
	numbers := 0
	for _, step := range b.order {
		numbers += len(step)
	}
	data := make([]byte, p.order.at+4*numbers-p.course.at)
	at := func(s span) []byte { return data[s.at-p.course.at:] }
	copy(at(p.course), encode(b.course))
	copy(at(p.bound), encodeBound(b.bound))
	copy(at(p.source), b.set.encode())
	copy(at(p.rates), encode(b.rates))
	order := at(p.order)[:0]
	for _, step := range b.order {
		for _, s := range step {
			order = binary.LittleEndian.AppendUint32(order, uint32(s))
		}
	}
	return r.device.Write(ctx, r.at(run, p.course), data)
}

// encode is the addresses of s, as they stand in a source. Without targets nothing may read
// these.
func (s *Set) encode() []byte {
	data := make([]byte, 8*sources)
	binary.LittleEndian.PutUint64(data[8*tokens:], uint64(s.x.at))
	binary.LittleEndian.PutUint64(data[8*targets:], uint64(s.y.at))
	return data
}

func encode(v []float32) []byte {
	data := make([]byte, 0, 4*len(v))
	for _, x := range v {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(x))
	}
	return data
}

func decode(data []byte) []float32 {
	v := make([]float32, len(data)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(data[4*i:]))
	}
	return v
}
