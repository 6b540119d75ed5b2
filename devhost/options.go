package devhost

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/restanza/restanza/jid"
)

// Defaults of Options.
const (
	DefaultDomain          = "localhost"
	DefaultClientListen    = "127.0.0.1:5222"
	DefaultTLSListen       = "127.0.0.1:5223"
	DefaultComponentListen = "127.0.0.1:0"

	DefaultMaxStanza      = 256 << 10
	DefaultMaxConnections = 5000
	DefaultLoginTimeout   = 30 * time.Second
	DefaultStanzaTimeout  = 30 * time.Second
	DefaultQueueBytes     = 4 << 20
	DefaultOfflineCount   = 100
	DefaultOfflineBytes   = 1 << 20
)

// Account is somebody who can log in.
type Account struct {
	Name     string // the local part of the address
	Password string // not empty
}

// Component is a domain as which a component may attach (XEP-0114).
type Component struct {
	Domain jid.JID // such as bot.localhost; not the host's own domain
	Secret string  // not empty
}

// Options are the options of a Host. All may be zero; without accounts nobody
// can log in.
type Options struct {
	Domain     jid.JID // of the accounts; zero: localhost
	Accounts   []Account
	Components []Component
	Rooms      jid.JID // the domain of the rooms; zero: rooms.DOMAIN

	// Where to listen, host:port. A port that is taken is replaced with a free
	// one, and Notices says so.
	ClientListen    string // STARTTLS or plain; empty: DefaultClientListen
	TLSListen       string // direct TLS (XEP-0368); empty: DefaultTLSListen
	ComponentListen string // plain; empty: DefaultComponentListen

	// AllowPublic allows to listen on addresses that others can reach. Clients
	// from there must use TLS.
	AllowPublic bool
	// RequireTLS asks for TLS before the login even on loopback.
	RequireTLS bool

	MaxStanza      int           // bytes of a stanza, a longer one ends its stream; 0: DefaultMaxStanza
	MaxConnections int           // of clients and components, further ones are refused; 0: DefaultMaxConnections
	LoginTimeout   time.Duration // from the connection to the bound resource; 0: DefaultLoginTimeout
	StanzaTimeout  time.Duration // from the first byte of a stanza to its last; 0: DefaultStanzaTimeout
	QueueBytes     int           // that may wait to be written to one connection; 0: DefaultQueueBytes
	OfflineCount   int           // messages kept for an account nobody is logged in to; 0: DefaultOfflineCount
	OfflineBytes   int           // of all messages so kept; 0: DefaultOfflineBytes

	// What only tests change.
	tryDelay     time.Duration // see throttle; 0: tryDelay
	stallTimeout time.Duration // see writers; 0: stallTimeout

	Version string       // as told to who asks (XEP-0092)
	Logger  *slog.Logger // nil: nothing is logged
}

func (o *Options) setDefaults() error {
	if o.Domain.IsZero() {
		o.Domain = jid.MustParse(DefaultDomain)
	}
	if o.Domain != o.Domain.DomainJID() {
		return fmt.Errorf("%q is no domain", o.Domain)
	}
	if o.Rooms.IsZero() {
		rooms, err := jid.Parse("rooms." + o.Domain.Domain())
		if err != nil {
			return fmt.Errorf("the rooms' domain: %w; set another one", err)
		}
		o.Rooms = rooms
	}
	o.ClientListen = cmp.Or(o.ClientListen, DefaultClientListen)
	o.TLSListen = cmp.Or(o.TLSListen, DefaultTLSListen)
	o.ComponentListen = cmp.Or(o.ComponentListen, DefaultComponentListen)
	o.MaxStanza = cmp.Or(o.MaxStanza, DefaultMaxStanza)
	o.MaxConnections = cmp.Or(o.MaxConnections, DefaultMaxConnections)
	o.LoginTimeout = cmp.Or(o.LoginTimeout, DefaultLoginTimeout)
	o.StanzaTimeout = cmp.Or(o.StanzaTimeout, DefaultStanzaTimeout)
	o.QueueBytes = cmp.Or(o.QueueBytes, DefaultQueueBytes)
	o.OfflineCount = cmp.Or(o.OfflineCount, DefaultOfflineCount)
	o.OfflineBytes = cmp.Or(o.OfflineBytes, DefaultOfflineBytes)
	o.tryDelay = cmp.Or(o.tryDelay, tryDelay)
	o.stallTimeout = cmp.Or(o.stallTimeout, stallTimeout)
	o.Version = cmp.Or(o.Version, "unknown")
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return nil
}

// addAccounts makes the accounts that the options name.
func (h *Host) addAccounts(accounts []Account) error {
	byPassword := map[string]credentials{}
	for _, a := range accounts {
		address, err := jid.Parse(a.Name + "@" + h.o.Domain.Domain())
		switch {
		case err != nil:
			return fmt.Errorf("account %q: %w", a.Name, err)
		case address.Local() == "" || address.Domain() != h.o.Domain.Domain() || address.Resource() != "":
			return fmt.Errorf("account %q: want the part before the @ only", a.Name)
		case a.Password == "":
			return fmt.Errorf("account %q has no password", a.Name)
		case h.accounts[address] != nil:
			return fmt.Errorf("account %q is there twice", address.Local())
		}
		password := preparePassword(a.Password)
		creds, ok := byPassword[password]
		if !ok {
			if creds, err = deriveCredentials(password, h.salt); err != nil {
				return fmt.Errorf("account %q: %w", a.Name, err)
			}
			byPassword[password] = creds
		}
		h.accounts[address] = newAccount(address, creds)
		h.roster = append(h.roster, rosterItem{jid: address, name: address.Local()})
	}
	return nil
}

// addComponents makes the components that the options name, each without a
// connection.
func (h *Host) addComponents(components []Component) error {
	for _, c := range components {
		domain := c.Domain
		switch {
		case domain.IsZero() || domain != domain.DomainJID():
			return fmt.Errorf("component %q: no domain", domain)
		case domain == h.o.Domain || domain == h.o.Rooms:
			return fmt.Errorf("component %q: the host has that domain itself", domain)
		case c.Secret == "":
			return fmt.Errorf("component %q has no secret", domain)
		case h.components[domain] != nil:
			return fmt.Errorf("component %q is there twice", domain)
		}
		bot, err := jid.Parse(botName + "@" + domain.Domain())
		if err != nil {
			return errors.New("component " + domain.String() + ": its domain is too long")
		}
		h.components[domain] = &component{domain: domain, secret: c.Secret, bot: bot}
		h.bots = append(h.bots, h.components[domain])
		h.roster = append(h.roster, rosterItem{jid: bot, name: botName})
	}
	return nil
}

// botName is the local part by which rosters show a component.
const botName = "bot"

// preparePassword brings a password into the form that is compared (RFC 4013,
// as far as programs rely on it).
func preparePassword(password string) string { return norm.NFKC.String(password) }
