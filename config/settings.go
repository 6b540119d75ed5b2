package config

import (
	"math"
	"strings"

	"github.com/restanza/restanza/access"
)

// Type is how a setting is written.
type Type string

// The types of settings.
const (
	Text     Type = "text"
	File     Type = "file"     // a path; relative ones start at the folder of the configuration file
	Address  Type = "address"  // an XMPP address
	Time     Type = "duration" // such as "30s"
	Number   Type = "number"
	TextList Type = "list"    // in a flag or variable: separated by commas
	Boolean  Type = "boolean" // true or false
)

// Setting describes one key: what it is called and what may stand there.
type Setting struct {
	Key    string // in the file, with its tables: "component.callback.timeout"
	Flag   string // of the command, without the dashes: "callback-timeout"
	Usage  string // what it means, in one line
	Type   Type
	Secret bool     // the value must not be shown
	Values []string // the only values (of each entry, for a list); nil: no such bounds
	Min    int      // bounds of a Number
	Max    int
	Zero   bool     // a duration may be 0
	Most   Duration // the longest; 0: MaxDuration
}

// MinDuration and MaxDuration are the bounds of a duration, unless its Setting has others.
const (
	MinDuration = second / 1000
	MaxDuration = day
)

// envPrefix begins the name of every variable.
const envPrefix = "RESTANZA_"

// ConfigEnv is the variable that names the configuration file.
const ConfigEnv = envPrefix + "CONFIG"

// clientURLEnv is a variable of those who speak with a gateway: no setting, and no mistake either.
const clientURLEnv = envPrefix + "URL"

// Env returns the name of the setting's environment variable.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Flag, "-", "_"))
}

// Default returns the default as it would be written in a flag; empty: there is none.
func (s Setting) Default() string {
	c := Default()
	c.Components = []Component{DefaultComponent()}
	c.Components[0].Credentials = []Credential{{}}
	text := ""
	eachField(&c, s.Key, func(_ string, v value) { text = v.text() })
	return text
}

