package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// sample is a report of three rounds in which machine speed changes a lot.
func sample() *report {
	r := &report{Rounds: 3}
	for round, speed := range []float64{100, 500, 1000} {
		for _, p := range []struct {
			name string
			rate float64
			cpu  time.Duration
		}{{gatewayName, 0.8, 150}, {jsonName, 0.7, 180}, {limitName, 1, 110}, {bareName, 2, 100}} {
			r.Measurements = append(r.Measurements, measurement{
				Program: p.name, Server: sinkName, Mode: modeSend, Connections: 16, Round: round + 1,
				Done: 10, Rate: p.rate * speed, CPU: time.Duration(float64(p.cpu) * speed), counts: counts{Arrived: 10},
			})
		}
	}
	for i, ratio := range []float64{1.1, 1.2, 1.3} { // and as many of the callback, in which a journal costs that
		for name, cpu := range map[string]float64{gatewayName: 1000, journalName: 1000 * ratio} {
			r.Measurements = append(r.Measurements, measurement{
				Program: name, Server: prosodyName, Mode: modeCallback, Connections: 64, Round: i + 1, Done: 10, CPU: time.Duration(cpu),
			})
		}
	}
	return r
}

// Ratios are taken round by round.
func TestReport_ratios(t *testing.T) {
	s := sample().summaries()[0]
	if s.rate != 400 || s.ofLimit != 0.8 || s.ofBare != 1.5 {
		t.Errorf("rate %v, of the limit %v, of the bare handler %v; want 400, 0.8, 1.5", s.rate, s.ofLimit, s.ofBare)
	}
}

func TestReport_verdicts(t *testing.T) {
	r := sample()
	r.Footprint = &footprint{Ready: time.Second, Idle: 39 << 20}
	r.Measurements[0].Lost = 1
	var got []string
	for _, v := range r.verdicts() {
		got = append(got, v.String())
	}
	for _, want := range []string{
		"MET           send through sink at least 0.70 of the limit: 16: 0.80",
		"NOT MEASURED  send through prosody at least 0.85 of the limit",
		"MET           processor time per POST against the sink at most 1.6 of the bare handler's: 16: 1.50",
		"MET           processor time per POST in JSON against the sink at most 1.3 of that in XML: 16: 1.20",
		"NOT MET       processor time from message to reply with a journal at most 1.15 of that without: prosody 64: 1.20",
		"NOT MET       no loss, no duplicates: 60 arrived, 1 lost, 0 doubled",
		"MET           resident memory when idle under 40 MB: 39.0 MB",
		"NOT MEASURED  resident memory with 10,000 outstanding queries under 200 MB",
		"NOT MET       start to ready under 200ms: 1000.00 ms",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("there is no verdict %q among\n%s", want, strings.Join(got, "\n"))
		}
	}
}
