// Command own is icar with an experiment of its own.
package main

import (
	"os"

	"icar/command"
)

func main() {
	os.Exit(command.Main(os.Args[1:], os.Stdout, os.Stderr,
		command.WithExperiments(reflections())))
}