// Settings returns every setting there is, in the order of the documentation. Those of
// a component, its credential and its callback stand for the one-component case when they come from
// a flag or a variable.
func Settings() []Setting {
	return []Setting{
		{Key: "component.domain", Flag: "component", Type: Address, Usage: "domain of the component, as the XMPP server knows it"},
		{Key: "component.server", Flag: "server", Type: Text, Usage: "host:port where the XMPP server takes components; the port may be left out if it is 5347"},
		{Key: "component.secret", Flag: "secret", Type: Text, Secret: true, Usage: "secret shared with the XMPP server"},
		{Key: "component.secret_file", Flag: "secret-file", Type: File, Usage: "file that holds the secret"},
		{Key: "component.basic_secret", Flag: "basic-secret", Type: Boolean, Values: []string{"true", "false"}, Usage: "let callers use the domain and the secret as user name and password, as with mod_rest"},

		{Key: "component.credential.authorization", Flag: "credentials", Type: Text, Secret: true, Usage: "complete Authorization value that callers send, such as 'Bearer xyz'"},
		{Key: "component.credential.authorization_file", Flag: "credentials-file", Type: File, Usage: "file that holds the Authorization value"},
		{Key: "component.credential.user", Flag: "user", Type: Text, Usage: "user name for Basic authorization, instead of credentials"},
		{Key: "component.credential.password", Flag: "password", Type: Text, Secret: true, Usage: "password that belongs to the user name"},
		{Key: "component.credential.password_file", Flag: "password-file", Type: File, Usage: "file that holds the password"},
		{Key: "component.credential.identity", Flag: "identity", Type: Address, Usage: "address that the credential stands for; the component's domain unless given"},
		{Key: "component.credential.in_query", Flag: "in-query", Type: Boolean, Values: []string{"true", "false"}, Usage: "let callers show the credential in the URL as well"},
		{Key: "component.credential.rights", Flag: "credential-rights", Type: TextList, Usage: "what the credential may do: send, receive, iq, admin; all but admin unless given"},
		{Key: "component.credential.to", Flag: "credential-to", Type: TextList, Usage: "where it may send to: addresses, domains, and *.example.org for all domains below one; anywhere unless given"},
		{Key: "component.credential.kinds", Flag: "credential-kinds", Type: TextList, Usage: "kinds of stanzas that it may send and receive: message, presence, iq; all unless given"},
		{Key: "component.credential.expires", Flag: "credential-expires", Type: Text, Usage: "time from which it is refused, such as 2026-12-31T12:00:00Z; never unless given"},
		{Key: "component.credential.networks", Flag: "credential-networks", Type: TextList, Usage: "networks from which it may be used, such as 192.0.2.0/24; anywhere unless given"},
		{Key: "component.credential.rate", Flag: "credential-rate", Type: Text, Usage: "how often it may be used in a second, minute or hour, such as 5/s, 60/m or 1000/h; as often as you like unless given"},
		{Key: "component.credential.burst", Flag: "credential-burst", Type: Number, Max: access.MaxRate, Usage: "how often it may be used at once; 0: as often as rate says"},

		{Key: "component.callback.url", Flag: "callback-url", Type: Text, Secret: true, Usage: "where incoming stanzas are posted; may hold user:password and {kind} {type} {to} {from}"},
		{Key: "component.callback.signing_secrets", Flag: "callback-signing-secrets", Type: TextList, Secret: true, Usage: "secrets that callbacks are signed with, whsec_…; 'restanza config secret' makes one"},
		{Key: "component.callback.signing_secret_file", Flag: "callback-signing-secret-file", Type: File, Usage: "file that holds the signing secrets, one in a line"},
		{Key: "component.callback.authorization", Flag: "callback-authorization", Type: Text, Secret: true, Usage: "complete Authorization value that callbacks have, such as 'Bearer xyz'"},
		{Key: "component.callback.authorization_file", Flag: "callback-authorization-file", Type: File, Usage: "file that holds the Authorization value of callbacks"},
		{Key: "component.callback.headers", Flag: "callback-headers", Type: TextList, Secret: true, Usage: "further header fields of callbacks, such as 'X-Token: xyz'"},
		{Key: "component.callback.stanzas", Flag: "callback-stanzas", Type: TextList, Values: []string{"message", "presence", "iq"}, Usage: "kinds of stanzas that are posted"},
		{Key: "component.callback.events", Flag: "callback-events", Type: TextList, Values: []string{"bare", "full", "host"}, Usage: "forms of the to address whose stanzas are posted"},
		{Key: "component.callback.content_type", Flag: "callback-content-type", Type: Text, Values: []string{"xml", "json", "form", "text", "cbor"}, Usage: "format of posted stanzas, unless the callback asks for another"},
		{Key: "component.callback.timeout", Flag: "callback-timeout", Type: Time, Usage: "time for one callback, from connecting to the last byte"},
		{Key: "component.callback.concurrency", Flag: "callback-concurrency", Type: Number, Min: 1, Max: 10_000, Usage: "callbacks under way at once"},
		{Key: "component.callback.queue_limit", Flag: "callback-queue-limit", Type: Number, Min: 1, Max: 1_000_000, Usage: "stanzas that may wait for their callback in memory"},
		{Key: "component.callback.max_age", Flag: "callback-max-age", Type: Time, Zero: true, Most: 365 * day, Usage: "how long messages and subscription requests are kept and tried again while the callback does not answer; 0s: not at all"},
		{Key: "component.callback.retry_first", Flag: "callback-retry-first", Type: Time, Usage: "time before the second attempt; it doubles with each further one"},
		{Key: "component.callback.retry_max", Flag: "callback-retry-max", Type: Time, Usage: "longest time between two attempts, unless the callback asks for more"},

		{Key: "component.iq_timeout", Flag: "iq-timeout", Type: Time, Usage: "wait for the answer to an iq, unless the request says otherwise"},
		{Key: "component.iq_max_timeout", Flag: "iq-max-timeout", Type: Time, Usage: "longest wait that a request may ask for"},
		{Key: "component.confirm_timeout", Flag: "confirm-timeout", Type: Time, Usage: "wait for the XMPP server's confirmation of a message or presence"},
		{Key: "component.stanza_size_limit", Flag: "stanza-size-limit", Type: Number, Min: kibibyte, Max: 10 * mebibyte, Usage: "largest request body in bytes; keep it below the XMPP server's own limit"},
		{Key: "component.max_outstanding_iqs", Flag: "max-outstanding-iqs", Type: Number, Min: 1, Max: 1_000_000, Usage: "iq requests that may wait for their answers at once"},

		{Key: "http.listen", Flag: "listen", Type: Text, Usage: "host:port for HTTP; no host means all addresses, port 0 any free port"},
		{Key: "http.tls_certificate", Flag: "tls-certificate", Type: File, Usage: "PEM file with the certificate chain; HTTPS then, and read again when it changes"},
		{Key: "http.tls_key", Flag: "tls-key", Type: File, Usage: "PEM file with the private key of the certificate"},
		{Key: "http.read_timeout", Flag: "read-timeout", Type: Time, Usage: "time for a whole request to come in"},
		{Key: "http.idle_timeout", Flag: "idle-timeout", Type: Time, Usage: "time after which a connection without a request is closed"},
		{Key: "http.cors_origins", Flag: "cors-origins", Type: TextList, Usage: "origins whose web pages may use the API, such as https://app.example.org; * means all"},
		{Key: "http.json_profile", Flag: "json-profile", Type: Text, Values: []string{"full", "strict-mod_rest"}, Usage: "what JSON and CBOR hold: all of a stanza, or what mod_rest has"},
		{Key: "http.api_docs", Flag: "api-docs", Type: Boolean, Values: []string{"true", "false"}, Usage: "serve the description of the API at /openapi.yaml and /openapi.json, and a page for it at /docs/"},
		{Key: "http.admin_authorization", Flag: "admin-credentials", Type: Text, Secret: true, Usage: "complete Authorization value for operating: /deliveries, /dead-letters and /tokens"},
		{Key: "http.admin_authorization_file", Flag: "admin-credentials-file", Type: File, Usage: "file that holds the Authorization value for operating"},

		{Key: "journal.path", Flag: "journal-path", Type: File, Usage: "file that keeps what callbacks have not accepted; none: nothing is kept; unless given: journal.db in the service's or the user's folder for state"},
		{Key: "journal.max_bytes", Flag: "journal-max-bytes", Type: Number, Min: mebibyte, Max: min(1<<40, math.MaxInt), Usage: "bytes that the journal may take on disk; the oldest dead letters are dropped, and then what would have to be kept is refused"},
		{Key: "journal.dead_age", Flag: "journal-dead-age", Type: Time, Most: 3650 * day, Usage: "time after which dead letters are dropped"},

		{Key: "outbox.max_age", Flag: "outbox-max-age", Type: Time, Usage: "time after which a message or presence that waits for the link is not sent any more"},
		{Key: "outbox.max_stanzas", Flag: "outbox-max-stanzas", Type: Number, Min: 1, Max: 1_000_000, Usage: "messages and presence that may wait for the link"},

		{Key: "events.max_age", Flag: "events-max-age", Type: Time, Zero: true, Most: 365 * day, Usage: "how long stanzas can be read at /events; 0s: there is no log of them"},
		{Key: "events.max_events", Flag: "events-max-events", Type: Number, Min: 0, Max: 10_000_000, Usage: "stanzas of a component that can be read at /events, the oldest of which go first; 0: there is no log of them"},

		{Key: "log.level", Flag: "log-level", Type: Text, Values: []string{"debug", "info", "warn", "error"}, Usage: "least level that is logged"},
		{Key: "log.format", Flag: "log-format", Type: Text, Values: []string{"text", "json"}, Usage: "form of the log on standard error"},
		{Key: "shutdown_grace", Flag: "shutdown-grace", Type: Time, Usage: "time that requests under way get to finish when the program is told to stop"},
	}
}
