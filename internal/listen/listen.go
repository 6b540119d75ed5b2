package listen

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/callback"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/internal/client"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

const (
	// most is how many stanzas may wait for the program, beside those that it has.
	most = 200
	// commands is how many commands run at once.
	commands = 8
	// replyTime bounds an attempt to send a reply.
	replyTime = 20 * time.Second
	// replyPatience is how long a reply waits for a gateway that is away.
	replyPatience = 10 * time.Minute
	// grace is for what the program is doing at the end, and parting for its replies after that.
	grace   = 2 * time.Second
	parting = 2 * time.Second
)

// Options of Listen. Client, and one of URL and Command, are required.
type Options struct {
	Client  *client.Client
	URL     string         // where stanzas are posted, as callback.Options has it
	Format  *format.Format // nil: XML
	Secret  string         // that requests are signed with, whsec_…; empty: they are not
	Command Command        // instead of URL
	NoReply bool           // nothing is sent back, whatever the answer

	Timeout  time.Duration // for an answer; 0: callback.DefaultTimeout
	Patience time.Duration // for a message or presence while nothing listens at URL

	Version string
	Logger  *slog.Logger   // nil: no logging
	Observe func(Exchange) // after each stanza, by several goroutines; it must not block
}

// Exchange is a stanza that was posted, and what came of it.
type Exchange struct {
	callback.Exchange
	At       time.Time // when it was over
	Outbound bool      // the component has sent it
	Withheld bool      // Reply and More were not sent, because the gateway has a callback of its own
}

// listener posts what a gateway receives.
type listener struct {
	o        Options
	callback *callback.Callback
	sending  context.Context //nolint:containedctx // what replies may still take after the end of Run's
	session  string          // part of the keys of replies
	replies  atomic.Int64
	room     chan struct{} // holds a token after something has been posted
	given    sync.Map      // *given by the id of the event
}

// given is an event that is being posted.
type given struct {
	event    client.Event
	failure  error // of the command
	withheld bool
}

// Listen posts what comes over a feed until ctx ends, or the feed. The error is nil after
// the end of ctx, and else that of Feed.Next, or about an option.
func Listen(ctx context.Context, feed *Feed, o Options) error {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	o.Timeout = cmp.Or(o.Timeout, callback.DefaultTimeout)
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	l := &listener{o: o, sending: sending, session: rand.Text()[:12], room: make(chan struct{}, 1)}
	var err error
	if l.callback, err = callback.New(l.options(feed.Component())); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(grace+parting, cut) })()
	done := make(chan error, 1)
	go func() { done <- l.callback.Run(ctx) }()
	err = l.read(ctx, feed)
	ended := ctx.Err() != nil
	stop()
	if err = errors.Join(err, <-done); ended {
		return nil
	}
	return err
}

// Check returns what Listen would say about the options, before there is a feed.
func (o Options) Check() error {
	l := listener{o: o}
	_, err := callback.New(l.options(jid.MustParse("localhost")))
	return err
}

// options returns those of the callback.
func (l *listener) options(component jid.JID) callback.Options {
	o := callback.Options{
		URL:        l.o.URL,
		Domain:     component,
		Format:     l.o.Format,
		Timeout:    l.o.Timeout,
		Patience:   l.o.Patience,
		QueueLimit: most,
		Grace:      grace,
		Reply:      func(stanza.Stanza) error { return errors.New("no event is answered") },
		Version:    l.o.Version,
		Logger:     l.o.Logger,
		Observe:    l.observe,
	}
	if l.o.Secret != "" {
		o.SigningSecrets = []string{l.o.Secret}
	}
	if l.o.Command != nil {
		o.URL, o.Transport, o.Concurrency = "http://command.invalid/", runner{l}, commands
		o.Logger = slog.New(warnings{l.o.Logger.Handler()})
	}
	return o
}

// read posts events. If there is no room it does not read on.
func (l *listener) read(ctx context.Context, feed *Feed) error {
	for {
		e, err := feed.Next(ctx)
		if err != nil {
			return err
		}
		g := &given{event: e, withheld: !l.o.NoReply && e.State == posted}
		l.given.Store(e.ID, g)
		for !l.callback.DeliverAs(e.ID, e.Stanza, l.replier(g)) {
			select {
			case <-l.room:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
	}
}

// posted is the state of what the gateway has given to a callback of its own.
const posted = "posted"

// replier returns what sends the replies to an event.
func (l *listener) replier(g *given) func(stanza.Stanza) error {
	if l.o.NoReply || g.withheld {
		return func(stanza.Stanza) error { return nil }
	}
	return func(st stanza.Stanza) error {
		key := fmt.Sprintf("listen-%s-%s-%d", l.session, g.event.ID, l.replies.Add(1))
		ctx, cancel := context.WithTimeout(l.sending, replyPatience)
		defer cancel()
		return l.send(ctx, client.Request{Body: st.XML(), Timeout: replyTime, Async: true, Key: key})
	}
}

// send sends a reply, again and again while the gateway is away.
func (l *listener) send(ctx context.Context, r client.Request) error {
	for pause := firstPause; ; pause = min(2*pause, mostPause) {
		_, err := l.o.Client.Post(ctx, r)
		if err == nil || !temporary(err) {
			return err
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return err
		}
	}
}

// temporary reports whether it makes sense to send something again.
func temporary(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		return false
	}
	switch e.Kind {
	case client.Unreachable, client.Failed, client.NoAnswer:
		return true
	case client.Refused:
		return e.Status == http.StatusTooManyRequests
	case client.Returned:
	}
	return false
}

// observe tells Options.Observe what came of an event, and that there is room.
func (l *listener) observe(x callback.Exchange) {
	select {
	case l.room <- struct{}{}:
	default:
	}
	v, ok := l.given.LoadAndDelete(x.ID)
	if !ok || l.o.Observe == nil {
		return
	}
	g := v.(*given)
	if l.o.NoReply {
		x.Reply, x.More = stanza.Stanza{}, nil
	}
	if l.o.Command != nil {
		x.Status, x.Err = 0, cmp.Or(g.failure, x.Err)
	}
	l.o.Observe(Exchange{
		Exchange: x, At: time.Now(), Outbound: g.event.Direction == "out",
		Withheld: g.withheld && !x.Reply.IsZero(),
	})
}

// warnings is a log of nothing less.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
