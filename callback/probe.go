package callback

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/restanza/restanza/stanza"
)

const (
	probeTimeout = 10 * time.Second // or the time limit of requests, if that is less
	probeGap     = 2 * time.Second  // the least time between two probes of a callback that answers
	firstDelay   = time.Second      // before a callback that did not answer is probed again
	maxDelay     = time.Minute
)

// watch probes the callback: at once, again and again while it gives no answer,
// and when stanzas get none. It never delays a stanza. It ends with ctx.
func (c *Callback) watch(ctx context.Context) {
	var reason error // a stanza got no answer, which is why the callback is probed
	var told string  // the last news about a probe that was answered
	for failures := 0; ctx.Err() == nil; {
		probed, err := c.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		if err != nil && !c.answering.Load() {
			if failures > 0 || c.o.Patience == 0 { // what is just being started needs no word
				c.lost(err)
			}
			delay := min(maxDelay, firstDelay<<min(failures, 10))
			failures++
			delay = delay/2 + rand.N(delay/2) //nolint:gosec // jitter needs no secrecy
			reason = c.pause(ctx, delay, c.wake)
			continue
		}
		failures = 0
		if c.back() && c.o.Journal != nil {
			c.queue.tryNow(time.Now())
		}
		c.tell(probed.Says, told, reason)
		told = probed.Says
		_ = c.pause(ctx, probeGap, nil)
		reason = c.pause(ctx, 0, c.wake)
	}
}

// pause waits for d, 0 meaning for ever, for a reason from wake, and for the
// end of ctx.
func (c *Callback) pause(ctx context.Context, d time.Duration, wake <-chan error) (reason error) {
	var over <-chan time.Time
	if d > 0 {
		timer := time.NewTimer(d)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case <-over:
	case reason = <-wake:
	case <-ctx.Done():
	}
	return reason
}

// errProbePanic is the failure of a probe that did not come back.
var errProbePanic = errors.New("the probe panicked")

// Probed is the answer to a probe.
type Probed struct {
	Status int
	Says   string    // what the answer says about the format of requests, in words
	Format string    // the media type that stanzas are posted as after this answer
	Date   time.Time // the callback's clock, to the second (RFC 9110 §6.6.1); zero: it does not say
}

// Probe asks the callback once, as Run does at its start, and waits for the
// answer: at most ten seconds, or Options.Timeout if that is less. Of the
// options Reply, limits of queues, Logger and Metrics do not count. An error means
// that there was no answer, unless an option is wrong; Explain tells more.
func Probe(ctx context.Context, o Options) (Probed, error) {
	o.Reply = func(stanza.Stanza) error { return errStopped } // a probe is no stanza, so that nothing replies
	o.Logger, o.Metrics = nil, nil
	c, err := New(o)
	if err != nil {
		return Probed{}, err
	}
	if t, ok := c.client.(interface{ CloseIdleConnections() }); ok {
		defer t.CloseIdleConnections()
	}
	return c.probe(ctx)
}

// probe asks the callback which format it wants, with an OPTIONS request. An
// error means that there was no answer.
func (c *Callback) probe(ctx context.Context) (answer Probed, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, min(probeTimeout, c.o.Timeout), errTimeout)
	defer cancel()
	err = errProbePanic
	c.guard(stanza.Stanza{}, func() { answer, err = c.options(ctx) })
	if errors.Is(context.Cause(ctx), errTimeout) {
		err = errTimeout
	}
	return answer, err
}

// options makes the OPTIONS request and applies its answer.
func (c *Callback) options(ctx context.Context) (Probed, error) {
	resp, err := c.request(ctx, http.MethodOptions, probeFields(c.o.Domain), c.headers.common(), nil) //nolint:bodyclose // finish closes it
	if err != nil {
		return Probed{}, err
	}
	defer finish(resp.Body)
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = time.Time{} // missing, or of no use
	}
	says := c.choose(resp)
	return Probed{Status: resp.StatusCode, Says: says, Format: c.format.Load().MediaType, Date: date}, nil
}

// choose takes the format of requests from the answer to the probe. Many
// frameworks answer OPTIONS with an error of one sort or another; that says
// nothing about stanzas. Nor does an Accept header in which no format of ours
// stands: then the configured one is a better guess than mod_rest's, which is XML.
func (c *Callback) choose(resp *http.Response) (news string) {
	if resp.StatusCode != http.StatusOK {
		return fmt.Sprintf("status %d: it does not say which format it wants, which is fine", resp.StatusCode)
	}
	accept := strings.Join(resp.Header.Values("Accept"), ",")
	f := requestFormat(accept)
	if f == nil {
		c.format.Store(c.o.Format)
		if accept == "" {
			return "it does not say which format it wants"
		}
		return "it asks for no format in particular, or for one that there is not here"
	}
	c.format.Store(c.o.profiled(f))
	return "it wants this format"
}

// tell logs the answer to a probe, if it says something new. The reason is that
// of the probe: a stanza without an answer, though the callback is there.
func (c *Callback) tell(news, told string, reason error) {
	if news != "" && news != told {
		c.log.Info("callback is there", slog.String("answer", news), slog.String("format", c.format.Load().MediaType))
	}
	if reason == nil {
		return
	}
	if omitted, ok := c.failing.Allow(time.Now()); ok {
		c.log.Warn("callback answers, but gave no answer to a stanza", c.meanwhile("it is tried again if it can wait, else its sender gets recipient-unavailable",
			"its sender gets recipient-unavailable"),
			slog.String("error", shorten(reason)), slog.Int("not_logged", omitted))
	}
}

// lost notes that the callback gives no answer to the probe, and said nothing
// to the last stanza either, if there was one.
func (c *Callback) lost(err error) {
	switch {
	case !c.down.CompareAndSwap(false, true):
	case refused(err):
		c.log.Warn("callback's host leads to an address that is not connected to; stanzas get recipient-unavailable: correct the host, or write the address itself in the URL",
			slog.String("error", shorten(err)))
	case c.o.Patience > 0 && unreachable(err):
		c.log.Warn("nothing listens at the callback yet; messages wait, and arrive as soon as something does",
			slog.Duration("at_most", c.o.Patience), slog.String("error", shorten(err)))
	default:
		c.log.Warn("callback gives no answer: is it running, and is the URL right?",
			c.meanwhile("messages wait, and all else gets recipient-unavailable", "stanzas get recipient-unavailable"),
			slog.String("error", shorten(err)))
	}
}

// meanwhile tells the operator what becomes of stanzas, which depends on whether they wait for a callback that is down.
func (c *Callback) meanwhile(kept, lost string) slog.Attr {
	if c.o.Journal != nil && c.o.MaxAge > 0 {
		return slog.String("meanwhile", kept)
	}
	return slog.String("meanwhile", lost)
}

// back notes that the callback gave an answer to something. It reports whether
// that is news.
func (c *Callback) back() bool {
	if !c.down.Load() || !c.down.CompareAndSwap(true, false) {
		return false
	}
	c.log.Info("callback answers again")
	return true
}

// answers notes that a stanza got an answer.
func (c *Callback) answers() {
	if !c.answering.Load() {
		c.answering.Store(true)
	}
	if c.back() {
		c.rouse(nil) // the probe has still to ask for the format
	}
}

// suspect notes that a stanza got no answer.
func (c *Callback) suspect(err error) {
	c.answering.Store(false)
	if !c.down.Load() {
		c.rouse(err)
	}
}

// rouse wakes the watch, unless it is about to wake.
func (c *Callback) rouse(reason error) {
	select {
	case c.wake <- reason:
	default:
	}
}
