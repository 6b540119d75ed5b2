package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The targets.
const (
	targetProsody     = 0.85 // of the limit's rate, at least
	targetSink        = 0.7
	targetCPU         = 1.6                   // of the bare handler's processor time, at most
	targetJSON        = 1.3                   // of the processor time of the same POST in XML, at most
	targetJournal     = 1.15                  // of the processor time without a journal, at most
	targetArrival     = 20 * time.Millisecond // median at 64 connections through Prosody
	targetIdle        = 40 << 20              // bytes
	targetOutstanding = 200 << 20
	targetReady       = 200 * time.Millisecond
)

// verdict says whether a target is met.
type verdict struct {
	target  string
	figures []string
	missed  []string // for which of the figures
}

// String is the verdict as a line of a list.
func (v verdict) String() string {
	return fmt.Sprintf("%-13s %s", strings.ToUpper(v.outcome()), v.detail())
}

// sentence is the verdict for a document.
func (v verdict) sentence() string { return "**" + v.outcome() + "**: " + v.detail() }

func (v verdict) outcome() string {
	switch {
	case len(v.figures) == 0:
		return "not measured"
	case len(v.missed) == 0:
		return "met"
	}
	return "not met"
}

func (v verdict) detail() string {
	text := v.target
	if len(v.figures) > 0 {
		text += ": " + strings.Join(v.figures, ", ")
	}
	if n := len(v.missed); n > 0 && n < len(v.figures) {
		text += "; missed at " + strings.Join(v.missed, ", ")
	}
	return text
}

// add adds a figure.
func (v *verdict) add(where, figure string, met bool) {
	if where == "" {
		v.figures = append(v.figures, figure)
	} else {
		v.figures = append(v.figures, where+": "+figure)
	}
	if !met {
		v.missed = append(v.missed, where)
	}
}

// verdicts judges the gateway's figures, target by target.
func (r *report) verdicts() (all []verdict) {
	summaries := r.summaries()
	for _, m := range []mode{modeSend, modeIQ, modeCallback} {
		all = append(all, rateVerdict(summaries, prosodyName, m, targetProsody))
	}
	for _, m := range []mode{modeSend, modeIQ, modeCallback} {
		all = append(all, rateVerdict(summaries, sinkName, m, targetSink))
	}
	all = append(all, cpuVerdict(summaries), jsonVerdict(summaries), journalVerdict(summaries), arrivalVerdict(summaries), faultVerdict(summaries))
	return append(all, r.footprintVerdicts()...)
}

func rateVerdict(summaries []summary, server string, m mode, target float64) verdict {
	v := verdict{target: fmt.Sprintf("%s through %s at least %.2f of the limit", m, server, target)}
	for _, s := range summaries {
		if s.Program == gatewayName && s.Server == server && s.Mode == m && s.ofLimit > 0 {
			v.add(at(s), ratioText(s.ofLimit), s.ofLimit >= target)
		}
	}
	return v
}

func cpuVerdict(summaries []summary) verdict {
	v := verdict{target: fmt.Sprintf("processor time per POST against the sink at most %.1f of the bare handler's", targetCPU)}
	for _, s := range summaries {
		if s.Program == gatewayName && s.Server == sinkName && s.Mode == modeSend && s.ofBare > 0 {
			v.add(at(s), ratioText(s.ofBare), s.ofBare <= targetCPU)
		}
	}
	return v
}

func jsonVerdict(summaries []summary) verdict {
	v := verdict{target: fmt.Sprintf("processor time per POST in JSON against the sink at most %.1f of that in XML", targetJSON)}
	for _, s := range summaries {
		if s.Program == jsonName && s.Server == sinkName && s.Mode == modeSend && s.ofGateway > 0 {
			v.add(at(s), ratioText(s.ofGateway), s.ofGateway <= targetJSON)
		}
	}
	return v
}

func journalVerdict(summaries []summary) verdict {
	v := verdict{target: fmt.Sprintf("processor time from message to reply with a journal at most %.2f of that without", targetJournal)}
	for _, s := range summaries {
		if s.Program == journalName && s.Mode == modeCallback && s.ofGateway > 0 {
			v.add(s.Server+" "+at(s), ratioText(s.ofGateway), s.ofGateway <= targetJournal)
		}
	}
	return v
}

func arrivalVerdict(summaries []summary) verdict {
	v := verdict{target: fmt.Sprintf("median from POST to arrival under %s at 64 connections through Prosody", targetArrival)}
	for _, s := range summaries {
		if s.Program == gatewayName && s.Server == prosodyName && s.Mode == modeSend && s.Connections == 64 {
			v.add("", milliseconds(s.arrival.Median)+" ms", s.arrival.Median < targetArrival)
		}
	}
	return v
}

func faultVerdict(summaries []summary) verdict {
	v := verdict{target: "no loss, no duplicates"}
	arrived, lost, doubled := 0, 0, 0
	for _, s := range summaries {
		if s.Program == gatewayName || s.Program == jsonName || s.Program == journalName {
			arrived += s.counts.Arrived
			lost += s.counts.Lost
			doubled += s.counts.Duplicates + s.counts.Strays
		}
	}
	if arrived+lost+doubled > 0 {
		v.add("", fmt.Sprintf("%d arrived, %d lost, %d doubled", arrived, lost, doubled), lost+doubled == 0)
	}
	return v
}

func (r *report) footprintVerdicts() []verdict {
	idle := verdict{target: "resident memory when idle under 40 MB"}
	outstanding := verdict{target: "resident memory with 10,000 outstanding queries under 200 MB"}
	ready := verdict{target: fmt.Sprintf("start to ready under %s", targetReady)}
	if f := r.Footprint; f != nil {
		idle.add("", megabytes(f.Idle), f.Idle < targetIdle)
		ready.add("", milliseconds(f.Ready)+" ms", f.Ready < targetReady)
		if f.Queries > 0 {
			outstanding.add("", fmt.Sprintf("%s with %d (in JSON: %s, the limit: %s)", megabytes(f.Outstanding), f.Queries, megabytes(f.JSON), megabytes(f.Limit)), f.Outstanding < targetOutstanding)
		}
	}
	return []verdict{idle, outstanding, ready}
}

// at names a cell's number of connections.
func at(s summary) string { return strconv.Itoa(s.Connections) }

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/(1<<20)) }
