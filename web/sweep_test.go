package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"icar/figure"
	"icar/train"
)

// grid is a sweep of depth × attention × seed whose test error is known: depth 1 has
// 4, 5 or 6, 7 with softmax, and depth 2 a tenth of that.
func grid(t *testing.T) (lines, table string) {
	t.Helper()
	var rows []string
	for _, depth := range []int{1, 2} {
		for soft, attention := range []string{"linear", "softmax"} {
			for seed := range 2 {
				c := train.DefaultConfig()
				c.Depth, c.Seed = depth, uint64(seed)
				if soft == 1 {
					c.Attention = "softmax"
				}
				c, err := c.Resolve()
				if err != nil {
					t.Fatal(err)
				}
				config, err := json.Marshal(c)
				if err != nil {
					t.Fatal(err)
				}
				id := fmt.Sprintf("%d-%s-%d", depth, attention, seed)
				test := float64(4+2*soft+seed) / math.Pow(10, float64(depth-1))
				lines += fmt.Sprintf(`{"version":1,"trial":%q,"config":%s,"result":{"steps":9,`+
					`"loss":1,"test_mse":%v,"position_mse":[]}}`+"\n", id, config, test)
				rows = append(rows, fmt.Sprintf("%s,%d,%s,%d,9,1,%v", id, depth, attention, seed,
					test))
			}
		}
	}
	return lines, "trial,depth,attention,seed,steps,loss,test_mse\n" + strings.Join(rows, "\n") + "\n"
}

// withSweep puts a sweep below a server's folder of runs.
func withSweep(t *testing.T, server started) {
	t.Helper()
	_, table := grid(t)
	if err := os.WriteFile(filepath.Join(server.runs, "grid.csv"), []byte(table),
		0o600); err != nil {
		t.Fatal(err)
	}
}

