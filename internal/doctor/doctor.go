package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/restanza/restanza/config"
)

// DefaultTimeout is the time limit of a step unless Options name one.
const DefaultTimeout = 10 * time.Second

// Options of Run. Config is required.
type Options struct {
	Config   config.Config // checked: config.Sources.Load has returned it
	Warnings []string      // what Load warned of
	Version  string        // of the program, told to callbacks

	// DefaultJournal is where the journal is if Config does not say it. If it is empty, NoDefaultJournal
	// says why there is no place for it; nil: none is wanted.
	DefaultJournal   string
	NoDefaultJournal error

	Timeout        time.Duration // for each step; 0: DefaultTimeout
	ForceHandshake bool          // shake hands even if a running gateway has the link

	// Each is called for each step as soon as it has ended, on Run's goroutine; nil: nobody waits for it.
	Each func(Step)
	// Lookup finds the addresses of an XMPP server's host; nil: the system's resolver.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Resolver finds those of callbacks' hosts; nil: the system's.
	Resolver *net.Resolver
}

// errTooSlow is the cause of the end of a step that took too long.
var errTooSlow = fmt.Errorf("no answer within the time limit: %w", context.DeadlineExceeded)

// Run tries all steps, one after the other, until ctx ends: the report then
// holds those that had ended before. It may be called concurrently.
func Run(ctx context.Context, o Options) Report {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	if o.Lookup == nil {
		o.Lookup = lookup
	}
	p := &patient{o: o, report: Report{Steps: []Step{}}}
	p.step(ctx, Configuration, "", p.configuration)
	p.step(ctx, SecretFiles, "", p.secretFiles)
	p.step(ctx, Listener, "", p.listener)
	p.step(ctx, Certificate, "", p.certificate)
	p.step(ctx, Journal, "", p.journal)
	for i := range o.Config.Components {
		p.component(ctx, &o.Config.Components[i])
	}
	p.report.Result = resultOf(p.report.Steps)
	if ctx.Err() != nil {
		p.report.Result = ResultInterrupted
	}
	return p.report
}

// Misconfigured is the report on a configuration that Load refused with err. It
// calls each for its steps, if that is not nil.
func Misconfigured(err error, warnings []string, each func(Step)) Report {
	p := &patient{o: Options{Each: each}}
	lines := strings.Split(err.Error(), "\n")
	detail := "it can't be read"
	if all, ok := errors.AsType[config.Errors](err); ok {
		detail = count(len(all), "error")
	}
	p.add(Step{Name: Configuration}, failed(detail, append(lines, warnings...)...))
	for _, name := range Names()[1:] {
		p.add(Step{Name: name}, skipped("the configuration is wrong"))
	}
	p.report.Result = ResultMisconfigured
	return p.report
}

// patient is what Run is about, with what the steps so far have found.
type patient struct {
	o       Options
	report  Report
	gateway *gateway // that holds the HTTP listener; nil: none does
}

// step tries one step, unless ctx has ended. What is found while it ends is
// about that end, and left out.
func (p *patient) step(ctx context.Context, name Name, component string, try func(context.Context) finding) finding {
	if ctx.Err() != nil {
		return finding{}
	}
	limited, cancel := context.WithTimeoutCause(ctx, p.o.Timeout, errTooSlow)
	defer cancel()
	began := time.Now()
	f := try(limited)
	if ctx.Err() != nil {
		return finding{}
	}
	return p.add(Step{Name: name, Component: component, Milliseconds: time.Since(began).Milliseconds()}, f)
}

// add completes a step with what was found and reports it.
func (p *patient) add(s Step, f finding) finding {
	s.Status, s.Detail, s.Try = f.status, clean(f.detail), make([]string, len(f.try))
	for i, line := range f.try {
		s.Try[i] = clean(line)
	}
	p.report.Steps = append(p.report.Steps, s)
	if p.o.Each != nil {
		p.o.Each(s)
	}
	return f
}

// component tries what concerns one component. The connection to its server
// comes last and is as short as can be, because stanzas come in over it.
func (p *patient) component(ctx context.Context, c *config.Component) {
	v := &visit{patient: p, c: c}
	defer v.leave(ctx)
	domain := c.Domain.String()
	p.step(ctx, Credentials, domain, v.credentials)
	p.step(ctx, Callback, domain, v.callback)
	for _, s := range []struct {
		name Name
		try  func(context.Context) finding
	}{{Resolution, v.resolve}, {Connection, v.connect}, {Handshake, v.handshake}, {Ping, v.ping}, {Clock, v.clock}} {
		f := p.step(ctx, s.name, domain, s.try)
		if f.status == Failed && v.broken == "" {
			v.broken = "because " + string(s.name) + " failed"
		}
	}
}

// configuration tells what the configuration stands for. That it is right was
// found out before Run.
func (p *patient) configuration(context.Context) finding {
	domains := make([]string, len(p.o.Config.Components))
	for i := range p.o.Config.Components {
		domains[i] = p.o.Config.Components[i].Domain.String()
	}
	detail := count(len(domains), "component") + ": " + strings.Join(domains, ", ")
	if len(p.o.Warnings) > 0 {
		return warning(detail+"; "+count(len(p.o.Warnings), "warning"), p.o.Warnings...)
	}
	return ok(detail)
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
