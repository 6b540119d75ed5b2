package restanza

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/callback"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/events"
	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/httpd"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/link"
	"github.com/restanza/restanza/stanza"
)

// part is everything that belongs to one component.
type part struct {
	config   *config.Component
	link     *link.Component
	gateway  *gateway.Component
	callback *callback.Callback // nil without a callback URL
	events   *events.Log        // nil: there is none
}

// newPart builds the parts of one component and connects them: the link hands
// what comes in to the gateway, the gateway to the callback, and both answer
// over the link.
func newPart(o Options, c *config.Component, j *journal.Journal, registry prometheus.Registerer) (*part, error) {
	p := &part{config: c}
	log := o.Logger.With(slog.String("component", c.Domain.String()))
	metrics := prometheus.WrapRegistererWith(prometheus.Labels{"component": c.Domain.String()}, registry)

	var err error
	if p.link, err = p.newLink(o.Logger, metrics); err != nil {
		return nil, err
	}
	if e := o.Config.Events; e.MaxAge > 0 && e.MaxEvents > 0 {
		if p.events, err = p.newEvents(e, j, log, metrics); err != nil {
			return nil, err
		}
	}
	var receiver gateway.Receiver
	switch {
	case c.Callback.URL != "":
		if p.callback, err = p.newCallback(o, j, log, metrics); err != nil {
			return nil, err
		}
		receiver = p.callback
	case o.Receiver != nil:
		receiver = o.Receiver(c.Domain, p.reply)
	}
	filter, err := gateway.NewFilter(c.Callback.Stanzas, c.Callback.Events)
	if err != nil {
		return nil, err
	}
	p.gateway, err = gateway.New(gateway.Options{
		Domain:         c.Domain,
		Link:           p.link,
		Receiver:       receiver,
		Filter:         filter,
		IQTimeout:      c.IQTimeout.Std(),
		IQMaxTimeout:   c.IQMaxTimeout.Std(),
		MaxOutstanding: c.MaxOutstandingIQs,
		MaxStanza:      p.maxStanza(),
		Outbox:         p.outbox(o, j),
		Events:         p.events,
		Version:        o.Version,
		Logger:         log,
		Metrics:        metrics,
		Observe:        watchAnswers(c.Domain, o.Traffic),
	})
	return p, err
}

func (p *part) newLink(log *slog.Logger, metrics prometheus.Registerer) (*link.Component, error) {
	return link.NewComponent(link.ComponentOptions{
		Domain:         p.config.Domain,
		Address:        p.config.Server,
		Secret:         p.config.Secret.Reveal(),
		Receive:        p.receive,
		ConfirmTimeout: p.config.ConfirmTimeout.Std(),
		Logger:         log,
		Metrics:        metrics,
	})
}

func (p *part) newCallback(o Options, j *journal.Journal, log *slog.Logger, metrics prometheus.Registerer) (*callback.Callback, error) {
	c := &p.config.Callback
	return callback.New(callback.Options{
		URL:            c.URL.Reveal(),
		SigningSecrets: reveal(c.SigningSecrets),
		Authorization:  c.Authorization.Reveal(),
		Header:         c.Header(),
		Domain:         p.config.Domain,
		Format:         format.Named(c.ContentType),
		StrictJSON:     o.Config.HTTP.JSONProfile == strictProfile,
		Journal:        j,
		MaxAge:         c.MaxAge.Std(),
		RetryFirst:     c.RetryFirst.Std(),
		RetryMax:       c.RetryMax.Std(),
		Timeout:        c.Timeout.Std(),
		Patience:       o.Patience,
		Concurrency:    c.Concurrency,
		QueueLimit:     c.QueueLimit,
		MaxStanza:      p.maxStanza(),
		Grace:          o.Config.ShutdownGrace.Std(),
		Reply:          p.reply,
		Version:        o.Version,
		Logger:         log,
		Metrics:        metrics,
		Observe:        watchCallback(p.config.Domain, o.Traffic),
	})
}

// newEvents returns the component's log. Where there is a callback it is in memory: what matters is kept for the callback, and to
// have every stanza on disk as well would cost half as much again (docs/reliability.md).
func (p *part) newEvents(e config.Events, j *journal.Journal, log *slog.Logger, metrics prometheus.Registerer) (*events.Log, error) {
	if p.config.Callback.URL != "" {
		j = nil
	}
	return events.New(context.Background(), events.Options{
		Domain:    p.config.Domain,
		Journal:   j,
		MaxAge:    e.MaxAge.Std(),
		MaxEvents: e.MaxEvents,
		Logger:    log,
		Metrics:   metrics,
	})
}

// reply sends what a receiver has to say.
func (p *part) reply(st stanza.Stanza) error {
	err := p.link.Reply(st)
	if err == nil {
		p.gateway.Replied(st)
	}
	return err
}

// outbox returns the options of the component's outbox, nil without a journal.
func (p *part) outbox(o Options, j *journal.Journal) *gateway.OutboxOptions {
	if j == nil {
		return nil
	}
	return &gateway.OutboxOptions{Journal: j, State: p.link, Lender: p.link, MaxAge: o.Config.Outbox.MaxAge.Std()}
}

// reveal returns the texts of secrets.
func reveal(secrets []config.Secret) []string {
	texts := make([]string, len(secrets))
	for i, s := range secrets {
		texts[i] = s.Reveal()
	}
	return texts
}

// maxStanza returns how many bytes of a stanza may be written to the server.
func (p *part) maxStanza() int { return p.config.StanzaSizeLimit + gateway.HeaderRoom }

// receive is where the link's stanzas go. The link does not run before the part
// is complete.
func (p *part) receive(st stanza.Stanza) { p.gateway.Receive(st) }

// credentials returns what callers of this component may show.
func (p *part) credentials() []httpd.Credential {
	list := make([]httpd.Credential, len(p.config.Credentials))
	for i, c := range p.config.Credentials {
		list[i] = httpd.Credential{
			Authorization: c.Authorization.Reveal(),
			Component:     p.gateway,
			Events:        p.events,
			Identity:      c.Identity,
			InQuery:       c.InQuery,
			Scope:         c.Scope(),
			BodyLimit:     p.config.StanzaSizeLimit,
		}
	}
	return list
}

// attachment returns what tokens for this component need.
func (p *part) attachment() httpd.Attachment {
	return httpd.Attachment{Component: p.gateway, Events: p.events, BodyLimit: p.config.StanzaSizeLimit}
}

// check tells how the link is, and the callback if it is down, which does not count: nobody but this gateway
// would be helped by sending requests elsewhere.
func (p *part) check() httpd.Check {
	state := p.link.State()
	check := httpd.Check{Name: p.config.Domain.String(), OK: state.Up}
	since := state.Since.UTC().Format(time.RFC3339)
	if state.Up {
		check.Detail = fmt.Sprintf("link to %s up since %s", state.Server, since) + p.callbackState()
		return check
	}
	check.Detail = fmt.Sprintf("link to %s down since %s: %s", state.Server, since, cmp.Or(state.LastError, "not connected yet"))
	if !state.NextAttempt.IsZero() {
		check.Detail += "; next attempt at " + state.NextAttempt.UTC().Format(time.RFC3339)
	}
	check.Detail += p.callbackState()
	return check
}

// callbackState says that the callback is down; empty: it is not.
func (p *part) callbackState() string {
	if p.callback == nil {
		return ""
	}
	state := p.callback.State()
	if !state.Down {
		return ""
	}
	return fmt.Sprintf("; callback down since %s: messages wait for it", state.Since.UTC().Format(time.RFC3339))
}
