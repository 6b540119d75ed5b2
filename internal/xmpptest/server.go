package xmpptest

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// What all servers have in common.
const (
	// Domain is the domain of the users on every server.
	Domain = "example.test"

	// RoomsDomain is the domain of the rooms service (XEP-0045) on every server.
	RoomsDomain = "rooms." + Domain

	// Password is the password of every user.
	Password = "open-sesame"

	// ComponentSecret is the secret of every component.
	ComponentSecret = "a shared secret"

	// PeersVariable is the environment variable that names the real servers
	// to test against, separated by commas: prosody, ejabberd.
	PeersVariable = "RESTANZA_TEST_PEERS"
)

// componentDomains are the domains of external components. All but the last have the server's default for a second connection.
var componentDomains = []string{"rest." + Domain, "load." + Domain, "bridge." + Domain, "replacing." + Domain}

// ReplacingDomain is the index of the component whose second connection replaces
// the first one on Prosody (component_conflict_resolve = "kick_old") and the fake.
const ReplacingDomain = 3

// Server is an XMPP server that belongs to one test.
//
// Methods that take a TB fail it, and must be called on its goroutine.
// They and Log may not be called at the same time as each other.
type Server interface {
	// Name is what the server was started as: "fake", "prosody" or "ejabberd".
	Name() string

	// Host is the domain of the users: [Domain].
	Host() string

	// MUC is the domain of the rooms service, "" if there is none.
	MUC() string

	// ClientAddr is the host:port for clients, without TLS and with SASL PLAIN.
	ClientAddr() string

	// ComponentAddr is the host:port for external components (XEP-0114).
	ComponentAddr() string

	// ComponentDomain is the domain of component i, from 0 to [ReplacingDomain].
	ComponentDomain(i int) string

	// Secret is the secret of every component.
	Secret() string

	// AddUser makes an account with the password [Password]. name is the local part,
	// ASCII letters and digits. It does nothing if the account exists.
	AddUser(tb TB, name string)

	// Kill ends the server at once, a real one by SIGKILL. Accounts and ports are kept.
	Kill(tb TB)

	// Stop ends the server by its own means. Clients are told system-shutdown;
	// components are told by the fake only: Prosody and ejabberd just close the connection.
	Stop(tb TB)

	// Start starts the server again after Kill or Stop and returns when it answers.
	Start(tb TB)

	// Log gives all that the server has logged.
	Log() string
}

// Start starts a server, "fake", "prosody" or "ejabberd", and returns when it answers. It
// ends with the test; if the test has failed, the tail of the server's log is logged.
func Start(tb TB, name string) Server {
	tb.Helper()
	var srv Server
	switch name {
	case "fake":
		return StartFake(tb)
	case "prosody":
		srv = startDaemon(tb, newProsody(tb), componentDomains...)
	case "ejabberd":
		srv = startDaemon(tb, newEjabberd(tb), componentDomains...)
	default:
		tb.Fatalf("no server is called %q: fake, prosody or ejabberd", name)
	}
	return srv
}

// StartConfigured is Start for "prosody" or "ejabberd" with components that are
// configured as the test says, in the server's own language: for ejabberd that is
// a listener, with the domains that are named beside it. The port 5347 in it is
// replaced with the one of ComponentAddr; Secret does not hold.
func StartConfigured(tb TB, name, components string, domains ...string) Server {
	tb.Helper()
	switch name {
	case "prosody":
		p := newProsody(tb)
		p.components = components
		return startDaemon(tb, p, domains...)
	case "ejabberd":
		e := newEjabberd(tb)
		e.components = components
		return startDaemon(tb, e, domains...)
	}
	tb.Fatalf("no server with a configuration is called %q: prosody or ejabberd", name)
	return nil
}

// StartWithTLS is Start for a server that offers STARTTLS to clients as well, which at present is "prosody" alone. It
// gives the file with the certificate, which is signed by itself.
func StartWithTLS(tb TB, name string) (srv Server, certificate string) {
	tb.Helper()
	if name != "prosody" {
		tb.Fatalf("no server with TLS is called %q: prosody", name)
	}
	p := newProsody(tb)
	certificate, key, err := writeCertificate(p.directory, Domain)
	if err != nil {
		tb.Fatalf("a certificate: %v", err)
	}
	p.tls = fmt.Sprintf("ssl = { certificate = %q, key = %q }\n", certificate, key)
	return startDaemon(tb, p, componentDomains...), certificate
}

// standardPort is the port that documentation names for components.
const standardPort = "5347"

// atPort puts a port into a configuration that names the standard one.
func atPort(config string, port int) string {
	return strings.ReplaceAll(config, standardPort, strconv.Itoa(port))
}

// Peers names the servers to test against: always "fake", then those in the
// environment variable [PeersVariable]. One that is asked for and not installed fails the test.
func Peers(tb TB) []string {
	tb.Helper()
	peers := []string{"fake"}
	for name := range strings.SplitSeq(os.Getenv(PeersVariable), ",") {
		switch name = strings.TrimSpace(name); name {
		case "", "fake":
		case "prosody":
			requireBinary(tb, prosodyBinary, "apt-get install prosody")
			peers = append(peers, name)
		case "ejabberd":
			requireBinary(tb, erlBinary, "apt-get install ejabberd")
			if ejabberdLibs() == "" {
				tb.Fatalf("%s asks for ejabberd, which is not installed: apt-get install ejabberd", PeersVariable)
			}
			peers = append(peers, name)
		default:
			tb.Fatalf("%s names %q: prosody or ejabberd, separated by commas", PeersVariable, name)
		}
	}
	return peers
}

// RealPeers reports whether the environment asks for real programs to test
// against. Tests that need other people's clients or Flask, and no server of theirs, go by it: skip
// if it is false, and let [StartSlixmpp], [StartProfanity], [SendXMPP] or [StartBot] fail if they are missing otherwise.
func RealPeers() bool { return os.Getenv(PeersVariable) != "" }

// requireBinary fails the test if a program is missing.
func requireBinary(tb TB, path, install string) {
	tb.Helper()
	if _, err := os.Stat(path); err != nil {
		tb.Fatalf("%s is needed and missing; on Debian: %s", path, install)
	}
}

// common has what is the same on every server.
type common struct {
	name    string
	domains []string // of components
}

// Name implements [Server].
func (c common) Name() string { return c.name }

// Host implements [Server].
func (c common) Host() string { return Domain }

// MUC implements [Server].
func (c common) MUC() string { return RoomsDomain }

// Secret implements [Server].
func (c common) Secret() string { return ComponentSecret }

// ComponentDomain implements [Server].
func (c common) ComponentDomain(i int) string { return c.domains[i] }

// clientHeader opens a client's stream.
func clientHeader(host string) string {
	return fmt.Sprintf(`<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to='%s' version='1.0'>`,
		nsClient, nsStreams, escape(host))
}

// componentHeader opens a component's stream (XEP-0114 §3).
func componentHeader(domain string) string {
	return fmt.Sprintf(`<?xml version='1.0'?><stream:stream xmlns='%s' xmlns:stream='%s' to='%s'>`,
		nsComponent, nsStreams, escape(domain))
}