// The results of a sweep are read from both formats alike; brushes keep what is within
// them; the means at each value are those of what is kept.
func TestSweepOfAFile(t *testing.T) {
	server := withRun(t)
	lines, table := grid(t)
	for name, text := range map[string]string{"grid.jsonl": lines, "grid.csv": table,
		"notes.csv": "a,b\n1,2\n", "other.jsonl": "{}\n",
		"half.csv": table + "x,1,linear,zero,9,1,2\n", "wide.jsonl": strings.ReplaceAll(lines,
			`"mlp":0`, `"mlp":1000000000`)} {
		if err := os.WriteFile(filepath.Join(server.runs, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ask := func(query string, answer any) (int, string) {
		t.Helper()
		request, err := http.NewRequest("GET", server.url+"/api/"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		status, body := get(t, request)
		if status == http.StatusOK {
			if err := json.Unmarshal([]byte(body), answer); err != nil {
				t.Fatal(err)
			}
		}
		return status, body
	}
	var all []Sweep
	_, body := ask("sweeps", &all)
	if len(all) != 4 || all[0].ID != "grid.csv" || all[1].Done != 8 || all[1].Error != "" ||
		!strings.Contains(all[2].Error, "half.csv: trial 9: ") ||
		!strings.Contains(all[3].Error, "wide.jsonl: trial 1: ") {
		t.Fatalf("the sweeps are %s", body)
	}
	for query, want := range map[string]string{
		"": "2-linear-0 2-linear-1 2-softmax-0 2-softmax-1 1-linear-0 1-linear-1 1-softmax-0 " +
			"1-softmax-1",
		"&keep=depth%3D1": "1-linear-0 1-linear-1 1-softmax-0 1-softmax-1",
		"&keep=depth%3D1&keep=depth%3D2.0&keep=attention%3Dsoftmax&keep=seed%3D1": "2-softmax-1 " +
			"1-softmax-1",
		"&from=depth%3D1.5":                  "2-linear-0 2-linear-1 2-softmax-0 2-softmax-1",
		"&to=depth%3D1&below=5.5":            "1-linear-0 1-linear-1",
		"&from=seed%3D1&to=seed%3D0":         "",
		"&from=attention%3D0":                "",
		"&keep=attention%3Dlinear&below=0.5": "2-linear-0",
	} {
		for _, file := range []string{"grid.csv", "grid.jsonl"} {
			var page sweepPage
			status, body := ask("sweep?sweep="+file+query, &page)
			var ids []string
			for _, r := range page.Rows {
				ids = append(ids, r.ID)
			}
			if status != 200 || strings.Join(ids, " ") != want || page.Kept != len(ids) {
				t.Errorf("%s%s: %d, %q, %d kept; want %q: %.200s", file, query, status, ids,
					page.Kept, want, body)
			}
		}
	}
	var page sweepPage
	ask("sweep?sweep=grid.csv&keep=seed%3D0&mark=1-linear-1", &page)
	panels := page.Figures[0].Panels
	if len(panels) != 2 || panels[0].Title != "depth" ||
		panels[1].X.Label != "attention: 1 linear, 2 softmax" {
		t.Fatalf("the panels are %+v", panels)
	}
	at := func(p figure.Panel, label string) figure.Series {
		return p.Series[slices.IndexFunc(p.Series, func(s figure.Series) bool {
			return s.Label == label
		})]
	}
	if means := at(panels[0], "mean of the kept"); !slices.Equal(means.X, []float64{1, 2}) ||
		!slices.Equal(means.Y, []float64{5, 0.5}) || len(at(panels[0], "left out").X) != 4 {
		t.Errorf("the means by depth are %+v", means)
	}
	if best := at(panels[1], "the best kept"); best.X[0] != 1 || best.Y[0] != 0.4 {
		t.Errorf("the best is %+v", best)
	}
	if marked := at(panels[1], "trial 1-linear-1"); marked.X[0] != 1 || marked.Y[0] != 5 {
		t.Errorf("what is marked, though it is left out, is %+v", marked)
	}
	if facts := fmt.Sprint(page.Facts); !strings.Contains(facts, "test error 0.4 with depth=2 "+
		"attention=linear seed=0") || !strings.Contains(facts, "Bayes floor, mean 0.012") {
		t.Errorf("the facts are %s", facts)
	}
	for query, want := range map[string]int{"sweep?sweep=none": 404, "sweep": 404,
		"sweep?sweep=half.csv": 422, "sweep?sweep=grid.csv&keep=depht%3D1": 400,
		"sweep?sweep=grid.csv&from=depth%3Done": 400, "sweep?sweep=grid.csv&below=much": 400,
		"sweep?sweep=grid.csv&to=depth": 400} {
		if status, body := ask(query, nil); status != want {
			t.Errorf("%s: %d %s, want %d", query, status, body, want)
		}
	}
}

// away is a database that does not answer.
type away struct{}

var errAway = errors.New("the database does not answer")

func (away) Sweeps(context.Context) ([]Sweep, error)              { return nil, errAway }
func (away) Trials(context.Context, string, int) ([]Trial, error) { return nil, errAway }

// A database that does not answer is told of, and files are shown all the same.
func TestDatabaseThatIsAway(t *testing.T) {
	runs := t.TempDir()
	_, table := grid(t)
	if err := os.WriteFile(filepath.Join(runs, "grid.csv"), []byte(table), 0o600); err != nil {
		t.Fatal(err)
	}
	server := start(t, Options{Runs: runs, Sweeps: away{}})
	for path, want := range map[string]string{"sweeps": `"error":"the database does not answer"`,
		"sweep?sweep=grid.csv": `"kept":8`, "sweep?sweep=not+to+be+read": "does not answer"} {
		request, err := http.NewRequest("GET", server.url+"/api/"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if status, body := get(t, request); !strings.Contains(body, want) {
			t.Errorf("%s: %d %.300s, want %s", path, status, body, want)
		}
	}
}

// counted counts how often it is looked at.
type counted struct{ looks int }

func (c *counted) Sweeps(context.Context) ([]Sweep, error) {
	c.looks++
	return nil, nil
}
func (c *counted) Trials(context.Context, string, int) ([]Trial, error) { return nil, nil }

// However many ask, a database is looked at once in a while, and not on account of one
// who has left.
func TestSweepsAreLookedForOnce(t *testing.T) {
	c := new(counted)
	server := start(t, Options{Runs: t.TempDir(), Sweeps: c}).server
	gone, leave := context.WithCancel(t.Context())
	leave()
	server.sweeps(gone, sweepAge)
	for range 10 {
		server.sweeps(t.Context(), sweepAge)
	}
	if c.looks != 2 {
		t.Errorf("%d looks, want that of the client who left and one more", c.looks)
	}
	server.sweepList.at = time.Now().Add(-2 * sweepAge)
	if server.sweeps(t.Context(), sweepAge); c.looks != 3 {
		t.Errorf("after a while there are %d looks, want 3", c.looks)
	}
	if server.sweeps(t.Context(), 0); c.looks != 4 {
		t.Errorf("who wants it as it is now makes look %d, want 4", c.looks)
	}
}

// What has not come to a number is told, and neither drawn nor kept.
func TestTrialsWithoutAResult(t *testing.T) {
	c := train.DefaultConfig()
	trials := []Trial{{ID: "a", State: done, Config: c, TestMSE: 2},
		{ID: "b", State: "failed", Error: "diverged\nat step 3", Config: c},
		{ID: "c", State: done, Config: c, TestMSE: math.NaN()},
		{ID: "d", State: "pending", Config: c}, {ID: "e", State: "running", Error: "lost", Config: c}}
	trials[0].Config.Depth = 2
	page, err := newSweepPage(Sweep{Trials: 5, Done: 2}, trials, values{"below": "3"})
	if err != nil {
		t.Fatal(err)
	}
	var wrong []string
	for _, r := range page.Wrong {
		wrong = append(wrong, r.ID+" "+r.Says)
	}
	want := []string{"b failed: diverged; at step 3",
		"c done, and its test error is no finite number: it has diverged", "e running: lost"}
	if page.Kept != 1 || page.Rows[0].ID != "a" || !slices.Equal(wrong, want) {
		t.Errorf("kept %d, wrong %q, want %q", page.Kept, wrong, want)
	}
	if trials[0].values != nil {
		t.Error("what was handed in was changed")
	}
}
