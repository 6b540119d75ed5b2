package config

import (
	"github.com/restanza/restanza/access"
	"github.com/restanza/restanza/jid"
)

// Config is everything that a Restanza can be told. [Default] gives one to start from
// and [Config.Validate] checks it.
type Config struct {
	HTTP          HTTP        `toml:"http"`
	Log           Log         `toml:"log"`
	Journal       Journal     `toml:"journal"`
	Outbox        Outbox      `toml:"outbox"`
	Events        Events      `toml:"events"`
	ShutdownGrace Duration    `toml:"shutdown_grace"` // for requests under way when the program is told to stop
	Components    []Component `toml:"component"`      // at least one
}

// HTTP is the door for callers.
type HTTP struct {
	Listen         string   `toml:"listen"`          // host:port; no host: all addresses; port 0: any free one
	TLSCertificate string   `toml:"tls_certificate"` // PEM file; with TLSKey: HTTPS; empty: plain HTTP
	TLSKey         string   `toml:"tls_key"`         // PEM file
	ReadTimeout    Duration `toml:"read_timeout"`    // for a whole request, its body included
	IdleTimeout    Duration `toml:"idle_timeout"`    // for a connection between two requests
	CORSOrigins    []string `toml:"cors_origins"`    // whose web pages may use the API; "*": all; empty: none
	JSONProfile    string   `toml:"json_profile"`    // full or strict-mod_rest: the mapping of stanzas to JSON and CBOR
	APIDocs        bool     `toml:"api_docs"`        // serve the description of the API, and a page for it

	// AdminAuthorization is the complete Authorization value of whoever may see and change undelivered stanzas; empty:
	// nobody may. It is none of the Components' Credentials.
	AdminAuthorization     Secret `toml:"admin_authorization"`
	AdminAuthorizationFile string `toml:"admin_authorization_file"` // where Sources.Load reads AdminAuthorization from
}

// Log says what is logged, and how.
type Log struct {
	Level  string `toml:"level"`  // debug, info, warn or error
	Format string `toml:"format"` // text or json
}

// Journal is where what callbacks have not accepted outlives the process.
type Journal struct {
	// Path of the file. Empty: the program finds a place, see restanza.Options; NoJournal: nothing is kept.
	Path     string   `toml:"path"`
	MaxBytes int      `toml:"max_bytes"` // on disk; the oldest dead letters make room, and then what comes is refused
	DeadAge  Duration `toml:"dead_age"`  // after which dead letters are dropped
}

// NoJournal stands in the place of a journal's path where none is wanted.
const NoJournal = "none"

// Outbox bounds what is kept while a component's link is down.
type Outbox struct {
	MaxAge     Duration `toml:"max_age"`     // after which a stanza is not sent any more
	MaxStanzas int      `toml:"max_stanzas"` // of all components together
}

// Events bounds the log of what comes and goes, of each component. Without a journal, or beside a callback, it is in memory, and shorter.
type Events struct {
	MaxAge    Duration `toml:"max_age"`    // after which events are dropped; 0: there is no log
	MaxEvents int      `toml:"max_events"` // beyond which the oldest are dropped; 0: there is no log
}

// Component is one XMPP component (XEP-0114): a domain that an XMPP server hands over to
// this gateway. [DefaultComponent] gives one to start from.
type Component struct {
	Domain     jid.JID `toml:"domain"`      // a domain alone; distinct over all components
	Server     string  `toml:"server"`      // host:port where the server takes components
	Secret     Secret  `toml:"secret"`      // shared with the server; never empty in a checked Config
	SecretFile string  `toml:"secret_file"` // where Sources.Load reads Secret from; empty: it stands in the configuration

	// BasicSecret makes one more credential, of Domain and Secret as user name and password, as newest mod_rest
	// has it. Sources.Load adds it to Credentials.
	BasicSecret bool `toml:"basic_secret"`

	IQTimeout         Duration `toml:"iq_timeout"`          // wait for an iq's answer unless the caller says otherwise
	IQMaxTimeout      Duration `toml:"iq_max_timeout"`      // the longest that a caller may ask for
	ConfirmTimeout    Duration `toml:"confirm_timeout"`     // wait for the server's confirmation of a message or presence
	StanzaSizeLimit   int      `toml:"stanza_size_limit"`   // bytes of a request body, inclusive
	MaxOutstandingIQs int      `toml:"max_outstanding_iqs"` // queries that wait for an answer at once

	Credentials []Credential `toml:"credential"`
	Callback    Callback     `toml:"callback"`
}

