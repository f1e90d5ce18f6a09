// Command icar reproduces, verifies and extends the paper "How do Transformers
// perform In-Context Autoregressive Learning?" (ICML 2024).
package main

import (
	"os"

	"icar/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
