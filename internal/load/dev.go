package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"
)

const (
	fewClients   = 10
	echoTimeout  = time.Minute // for all echoes
	loginsAtOnce = 64
)

// devFootprint is what restanza dev takes, and what it gives its clients.
type devFootprint struct {
	FirstLine time.Duration `json:"first_line_ns"` // from the start of the process; the median of the rounds
	Few       int64         `json:"few_bytes"`     // resident, with fewClients that have talked to the bot
	Many      int64         `json:"many_bytes"`    // resident, with Clients
	Clients   int           `json:"clients"`
	Login     time.Duration `json:"login_ns"`  // until all were logged in
	Echoes    time.Duration `json:"echoes_ns"` // until all had the echo of a message each, all sent at once
	Echo      spread        `json:"echo"`      // from message to echo
	Lost      int           `json:"lost"`
	Others    int           `json:"others"` // what came that was no echo, or twice
}

// measureDev starts the built-in host with its echo bot, and lets clients talk
// to the bot.
func measureDev(ctx context.Context, binary string, rounds, clients int) (f devFootprint, err error) {
	f.Clients = clients
	var firsts []time.Duration
	for round := range rounds {
		d, err := startDev(ctx, binary)
		if err != nil {
			return f, err
		}
		firsts = append(firsts, d.firstLine)
		if round == rounds-1 {
			err = f.measure(ctx, d)
		}
		d.process.stop()
		if err != nil {
			return f, fmt.Errorf("%w; it said: %s", err, d.process.output)
		}
	}
	f.FirstLine = median(firsts)
	return f, nil
}

// devProcess is a running restanza dev.
type devProcess struct {
	process   *process
	clients   string // host:port of its XMPP host
	firstLine time.Duration
}

// startDev starts restanza dev and waits until it has printed something and
// serves.
func startDev(ctx context.Context, binary string) (*devProcess, error) {
	var addresses [3]string
	for i := range addresses {
		var err error
		if addresses[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), binary, "dev", //nolint:gosec // just built, or named by the user
		"--listen", addresses[0], "--xmpp-listen", addresses[1], "--xmpp-tls-listen", addresses[2])
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	started := time.Now()
	p, err := startProcess(cmd)
	if err != nil {
		return nil, fmt.Errorf("starting restanza dev: %w", err)
	}
	p.name = "restanza dev"
	_, err = io.ReadFull(stdout, make([]byte, 1))
	d := &devProcess{process: p, clients: addresses[1], firstLine: time.Since(started)}
	go func() {
		_, _ = io.Copy(p.output, stdout) // its lines; they end with it
		p.watch()
	}()
	if err == nil {
		err = await(ctx, readyTimeout, time.Millisecond, func() error { return ready(ctx, addresses[0]) })
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("restanza dev is not ready: %w; it said: %s", err, p.output)
	}
	return d, nil
}

// measure lets clients talk to the bot: a few, and then all.
func (f *devFootprint) measure(ctx context.Context, d *devProcess) error {
	var users []*user
	defer func() {
		for _, u := range users {
			u.close()
		}
	}()
	few, err := logins(ctx, d.clients, 0, min(fewClients, f.Clients))
	users = append(users, few...)
	if err != nil {
		return err
	}
	if _, lost, _ := talk(users, "few"); lost != nil {
		return lost
	}
	if f.Few, err = settledMemory(ctx, d.process.id); err != nil {
		return err
	}
	began := time.Now()
	others, err := logins(ctx, d.clients, len(few), f.Clients)
	users = append(users, others...)
	if err != nil {
		return err
	}
	f.Login = time.Since(began)
	began = time.Now()
	times, lost, further := talk(users, "many")
	f.Echoes = time.Since(began)
	f.Echo, f.Lost, f.Others = spreadOf(times), f.Clients-len(times), further
	if f.Many, err = settledMemory(ctx, d.process.id); err != nil {
		return err
	}
	return lost
}

// logins logs in clients numbered from first to end, each with a resource of its
// own. What it returns is to be closed even if there is an error.
func logins(ctx context.Context, host string, first, end int) (users []*user, err error) {
	var mu sync.Mutex
	var next atomic.Int64
	next.Store(int64(first))
	inParallel(loginsAtOnce, func(int) {
		for i := next.Add(1) - 1; i < int64(end) && ctx.Err() == nil; i = next.Add(1) - 1 {
			account := [...]string{"alice", "bob"}[i%2]
			u, loginErr := login(ctx, host, account, "secret", fmt.Sprintf("client%d", i))
			mu.Lock()
			if u != nil {
				users = append(users, u)
			}
			err = errors.Join(err, loginErr)
			mu.Unlock()
			if loginErr != nil {
				return
			}
		}
	})
	return users, errors.Join(err, ctx.Err())
}

// talk has all users send the bot a message at once. It returns the times of the
// echoes, the errors of those who got none, and how much came that was no echo.
func talk(users []*user, word string) (times []time.Duration, lost error, others int) { //nolint:revive,staticcheck // lost is a finding, not a failure of talk
	var mu sync.Mutex
	var wait sync.WaitGroup
	for i, u := range users {
		wait.Go(func() {
			took, further, err := u.echo(fmt.Sprintf("%s %d", word, i), echoTimeout)
			mu.Lock()
			defer mu.Unlock()
			others += further
			if err != nil {
				lost = errors.Join(lost, err)
				return
			}
			times = append(times, took)
		})
	}
	wait.Wait()
	return times, lost, others
}

// text is for the terminal.
func (f *devFootprint) text() string {
	return fmt.Sprintf(`restanza dev
  start of the process to its first output   %v
  resident with %d clients                   %s
  resident with %d clients                 %s
  logging in %d clients                    %v
  a message to the bot and its echo          %v (p99 %v), all %d within %v
  lost %d, unexpected %d
`,
		f.FirstLine.Round(100*time.Microsecond), fewClients, megabytes(f.Few), f.Clients, megabytes(f.Many), f.Clients-fewClients, f.Login.Round(time.Millisecond),
		f.Echo.Median.Round(time.Millisecond), f.Echo.P99.Round(time.Millisecond), f.Clients, f.Echoes.Round(time.Millisecond), f.Lost, f.Others)
}