// Credential lets the callers that know it speak.
type Credential struct {
	// Authorization is the complete value of the HTTP header: a scheme, a blank and what
	// belongs to it, as in "Bearer xyz". Distinct over all components, since it tells them apart.
	Authorization Secret `toml:"authorization"`
	// AuthorizationFile is where Sources.Load reads Authorization from; empty: it stands in the configuration.
	AuthorizationFile string `toml:"authorization_file"`
	// User and Password are the other way to say who may speak: by Basic authorization (RFC 7617).
	// Sources.Load makes Authorization of them.
	User         string `toml:"user"`
	Password     Secret `toml:"password"`
	PasswordFile string `toml:"password_file"` // where Sources.Load reads Password from
	// Identity is the address that the credential stands for: the domain (which is what the zero value means),
	// or a bare or full address in it. It is the default sender and the widest one (jid.JID.Covers).
	Identity jid.JID `toml:"identity"`
	// InQuery lets callers show the credential in the query of a URL as well.
	InQuery bool `toml:"in_query"`

	// What it may do, see access.Spec: without Rights all but operating, and without the others as much as it likes.
	Rights   []string `toml:"rights"`   // of send, receive, iq, admin
	To       []string `toml:"to"`       // where it may send to: addresses, domains, *.domains
	Kinds    []string `toml:"kinds"`    // of message, presence, iq
	Expires  string   `toml:"expires"`  // a time in RFC 3339
	Networks []string `toml:"networks"` // in CIDR notation, or single addresses
	Rate     string   `toml:"rate"`     // requests in a time, as in 60/m
	Burst    int      `toml:"burst"`    // requests at once; 0: as many as Rate has
}

// Spec returns what the credential may do, as it is written.
func (c *Credential) Spec() access.Spec {
	return access.Spec{
		Rights: c.Rights, To: c.To, Kinds: c.Kinds, Expires: c.Expires, Networks: c.Networks, Rate: c.Rate, Burst: c.Burst,
	}
}

// Scope returns what the credential of a checked Config may do.
func (c *Credential) Scope() access.Scope {
	spec := c.Spec()
	scope, _ := spec.Scope()
	return scope
}

// Callback is the web service that gets what comes in. The zero URL means that there is none.
type Callback struct {
	URL Secret `toml:"url"` // may hold user:password; {kind} {type} {to} {from} are filled in
	// Authorization is the whole value of that header, as in "Bearer xyz"; empty: what user:password in URL make.
	Authorization     Secret   `toml:"authorization"`
	AuthorizationFile string   `toml:"authorization_file"` // where Sources.Load reads Authorization from
	Headers           []Secret `toml:"headers"`            // further fields of each request, as in "X-Token: xyz"
	// SigningSecrets are those that requests are signed with, all at once; none: they are not signed.
	SigningSecrets    []Secret `toml:"signing_secrets"`
	SigningSecretFile string   `toml:"signing_secret_file"` // where Sources.Load reads SigningSecrets from, one in a line

	Stanzas     []string `toml:"stanzas"`      // of message, presence, iq
	Events      []string `toml:"events"`       // of bare, full, host: the form of the to address
	ContentType string   `toml:"content_type"` // xml, json, form, text or cbor: what requests are written in, unless the callback says
	Timeout     Duration `toml:"timeout"`      // for one callback, from dialling to the last byte
	Concurrency int      `toml:"concurrency"`  // callbacks under way at once
	QueueLimit  int      `toml:"queue_limit"`  // stanzas that wait for their callback in memory

	MaxAge     Duration `toml:"max_age"`     // for which a message may wait in the journal; 0: none does
	RetryFirst Duration `toml:"retry_first"` // between the first two attempts
	RetryMax   Duration `toml:"retry_max"`   // which that doubles up to
}

// Default returns a Config with every default and no component.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Listen:      "127.0.0.1:5281",
			ReadTimeout: 10 * second,
			IdleTimeout: 2 * minute,
			JSONProfile: "full",
			APIDocs:     true,
		},
		Log:           Log{Level: "info", Format: "text"},
		Journal:       Journal{MaxBytes: 1024 * mebibyte, DeadAge: 7 * day},
		Outbox:        Outbox{MaxAge: 60 * minute, MaxStanzas: 10_000},
		Events:        Events{MaxAge: day, MaxEvents: 100_000},
		ShutdownGrace: 10 * second,
	}
}

// DefaultComponent returns a Component with every default: no domain, no secret, no
// credentials, no callback URL.
func DefaultComponent() Component {
	return Component{
		Server:            "127.0.0.1:5347",
		IQTimeout:         2 * minute,
		IQMaxTimeout:      5 * minute,
		ConfirmTimeout:    30 * second,
		StanzaSizeLimit:   192 * kibibyte,
		MaxOutstandingIQs: 20_000,
		Callback: Callback{
			Stanzas:     []string{"message", "presence", "iq"},
			Events:      []string{"bare", "full", "host"},
			ContentType: "xml",
			Timeout:     30 * second,
			Concurrency: 64,
			QueueLimit:  10_000,
			MaxAge:      day,
			RetryFirst:  second,
			RetryMax:    10 * minute,
		},
	}
}

const (
	kibibyte = 1 << 10
	mebibyte = 1 << 20
)
