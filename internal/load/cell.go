package main

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// mode is what is measured.
type mode string

// The modes.
const (
	modeSend     mode = "send"
	modeIQ       mode = "iq"
	modeCallback mode = "callback"
)

// Limits of one measurement.
const (
	warmUp       = 250 * time.Millisecond // before each measurement, not counted
	drainTimeout = 30 * time.Second       // for what was accepted and has not arrived
)

// measurement is what one program did in one round at one number of connections.
type measurement struct {
	Program     string        `json:"program"`
	Server      string        `json:"server"`
	Mode        mode          `json:"mode"`
	Connections int           `json:"connections"`
	Round       int           `json:"round"`
	Done        int           `json:"done"`            // POSTs or callbacks that went well
	Refused     int           `json:"refused"`         // POSTs answered with another status
	Rate        float64       `json:"rate"`            // done per second, to the last arrival
	Answer      spread        `json:"answer"`          // from POST to HTTP response
	Arrival     spread        `json:"arrival"`         // from POST, or from the message, to arrival
	CPU         time.Duration `json:"cpu_ns"`          // of the program, for each done
	ServerCPU   time.Duration `json:"server_cpu_ns"`   // of the server, for each done
	Errors      []string      `json:"errors,omitzero"` // why it is worth nothing
	counts
}

func (m *measurement) fail(err error) {
	if err != nil {
		m.Errors = append(m.Errors, err.Error())
	}
}

// faulty reports whether something was lost, doubled or went wrong.
func (m *measurement) faulty() bool {
	return m.Lost > 0 || m.Duplicates > 0 || m.Strays > 0 || m.Refused > 0 || len(m.Errors) > 0
}

// bench runs measurements through one server.
type bench struct {
	server   *server
	receiver *receiver
	hook     *hook
	cells    int // measurements made, warm-ups included
}

// measure makes one measurement, after a warm-up whose figures are dropped unless
// something was wrong with it.
func (b *bench) measure(ctx context.Context, p *program, m mode, connections int, duration time.Duration) measurement {
	once := b.load
	if m == modeCallback {
		once = b.loadCallback
	}
	if warm := once(ctx, p, m, connections, warmUp); warm.faulty() {
		warm.Errors = append(warm.Errors, "in the warm-up")
		return warm
	}
	return once(ctx, p, m, connections, duration)
}

// begin starts the accounts of a measurement.
func (b *bench) begin(p *program, m mode, connections int) (measurement, *accounts) {
	b.cells++
	result := measurement{Program: p.name, Server: b.server.name, Mode: m, Connections: connections}
	a := &accounts{bench: b, program: p, tracker: newTracker(b.cells, connections, time.Now())}
	a.programCPU, a.err = processorTime(p.process.id)
	if a.err == nil {
		a.serverCPU, a.err = processorTime(b.server.process.id)
	}
	return result, a
}

// accounts are those of one measurement that is under way.
type accounts struct {
	bench                 *bench
	program               *program
	tracker               *tracker
	programCPU, serverCPU time.Duration // used before
	err                   error         // of reading them
}

// settle fills in what processors have done, and checks that both processes live.
func (a *accounts) settle(m *measurement) {
	for _, p := range []*process{a.program.process, a.bench.server.process} {
		select {
		case <-p.ended:
			m.fail(p.failed())
			return
		default:
		}
	}
	m.fail(a.err)
	if m.Done == 0 {
		m.fail(fmt.Errorf("nothing went through the %s", a.program.name))
		return
	}
	now, err := processorTime(a.program.process.id)
	m.fail(err)
	m.CPU = (now - a.programCPU) / time.Duration(m.Done)
	now, err = processorTime(a.bench.server.process.id)
	m.fail(err)
	m.ServerCPU = (now - a.serverCPU) / time.Duration(m.Done)
}

// inParallel calls f for 0 to n-1, all at once, and waits.
func inParallel(n int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(i) })
	}
	all.Wait()
}

// perSecond is a rate.
func perSecond(n int, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}
