package emulator

// Two threads race for a word of memory when both use it, one writes, and nothing
// orders them: in one block a barrier between does, in two blocks of a launch nothing
// can. So for every word it is kept who used it last, and when.

// shadow is what is known about a word of 4 bytes. Times are those of memory: a
// launch for global memory, the run of a block for shared memory; a write by the
// host, or none, is at a time before all others. Epochs go from barrier to barrier
// and are counted through: no two blocks have one in common.
type shadow struct {
	written, writeEpoch uint32 // time and epoch of the last write; 0, never
	read, readEpoch     uint32
	writer, reader      uint32 // a thread's number, see thread
}

// thread numbers the threads of a launch: the block above threadBits, the thread in
// it below.
const (
	threadBits = 11
	several    = 1<<threadBits - 1 // threads of a block
	anyone     = 1<<32 - 1         // threads of several blocks
)

// access is who uses memory, and when.
type access struct {
	time, epoch, thread uint32
}

// apart is whether nothing orders the use by who, in an epoch of the same time,
// before a.
func (a access) apart(who, epoch uint32) bool {
	return who != a.thread && (who == anyone || who>>threadBits != a.thread>>threadBits ||
		epoch == a.epoch)
}

// load takes note of a read and returns whether it races with a write.
func (s *shadow) load(a access) (races bool) {
	if s.written == a.time && a.apart(s.writer, s.writeEpoch) {
		return true
	}
	switch {
	case s.read != a.time:
		s.reader = a.thread
	case s.reader == a.thread:
	case s.reader == anyone || s.reader>>threadBits != a.thread>>threadBits:
		s.reader = anyone
	case s.readEpoch == a.epoch:
		s.reader |= several
	default:
		s.reader = a.thread
	}
	s.read, s.readEpoch = a.time, a.epoch
	return false
}

// noted is whether a read of this kind is known already, and so does not race.
func (s *shadow) noted(a access) bool {
	return s.read == a.time && (s.reader == anyone ||
		s.readEpoch == a.epoch && (s.reader == a.thread || s.reader == a.thread|several))
}

// store takes note of a write and returns whether it races with a read or a write.
func (s *shadow) store(a access) (races bool) {
	races = s.written == a.time && a.apart(s.writer, s.writeEpoch) ||
		s.read == a.time && a.apart(s.reader, s.readEpoch)
	s.written, s.writeEpoch, s.writer = a.time, a.epoch, a.thread
	return races
}
