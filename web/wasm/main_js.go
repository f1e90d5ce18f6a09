// Command wasm is what the page of icar site computes with: the explorer's server as a
// worker of the page. It is compiled for a browser, GOOS=js GOARCH=wasm, by icar site.
package main

import (
	"syscall/js"

	"icar/web"
)

func main() {
	web.Work(js.Global().Get("icar"), web.Options{Runs: "/runs", Outcome: "/outcome",
		Learnt: "/learnt.json"})
}
