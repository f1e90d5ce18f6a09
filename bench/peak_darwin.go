package bench

import "syscall"

// peak returns the ru_maxrss of getrusage, in bytes on this system.
func peak() *float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return nil
	}
	mib := float64(r.Maxrss) / (1 << 20)
	return &mib
}
