package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/ar"
	"icar/run"
	"icar/train"
)

// A mean with falling weights: of a constant it is the constant, of an impulse the weight
// of its place, whatever the spacing of the steps; what is not finite is passed over.
func TestSmoothed(t *testing.T) {
	x, nan := []float64{1, 2, 3, 7, 8}, math.NaN()
	half := math.Exp2(-1)
	span := 1 / math.Ln2 // a weight falls by a half a step
	for _, c := range []struct{ y, want []float64 }{
		{[]float64{3, 3, 3, 3, 3}, []float64{3, 3, 3, 3, 3}},
		{[]float64{1, 0, 0, 0, 0}, []float64{1, half / (1 + half), 0.25 / 1.75,
			1. / 64 / (1 + (1+half+0.25)/16), 1. / 128 / (1 + half + (1+half+0.25)/32)}},
		{[]float64{4, nan, 1, math.Inf(1), nan}, []float64{4, nan, 2 / 1.25, nan, nan}},
	} {
		got := smoothed(x, c.y, span)
		for k, want := range c.want {
			if math.IsNaN(want) != math.IsNaN(got[k]) || math.Abs(got[k]-want) > 1e-14 {
				t.Errorf("%v at %v is smoothed to %v, want %v", c.y, x, got, c.want)
				break
			}
		}
	}
}

// The floor is exact without noise, the noise with it, and not known of a law that is not
// the process; runs that share one share its line.
func TestFloorsOfRuns(t *testing.T) {
	config := func(change func(*train.Config)) train.Config {
		c := train.DefaultConfig()
		c.D, c.Length = 3, 6
		change(&c)
		return c
	}
	plain := config(func(*train.Config) {})
	f, known := floorOf(plain)
	if want := []float64{3. / 9, 2. / 9, 1. / 9, 0, 0, 0}; !known || !f.Exact ||
		f.Name != "Bayes floor" || !slices.Equal(f.at, want) ||
		math.Abs(f.Mean-4./(2*6*3)) > 1e-15 { // (d+1)/(2nd)
		t.Errorf("%+v, %v", f, known)
	}
	noisy := config(func(c *train.Config) { c.Sigma = 0.5 })
	f, known = floorOf(noisy)
	if !known || f.Exact || f.Mean != 0.25 || f.at[5] != 0.25 || !strings.Contains(f.Name, "noise") {
		t.Errorf("with noise: %+v, %v", f, known)
	}
	file := config(func(c *train.Config) { c.Data = "mine.npy" })
	if f, known := floorOf(file); known || !strings.Contains(unknownFloor(file), "a file") {
		t.Errorf("of a file: %+v", f)
	}
	longer := config(func(c *train.Config) { c.Length = 8 })
	rotation := config(func(c *train.Config) { c.Process = ar.New(ar.Rotation, 4) })
	var runs []shelfRun
	for i, c := range []train.Config{plain, longer, plain, noisy, file, rotation} {
		runs = append(runs, shelfRun{path: string(rune('a' + i)), config: c})
	}
	runs[0].Step, runs[2].Step = 7, 9
	var means, shapes []string
	for _, f := range floors(runs) {
		means = append(means, f.Name)
		if !f.within {
			shapes = append(shapes, f.label)
		}
	}
	if want := []string{"Bayes floor of a", "Bayes floor of b", "noise alone, σ²",
		"Bayes floor of f"}; !slices.Equal(means, want) {
		t.Errorf("means %q, want %q", means, want)
	}
	if want := []string{"Bayes floor of b", "noise alone, σ²",
		"Bayes floor of f"}; !slices.Equal(shapes, want) {
		t.Errorf("by position %q, want %q", shapes, want)
	}
	if all := floors(runs[:3]); all[0].steps != 9 || len(all) != 2 ||
		all[1].label != "Bayes floor" {
		t.Errorf("%+v", all)
	}
}

// Every state of a run has its words, and what is wrong says what to do.
func TestWordsOfARun(t *testing.T) {
	now := time.Unix(1e9, 0)
	config := train.DefaultConfig()
	config.Train, config.Batch, config.Epochs = 100, 1, 1 // 100 steps
	running := func(step int, perStep float64, silent time.Duration) shelfRun {
		return shelfRun{config: config, Progress: run.Progress{State: run.Running, Step: step,
			Pace: run.Pace{PerStep: perStep}, Written: now.Add(-silent)}}
	}
	for _, c := range []struct {
		run  shelfRun
		want string
	}{
		{running(0, 0, time.Second), "running: waiting for the first step"},
		{running(40, 2, time.Second), "running, about 2 min left"},
		{running(40, 1, time.Second), "running, about 60 s left"},
		{running(99, 7200*100, time.Second), "running, about 8 days left"},
		{running(99, 0.1, time.Second), "running, under a second left"},
		{running(40, 0, time.Second), "running"},
		{running(40, 1, 61*time.Second), "running, but no step has come for over 60 s"},
		{running(40, 1, 30*time.Minute), "running, but no step has come for over 10 min"},
		{running(40, 100, 30*time.Minute), "running, about 2 h left"}, // its steps take long
		{running(40, 1, 50*time.Hour), "no step has come for over 24 h"},
		{shelfRun{config: config, Progress: run.Progress{State: run.Stopped, Step: 7, Behind: true}},
			"stopped after step 7 of 100: icar train --resume goes on; its metrics are still"},
		{shelfRun{config: config, Progress: run.Progress{State: run.Diverged,
			Diverged: "training diverged at step 3"}}, "diverged: at step 3"},
		{shelfRun{config: config, Progress: run.Progress{State: run.Complete}}, "complete"},
		{shelfRun{err: errors.New("line 1\nline 2")}, "damaged: line 1; line 2"},
	} {
		if says := c.run.words(now); !strings.Contains(says, c.want) ||
			strings.Contains(c.want, "left") && says != c.want {
			t.Errorf("%+v: %q, want %q", c.run.Progress, says, c.want)
		}
	}
}

