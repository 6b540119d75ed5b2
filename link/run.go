package link

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Run connects to the server, and again whenever the connection breaks, until
// ctx ends. Then it takes no more stanzas, has the accepted ones written and
// confirmed for up to DrainTimeout, ends the stream and returns nil. It may be
// called once.
func (c *Component) Run(ctx context.Context) error {
	if !c.started.CompareAndSwap(false, true) {
		return errors.New("component link: Run was called before")
	}
	c.state.start(c.o.Address)
	var expiring sync.WaitGroup
	ended := make(chan struct{})
	expiring.Go(func() { c.expire(ended) })

	var b backoff
	connected := false
	for ctx.Err() == nil {
		a := c.attempt(ctx, connected)
		if ctx.Err() != nil {
			break
		}
		connected = connected || a.up > 0
		c.pause(ctx, b.next(a, time.Now()), a)
	}
	close(ended)
	expiring.Wait()
	c.giveUp(c.window.end(errShuttingDown), errShuttingDown)
	c.state.down("shut down")
	c.log.Info("link closed", "server", c.o.Address)
	return nil
}

// expire gives up stanzas whose time is over, until the channel is closed.
func (c *Component) expire(ended <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			o := c.window.expire(now)
			c.giveUp(o, errUnconfirmed)
			c.reportUnconfirmed(o, now)
		case <-ended:
			return
		}
	}
}

func (c *Component) giveUp(o outcome, why error) {
	for _, e := range o.dropped {
		c.dropped(e.st, why)
	}
}

// reportUnconfirmed says that pongs are missing although the link is up.
func (c *Component) reportUnconfirmed(o outcome, now time.Time) {
	if o.unconfirmed == 0 {
		return
	}
	if more, ok := c.unconfirmedLog.Allow(now); ok {
		c.log.Warn("the server does not confirm stanzas", "count", o.unconfirmed, "pinged", c.o.ConfirmTo.String(), "not_logged", more,
			"hint", noPongHint)
	}
}

// attempt makes one connection and serves it until it ends.
func (c *Component) attempt(ctx context.Context, again bool) attempt {
	c.state.next(time.Time{})
	s, err := c.connect(ctx)
	if err != nil {
		c.metrics.ended(err)
		return attempt{err: err}
	}
	if again {
		c.metrics.reconnects.Inc()
	}
	c.window.open()
	c.metrics.up.Set(1)
	c.state.up()
	c.log.Info("link up", "server", c.o.Address)
	began := time.Now()
	how, err := s.serve(ctx)
	c.metrics.up.Set(0)
	c.metrics.ended(err)

	o := c.window.lost(how, err)
	c.reportPoison(o, err)
	return attempt{
		err:    err,
		up:     max(time.Since(began), 1),
		resend: o.resend,
		blamed: how == blaming && (o.poison != nil || o.resend > 0),
	}
}

// reportPoison says which stanza was dropped for the end of a connection.
func (c *Component) reportPoison(o outcome, err error) {
	if o.poison == nil {
		return
	}
	c.metrics.poisonous.Inc()
	st := o.poison.st
	c.log.Error("stanza dropped: the server ends the stream because of it", "kind", st.Kind(), "id", st.ID(), "error", err)
	if o.poison.promise == reply {
		c.dropped(st, poisonous(err))
	}
}

// pause waits before the next attempt, having said why and for how long.
func (c *Component) pause(ctx context.Context, delay time.Duration, a attempt) {
	why := explain(a.err, c.o.Address, c.o.Domain.String(), a.up > 0)
	next := time.Now().Add(delay)
	c.state.down(why)
	c.state.next(next)
	c.window.refuse(down(a.err, next))
	log := c.log.With("server", c.o.Address, "reason", why, "error", a.err, "retry_in", delay.Round(time.Millisecond))
	if a.up > 0 {
		log.Warn("link down", "resend", a.resend)
	} else {
		log.Warn("connecting failed")
	}

	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
