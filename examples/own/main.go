// Command own is icar with a law of sequences, a mixer and an experiment of its own.
package main

import (
	"os"

	"icar/ar"
	"icar/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr,
		command.WithLaw("reflection", func() ar.Law { return &reflection{D: 4} }),
		command.WithMixer(retention{}),
		command.WithExperiments(reflections())))
}