// The page of a run says how much time is left while it runs, and not when it is stuck.
func TestTimeLeftOfARun(t *testing.T) {
	now := time.Unix(1e9, 0)
	c, err := train.DefaultConfig().Resolve()
	if err != nil {
		t.Fatal(err)
	}
	for silent, want := range map[time.Duration]string{
		time.Second: "{time left about 53 min, at 1000 ms a step}", time.Hour: "",
	} {
		var page runPage
		page.describe(shelfRun{config: c, Progress: run.Progress{State: run.Running, Step: 20,
			Pace: run.Pace{PerStep: 1, Seconds: 20}, Written: now.Add(-silent)}}, now)
		if facts := fmt.Sprint(page.Facts); !strings.Contains(facts, want) ||
			want == "" && strings.Contains(facts, "time left") {
			t.Errorf("after a silence of %v: %s", silent, facts)
		}
	}
}

// The list is selected and ordered as icar runs list does, its tag changes with whatever
// is shown, and the page of a run tells what was set from what is the default.
func TestRunsAreSelected(t *testing.T) {
	server := withRun(t)
	for i, name := range []string{"b", "c", "d"} {
		path := filepath.Join(server.runs, name)
		trainRun(t, path, 3+i, nil)
		if _, err := run.SetLabel(path, func(l *run.Label) {
			l.Name, l.Note, l.Tags = "run "+name, "about "+name, []string{"all", "only-" + name}
		}); err != nil {
			t.Fatal(err)
		}
	}
	tag := ""
	ask := func(query string) (status int, list []string, answer shelved) {
		t.Helper()
		request, err := http.NewRequest("GET", server.url+"/api/runs?"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("If-None-Match", tag)
		status, body := get(t, request)
		if status == http.StatusOK {
			if err := json.Unmarshal([]byte(body), &answer); err != nil {
				t.Fatal(err)
			}
		}
		for _, r := range answer.Runs {
			list = append(list, r.Path)
		}
		return status, list, answer
	}
	for query, want := range map[string]string{
		"": "b c d first", "name=run*": "b c d", "name=": "b c d first", "note=about": "b c d",
		"tag=all&tag=only-c": "c", "state=running": "", "state=complete&sort=epochs": "first b c d",
		"sort=step&reverse=yes": "d c b first", "where=epochs%3D4": "c", "where=d%3D2.0&name=*b": "b",
		"below=0": "", "below=1e9": "b c d first", "sort=path&reverse=yes": "first d c b",
	} {
		status, list, answer := ask(query)
		if status != 200 || strings.Join(list, " ") != want || answer.Total != 4 ||
			!slices.Equal(answer.Settings, []string{"epochs"}) {
			t.Errorf("%s: %d, %q of %d, which differ in %q; want %q", query, status, list,
				answer.Total, answer.Settings, want)
		}
	}
	for _, query := range []string{"where=epoch%3D4", "where=depth", "sort=eror", "below=much",
		"below=NaN", "name=%5B"} {
		if status, _, _ := ask(query); status != 400 {
			t.Errorf("%s: %d, want 400", query, status)
		}
	}
	request, err := http.NewRequest("GET", server.url+"/api/run?run=c", nil)
	if err != nil {
		t.Fatal(err)
	}
	var page runPage
	if _, body := get(t, request); json.Unmarshal([]byte(body), &page) != nil ||
		page.Note != "about c" || page.Says != "complete" {
		t.Errorf("%.500s", body)
	}
	var set []string
	for _, s := range page.Settings {
		if s.Set {
			set = append(set, s.Name+" "+s.Value+" "+s.Usual)
		}
	}
	if want := []string{"d 2 5", "length 6 50", "batch 32 1024", "train 128 16384",
		"test 32 1024", "epochs 4 200", "eval_every 4 16"}; !slices.Equal(set, want) {
		t.Errorf("set are %q, want %q", set, want)
	}
	facts := fmt.Sprint(page.Facts)
	for _, want := range []string{"{step 16 of 16}", "Bayes floor, the least possible error 0.125; " +
		"the last error is ", "{tags all only-c}"} {
		if !strings.Contains(facts, want) {
			t.Errorf("the facts %s lack %s", facts, want)
		}
	}
	first, err := http.Get(server.url + "/api/runs?" + url.Values{"tag": {"all"}}.Encode())
	if err != nil {
		t.Fatal(err)
	}
	first.Body.Close()
	if tag = first.Header.Get("ETag"); tag == "" {
		t.Fatal("the list has no tag")
	}
	if status, _, _ := ask("tag=all"); status != http.StatusNotModified {
		t.Errorf("nothing has changed: %d", status)
	}
	if _, err := run.SetLabel(filepath.Join(server.runs, "b"), func(l *run.Label) {
		l.Note = "another"
	}); err != nil {
		t.Fatal(err)
	}
	time.Sleep(freshness)
	if status, list, _ := ask("note=another"); status != 200 || len(list) != 1 {
		t.Errorf("a note has changed: %d, %q", status, list)
	}
}
