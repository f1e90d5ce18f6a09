package command

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"

	"icar/internal/visible"
)

// progress draws a bar for each experiment or training run on a terminal and
// nothing elsewhere.
type progress struct{ container *mpb.Progress }

func newProgress(out io.Writer) progress {
	if w, ok := out.(*visible.Writer); ok {
		out = w.Unwrap() // a bar has to move the cursor
	}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return progress{mpb.New(mpb.WithOutput(f), mpb.WithWidth(60))}
	}
	return progress{}
}

// wait returns when all bars are drawn.
func (p progress) wait() {
	if p.container != nil {
		p.container.Wait()
	}
}

// print prints lines above the bars. It can be called from any goroutine.
func (p progress) print(out io.Writer, lines string) {
	if p.container != nil {
		out = visible.NewWriter(p.container)
	}
	_, _ = io.WriteString(out, lines) // in one write; what cannot be shown is no failure
}

// bar is one experiment's; the zero bar draws nothing.
type bar struct{ *mpb.Bar }

// bar adds a bar of so many steps with the time left and what else is to
// stand after it.
func (p progress) bar(name string, steps int, after ...decor.Decorator) bar {
	if p.container == nil {
		return bar{}
	}
	left := decor.OnComplete(decor.AverageETA(decor.ET_STYLE_GO, decor.WCSyncSpace), "done")
	return bar{p.container.AddBar(int64(steps),
		mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR), decor.CountersNoUnit("%d/%d",
			decor.WCSyncSpace)),
		mpb.AppendDecorators(append([]decor.Decorator{left}, after...)...))}
}

func (b bar) step() {
	if b.Bar != nil {
		b.Increment()
	}
}

func (b bar) abort() {
	if b.Bar != nil {
		b.Abort(false)
	}
}
