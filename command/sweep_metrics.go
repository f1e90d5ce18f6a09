package command

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// meter counts what a worker does.
type meter struct {
	steps, results, ended prometheus.Counter
	running               prometheus.Gauge
}

func newMeter() *meter {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	return &meter{
		steps:   counter("icar_steps_total", "Training steps made."),
		results: counter("icar_results_total", "Results recorded."),
		ended:   counter("icar_attempts_total", "Attempts at a trial that have ended in any way."),
		running: prometheus.NewGauge(prometheus.GaugeOpts{Name: "icar_trials_running",
			Help: "Trials at work."}),
	}
}

func (m *meter) step()     { m.steps.Inc() }
func (m *meter) recorded() { m.results.Inc() }

// begin counts a trial as at work until the function that it returns is called.
func (m *meter) begin() func() {
	m.running.Inc()
	return func() { m.running.Dec(); m.ended.Inc() }
}

// serveMetrics serves a meter for Prometheus until stop is called; an address
// without a host is on loopback, and none serves nothing.
func serveMetrics(address string, log *slog.Logger) (m *meter, stop func(), err error) {
	m = newMeter()
	if address == "" {
		return m, func() {}, nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, nil, fmt.Errorf("--metrics %s is no address: use 127.0.0.1:9090", address)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.steps, m.results, m.ended, m.running)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	listener, err := net.Listen("tcp", net.JoinHostPort(host, port))
	if err != nil {
		return nil, nil, fmt.Errorf("--metrics: %w: choose another port", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			log.Warn("metrics are no longer served", "error", err)
		}
	}()
	log.Info("serving metrics", "at", "http://"+listener.Addr().String()+"/metrics")
	return m, func() { _ = server.Close() }, nil
}
