package main

import "time"

// cell is what was measured in several rounds.
type cell struct {
	Server      string
	Mode        mode
	Connections int
	Program     string
}

func (m *measurement) cell() cell { return cell{m.Server, m.Mode, m.Connections, m.Program} }

// summary has a cell's medians over its rounds, and the sums of what was wrong.
type summary struct {
	cell
	rate            float64
	answer, arrival spread
	cpu, serverCPU  time.Duration
	ofLimit, ofBare float64 // of the limit's rate, of the bare handler's processor time; 0: unknown
	ofGateway       float64 // of the gateway's processor time, for XML and without a journal; 0: unknown
	counts          counts
}

// summaries returns the cells in the order in which they were measured first.
func (r *report) summaries() (all []summary) {
	known := make(map[cell]bool)
	for i := range r.Measurements {
		if c := r.Measurements[i].cell(); !known[c] {
			known[c] = true
			all = append(all, r.summary(c))
		}
	}
	return all
}

// of returns a cell's measurements.
func (r *report) of(c cell) (ms []measurement) {
	for _, m := range r.Measurements {
		if m.cell() == c {
			ms = append(ms, m)
		}
	}
	return ms
}

func (r *report) summary(c cell) summary {
	ms := r.of(c)
	s := summary{
		cell:      c,
		rate:      medianOf(ms, func(m measurement) float64 { return m.Rate }),
		answer:    medianSpread(ms, func(m measurement) spread { return m.Answer }),
		arrival:   medianSpread(ms, func(m measurement) spread { return m.Arrival }),
		cpu:       medianOf(ms, func(m measurement) time.Duration { return m.CPU }),
		serverCPU: medianOf(ms, func(m measurement) time.Duration { return m.ServerCPU }),
		ofLimit:   r.ratio(c, limitName, func(m measurement) float64 { return m.Rate }),
		ofBare:    r.ratio(c, bareName, func(m measurement) float64 { return float64(m.CPU) }),
		ofGateway: r.ratio(c, gatewayName, func(m measurement) float64 { return float64(m.CPU) }),
	}
	for _, m := range ms {
		s.counts.Arrived += m.Arrived
		s.counts.Duplicates += m.Duplicates
		s.counts.Reordered += m.Reordered
		s.counts.Strays += m.Strays
		s.counts.Lost += m.Lost
	}
	return s
}

// ratio compares a cell with another program's, round by round, and returns the
// median; 0 if there is nothing to compare.
func (r *report) ratio(c cell, program string, value func(measurement) float64) float64 {
	other := c
	other.Program = program
	byRound := make(map[int]float64)
	for _, m := range r.of(other) {
		byRound[m.Round] = value(m)
	}
	var ratios []float64
	for _, m := range r.of(c) {
		if base := byRound[m.Round]; base > 0 {
			ratios = append(ratios, value(m)/base)
		}
	}
	return median(ratios)
}

func medianOf[T float64 | time.Duration](ms []measurement, value func(measurement) T) T {
	values := make([]T, len(ms))
	for i, m := range ms {
		values[i] = value(m)
	}
	return median(values)
}

func medianSpread(ms []measurement, value func(measurement) spread) spread {
	return spread{
		Median: medianOf(ms, func(m measurement) time.Duration { return value(m).Median }),
		P99:    medianOf(ms, func(m measurement) time.Duration { return value(m).P99 }),
	}
}
