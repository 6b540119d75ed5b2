package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the measurement of memory.
const (
	settleTime      = time.Second // before memory is read
	outstandingTime = time.Minute // for all queries to arrive
	dialsAtOnce     = 64
)

// footprint is what the gateway takes, with the sink for a server.
type footprint struct {
	Ready       time.Duration `json:"ready_ns"`               // from the start of the process
	Idle        int64         `json:"idle_bytes"`             // resident, after the start
	Outstanding int64         `json:"outstanding_bytes"`      // resident, with Queries that wait for their answers
	JSON        int64         `json:"outstanding_json_bytes"` // the same, with queries in JSON
	Limit       int64         `json:"limit_bytes"`            // the same of the limit: net/http's share
	Queries     int           `json:"queries"`
}

// measureFootprint starts the gateway several times, at least twice, and takes the
// medians. The last two get queries that nobody answers, in JSON and in XML.
func measureFootprint(ctx context.Context, binary string, rounds, queries int) (result footprint, err error) {
	var (
		readies []time.Duration
		idles   []int64
	)
	result.Queries = queries
	err = withServer(ctx, sinkName, func(sink *server) error {
		for round := range rounds {
			gateway, ready, err := startGateway(ctx, binary, sink, "")
			if err != nil {
				return err
			}
			idle, err := settledMemory(ctx, gateway.process.id)
			switch {
			case err != nil || queries == 0:
			case round == rounds-2:
				result.JSON, err = outstandingMemory(ctx, sink, gateway.inJSON(), queries)
			case round == rounds-1:
				result.Outstanding, err = outstandingMemory(ctx, sink, gateway, queries)
			}
			gateway.process.stop()
			if err != nil {
				return err
			}
			readies = append(readies, ready)
			idles = append(idles, idle)
		}
		if queries == 0 {
			return nil
		}
		limit, _, err := startLimit(ctx, sink, "")
		if err != nil {
			return err
		}
		defer limit.process.stop()
		result.Limit, err = outstandingMemory(ctx, sink, limit, queries)
		return err
	})
	result.Ready, result.Idle = median(readies), median(idles)
	return result, err
}

// settledMemory waits a little and reads a process's resident memory.
func settledMemory(ctx context.Context, pid int) (int64, error) {
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-timer.C:
		return residentMemory(pid)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// outstandingMemory posts queries to a component that is silent, each on a
// connection of its own, and reads the program's memory when all have arrived.
func outstandingMemory(ctx context.Context, sink *server, p *program, queries int) (int64, error) {
	silent, err := dialComponent(ctx, sink.address, silentDomain, sink.secret)
	if err != nil {
		return 0, err
	}
	var arrived atomic.Int64
	ended := make(chan error, 1)
	go func() {
		ended <- silent.read(func([]byte) { arrived.Add(1) }, func() {})
	}()
	defer func() {
		silent.close()
		<-ended //nolint:errcheck // its error shows as queries that do not arrive
	}()
	posters, err := postAll(ctx, p, queries)
	defer func() {
		for _, poster := range posters {
			poster.conn.Close()
		}
	}()
	if err != nil {
		return 0, err
	}
	if err := await(ctx, outstandingTime, 10*time.Millisecond, func() error {
		if n := arrived.Load(); n < int64(queries) {
			return fmt.Errorf("only %d of %d queries have arrived", n, queries)
		}
		return nil
	}); err != nil {
		return 0, err
	}
	return settledMemory(ctx, p.process.id)
}

// postAll posts queries without waiting for the answers. What it returns is to be
// closed even if there is an error.
func postAll(ctx context.Context, p *program, queries int) ([]*poster, error) {
	var (
		mu      sync.Mutex
		posters []*poster
		failed  error
		next    atomic.Int64
	)
	inParallel(dialsAtOnce, func(int) {
		for i := int(next.Add(1)) - 1; i < queries && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
			text := query(senderAddress(i, p.domain), "inbox@"+silentDomain)
			poster, err := dialPoster(ctx, p, p.paths[modeIQ], text)
			if err == nil {
				err = poster.send(number{sender: i})
			}
			mu.Lock()
			if poster != nil {
				posters = append(posters, poster)
			}
			failed = errors.Join(failed, err)
			mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return posters, errors.Join(failed, ctx.Err())
}
