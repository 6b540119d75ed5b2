package restanza

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/devhost"
	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// The addresses of a Dev.
const (
	DevDomain    = "localhost"           // of the accounts
	DevBotDomain = "bot." + DevDomain    // of the gateway: every address of it is the bot's
	DevBot       = "bot@" + DevBotDomain // the one to tell people
)

const (
	// devPatience is how long a message waits for a callback that nobody has
	// started yet.
	devPatience = 10 * time.Minute
	// devGrace is for requests under way at the end. The door takes it twice at
	// most and the callbacks once; with the link's and the host's parting that
	// stays under two seconds.
	devGrace = 250 * time.Millisecond
)

// DevAccount is somebody who can log in to a Dev.
type DevAccount struct {
	Name     string // the local part of the address, such as alice
	Password string // not empty
}

// DevOptions are the options of a Dev. Credentials and at least one account are
// required.
type DevOptions struct {
	Accounts    []DevAccount
	Credentials config.Secret // what callers send: a complete Authorization value
	CallbackURL config.Secret // where the bot's stanzas go; empty: a built-in bot echoes messages
	NoBot       bool          // without CallbackURL: there is no built-in bot, stanzas are for those who read events

	// Where to listen, host:port. A port that is taken is replaced with a free
	// one, and Notices says so.
	HTTPListen      string // empty: 127.0.0.1:5281
	ClientListen    string // empty: devhost.DefaultClientListen
	TLSListen       string // empty: devhost.DefaultTLSListen
	ComponentListen string // empty: devhost.DefaultComponentListen
	AllowPublic     bool   // allow addresses that are not loopback

	Logger  *slog.Logger   // nil: no logging
	Traffic func(Exchange) // see Options; the built-in bot's stanzas are in it, too
	Version string
}

// Dev is a gateway with an XMPP host of its own, for trying and testing: real
// clients log in, and the gateway attaches to the host as to any server. Nothing
// is kept.
type Dev struct {
	host    *devhost.Host
	gateway *Restanza
	notices []string
}

// NewDev builds a Dev and opens its listeners; Run serves. A Dev that is not run
// must be closed.
func NewDev(o DevOptions) (*Dev, error) {
	if o.HTTPListen == "" {
		o.HTTPListen = config.Default().HTTP.Listen
	}
	if err := o.checkListen(); err != nil {
		return nil, err
	}
	secret := rand.Text()
	host, err := devhost.New(o.host(secret))
	if err != nil {
		return nil, err
	}
	d := &Dev{host: host, notices: host.Notices()}
	if err := d.attach(o, secret); err != nil {
		return nil, errors.Join(err, host.Close())
	}
	return d, nil
}

// checkListen refuses an HTTP listener that others can reach, unless that is
// wanted. The host does so for its own listeners.
func (o *DevOptions) checkListen() error {
	name, _, err := net.SplitHostPort(o.HTTPListen)
	if err != nil {
		return fmt.Errorf("HTTP listener %q: want host:port: %w", o.HTTPListen, err)
	}
	if o.AllowPublic || name == "localhost" {
		return nil
	}
	if ip, err := netip.ParseAddr(name); err != nil || !ip.IsLoopback() {
		return fmt.Errorf("HTTP listener %q: not a loopback address; this is for trying things out: use 127.0.0.1, or allow public addresses if you must", o.HTTPListen)
	}
	return nil
}

func (o *DevOptions) host(secret string) devhost.Options {
	accounts := make([]devhost.Account, len(o.Accounts))
	for i, a := range o.Accounts {
		accounts[i] = devhost.Account(a)
	}
	return devhost.Options{
		Domain:          jid.MustParse(DevDomain),
		Accounts:        accounts,
		Components:      []devhost.Component{{Domain: jid.MustParse(DevBotDomain), Secret: secret}},
		ClientListen:    o.ClientListen,
		TLSListen:       o.TLSListen,
		ComponentListen: o.ComponentListen,
		AllowPublic:     o.AllowPublic,
		Version:         o.Version,
		Logger:          o.Logger,
	}
}

// attach builds the gateway. If its port is taken it gets another one.
func (d *Dev) attach(o DevOptions, secret string) (err error) {
	c := config.Default()
	c.ShutdownGrace = config.Duration(devGrace)
	c.HTTP.Listen = o.HTTPListen
	c.Journal.Path = config.NoJournal
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(DevBotDomain)
	component.Server = d.host.ComponentAddr()
	component.Secret = config.Secret(secret)
	component.Credentials = []config.Credential{{Authorization: o.Credentials}}
	component.Callback.URL = o.CallbackURL

	options := Options{Logger: o.Logger, Version: o.Version, Patience: devPatience, LocalOnly: !o.AllowPublic, Traffic: o.Traffic}
	if o.CallbackURL == "" && !o.NoBot {
		component.Callback.Stanzas = []string{string(stanza.Message), string(stanza.Presence)} // the gateway answers IQs
		options.Receiver = func(_ jid.JID, reply func(stanza.Stanza) error) gateway.Receiver {
			return &echoBot{reply: reply, observe: watchAnswers(component.Domain, o.Traffic)}
		}
	}
	c.Components = []config.Component{component}
	for {
		if err := c.Validate(); err != nil {
			return err
		}
		options.Config = c
		if d.gateway, err = New(options); !errors.Is(err, syscall.EADDRINUSE) || c.HTTP.Listen != o.HTTPListen {
			break
		}
		name, _, splitErr := net.SplitHostPort(o.HTTPListen)
		if splitErr != nil {
			return err
		}
		c.HTTP.Listen = net.JoinHostPort(name, "0")
	}
	if err == nil && c.HTTP.Listen != o.HTTPListen {
		_, port, _ := net.SplitHostPort(o.HTTPListen) // it was taken, so it can be read
		d.notices = append(d.notices, fmt.Sprintf("Port %s for HTTP is taken; %s is used instead.", port, d.gateway.Addr()))
	}
	return err
}

// Notices returns what differs from what was asked for, one sentence each.
func (d *Dev) Notices() []string { return d.notices }

// HTTPAddr returns the address on which HTTP is served, with the real port.
func (d *Dev) HTTPAddr() string { return d.gateway.Addr() }

// ClientAddr returns the host:port for clients that use STARTTLS or none.
func (d *Dev) ClientAddr() string { return d.host.ClientAddr() }

// TLSAddr returns the host:port for clients that begin with TLS.
func (d *Dev) TLSAddr() string { return d.host.TLSAddr() }

// ComponentAddr returns the host:port for further components.
func (d *Dev) ComponentAddr() string { return d.host.ComponentAddr() }

// CertificatePEM returns the certificate that clients are shown.
func (d *Dev) CertificatePEM() []byte { return d.host.CertificatePEM() }

// Ready reports whether the gateway is attached, so that callers are served.
func (d *Dev) Ready() bool {
	for _, check := range d.gateway.checks() {
		if !check.OK {
			return false
		}
	}
	return true
}

// Close releases the listeners of a Dev that is not run.
func (d *Dev) Close() error { return errors.Join(d.gateway.Close(), d.host.Close()) }

// Run serves until ctx ends, and then stops the gateway before the host, within
// two seconds. It returns nil after such an end.
func (d *Dev) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	hostCtx, stopHost := context.WithCancel(context.WithoutCancel(ctx))
	defer stopHost()
	ended := make(chan error, 1)
	go func() {
		err := d.host.Run(hostCtx)
		ended <- err
		fail(err)
	}()
	err := d.gateway.Run(ctx)
	stopHost()
	return errors.Join(err, <-ended)
}
