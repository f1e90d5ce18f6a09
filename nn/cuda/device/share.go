package device

import (
	"context"
	"errors"
)

// Share returns d for any number of goroutines: what they ask for is done one after the
// other, in the order in which they ask. It is a [Compiler], which waits for nothing else, as
// far as d is one.
func Share(d Device) Device { return &shared{turn: make(chan struct{}, 1), device: d} }

type shared struct {
	turn   chan struct{} // of who uses the device; a mutex would keep no order
	device Device
}

// hold waits until nobody else uses the device, and returns what lets others use it.
func (s *shared) hold() func() {
	s.turn <- struct{}{}
	return func() { <-s.turn }
}

func (s *shared) Properties() Properties { return s.device.Properties() }

func (s *shared) Load(ctx context.Context, text string, entries ...string) (Module, error) {
	defer s.hold()()
	return s.device.Load(ctx, text, entries...)
}

// Compile implements Compiler, and holds nobody up.
func (s *shared) Compile(ctx context.Context, text string) error {
	c, able := s.device.(Compiler)
	if !able {
		return errors.ErrUnsupported
	}
	return c.Compile(ctx, text)
}

func (s *shared) Unload(ctx context.Context, m Module) error {
	defer s.hold()()
	return s.device.Unload(ctx, m)
}

func (s *shared) Alloc(ctx context.Context, bytes int) (Pointer, error) {
	defer s.hold()()
	return s.device.Alloc(ctx, bytes)
}

func (s *shared) Free(ctx context.Context, p Pointer) error {
	defer s.hold()()
	return s.device.Free(ctx, p)
}

func (s *shared) Write(ctx context.Context, p Pointer, data []byte) error {
	defer s.hold()()
	return s.device.Write(ctx, p, data)
}

func (s *shared) Read(ctx context.Context, data []byte, p Pointer) error {
	defer s.hold()()
	return s.device.Read(ctx, data, p)
}

func (s *shared) Launch(ctx context.Context, work []Launch) error {
	defer s.hold()()
	return s.device.Launch(ctx, work)
}

func (s *shared) Record(ctx context.Context, work []Launch) (Graph, error) {
	defer s.hold()()
	return s.device.Record(ctx, work)
}

func (s *shared) Replay(ctx context.Context, g Graph, n int) error {
	defer s.hold()()
	return s.device.Replay(ctx, g, n)
}

func (s *shared) Forget(ctx context.Context, g Graph) error {
	defer s.hold()()
	return s.device.Forget(ctx, g)
}

func (s *shared) Close() error {
	defer s.hold()()
	return s.device.Close()
}
