package devhost

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/xmpptest"
)

const saslFailure = "</failure>"

func auth(mechanism, message string) string {
	return fmt.Sprintf(`<auth xmlns='%s' mechanism='%s'>%s</auth>`, nsSASL, mechanism, encoded(message))
}

func response(message string) string {
	return fmt.Sprintf(`<response xmlns='%s'>%s</response>`, nsSASL, encoded(message))
}

func encoded(message string) string {
	if message == "" {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte(message))
}

// challenge returns the message of the next challenge.
func (r *rawClient) challenge() string {
	r.t.Helper()
	r.expect("<challenge")
	r.expect(">")
	text := r.expect("<")
	b, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(text, "<"))
	if err != nil {
		r.t.Fatalf("challenge %q: %v", text, err)
	}
	return string(b)
}

// scramFinal does a client's part of SCRAM: it answers the server's first
// message.
func scramFinal(t testing.TB, h *scramHash, gs2, bare, serverFirst, password string) (final, wantLast string) {
	t.Helper()
	attrs := strings.Split(serverFirst, ",")
	if len(attrs) != 3 || attrs[2] != "i=4096" {
		t.Fatalf("server-first-message %q", serverFirst)
	}
	salt, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(attrs[1], "s="))
	if err != nil {
		t.Fatal(err)
	}
	creds, salted := saltedPassword(t, h, password, salt)
	unproven := "c=" + encoded(gs2) + "," + attrs[0]
	signed := bare + "," + serverFirst + "," + unproven
	proof := h.mac(salted, "Client Key")
	for i, b := range h.mac(h.keys(&creds).stored, signed) {
		proof[i] ^= b
	}
	return unproven + ",p=" + base64.StdEncoding.EncodeToString(proof),
		"v=" + base64.StdEncoding.EncodeToString(h.mac(h.keys(&creds).server, signed))
}

func TestLogin_scram(t *testing.T) {
	h := startHost(t, nil)
	for _, c := range []struct {
		name      string
		hash      *scramHash
		gs2       string
		deferred  bool
		mechanism string
	}{
		{"SHA-256", scramSHA256, "n,,", false, "SCRAM-SHA-256"},
		{"SHA-1", scramSHA1, "n,,", false, "SCRAM-SHA-1"},
		{"flag y", scramSHA256, "y,,", false, "SCRAM-SHA-256"},
		{"authzid", scramSHA256, "n,a=alice@localhost,", false, "SCRAM-SHA-256"},
		{"without initial response", scramSHA256, "n,,", true, "SCRAM-SHA-256"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRaw(t, h.ClientAddr())
			r.send(clientOpen)
			r.expect("</stream:features>")
			bare := "n=alice,r=abcdef"
			if c.deferred {
				r.send(auth(c.mechanism, ""))
				if got := r.challenge(); got != "" {
					t.Errorf("the first challenge is %q", got)
				}
				r.send(response(c.gs2 + bare))
			} else {
				r.send(auth(c.mechanism, c.gs2+bare))
			}
			final, want := scramFinal(t, c.hash, c.gs2, bare, r.challenge(), xmpptest.Password)
			r.send(response(final))
			if got := r.expect("</success>"); !strings.Contains(got, encoded(want)) {
				t.Errorf("success %q, want the server's signature %q", got, encoded(want))
			}
		})
	}
}

// Somebody who is not there is asked and answered as somebody with another
// password.
func TestLogin_unknownLooksLikeWrongPassword(t *testing.T) {
	h := startHost(t, nil)
	var answers []string
	for _, name := range []string{"alice", "nobody"} {
		r := dialRaw(t, h.ClientAddr())
		r.send(clientOpen)
		r.expect("</stream:features>")
		bare := "n=" + name + ",r=abcdef"
		r.send(auth("SCRAM-SHA-256", "n,,"+bare))
		first := r.challenge()
		final, _ := scramFinal(t, scramSHA256, "n,,", bare, first, "wrong")
		r.send(response(final))
		_, withoutNonce, _ := strings.Cut(first, ",")
		answers = append(answers, withoutNonce+r.expect(saslFailure))
	}
	if answers[0] != answers[1] {
		t.Errorf("answers differ: %q", answers)
	}
	if !strings.Contains(answers[0], "<not-authorized/>") {
		t.Errorf("failure %q, want not-authorized", answers[0])
	}
}

func TestLogin_failures(t *testing.T) {
	h := startHost(t, nil)
	for _, c := range []struct {
		name string
		send []string
		want saslError
	}{
		{"wrong password", []string{plainAuth("alice", "wrong")}, notAuthorized},
		{"unknown mechanism", []string{auth("X-NONE", "")}, invalidMechanism},
		{"no channel binding on offer", []string{auth("SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=alice,r=x")}, invalidMechanism},
		{"channel binding without PLUS", []string{auth("SCRAM-SHA-256", "p=tls-exporter,,n=alice,r=x")}, malformedRequest},
		{"mandatory extension", []string{auth("SCRAM-SHA-1", "n,,m=x,n=alice,r=x")}, malformedRequest},
		{"no base64", []string{`<auth xmlns='` + nsSASL + `' mechanism='PLAIN'>%%</auth>`}, incorrectEncoding},
		{"no PLAIN", []string{auth("PLAIN", "alice")}, malformedRequest},
		{"empty PLAIN", []string{`<auth xmlns='` + nsSASL + `' mechanism='PLAIN'>=</auth>`}, malformedRequest},
		{"for somebody else", []string{auth("PLAIN", "bob@localhost\x00alice\x00"+xmpptest.Password)}, invalidAuthzid},
		{"abort", []string{auth("SCRAM-SHA-1", "n,,n=alice,r=x"), "<abort xmlns='" + nsSASL + "'/>"}, aborted},
		{"response first", []string{response("x")}, malformedRequest},
		{"wrong nonce", []string{auth("SCRAM-SHA-1", "n,,n=alice,r=x"), response("c=biws,r=x,p=AAAA")}, malformedRequest},
		{"auth in an exchange", []string{auth("SCRAM-SHA-1", "n,,n=alice,r=x"), auth("PLAIN", "x")}, malformedRequest},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := dialRaw(t, h.ClientAddr())
			r.send(clientOpen)
			r.expect("</stream:features>")
			for i, s := range c.send {
				if i > 0 {
					r.challenge()
				}
				r.send(s)
			}
			if got := r.expect(saslFailure); !strings.Contains(got, "<"+string(c.want)+"/>") {
				t.Errorf("got %s, want %s", got, c.want)
			}
			r.send(plainAuth("alice", xmpptest.Password)) // another try on the same stream
			r.expect("<success")
		})
	}
}

// A wrong password is answered later and later, and the stream ends in time.
func TestLogin_wrongPasswordIsSlowed(t *testing.T) {
	const delay = 50 * time.Millisecond
	h := startHost(t, func(o *Options) { o.tryDelay = delay })
	bystander := xmpptest.Login(t, h, "bob")
	r := dialRaw(t, h.ClientAddr())
	r.send(clientOpen)
	r.expect("</stream:features>")
	var times []time.Duration
	for range maxTries + 1 {
		start := time.Now()
		r.send(plainAuth("alice", "wrong"))
		r.expect(saslFailure)
		times = append(times, time.Since(start))
		bystander.Sync()
	}
	if got := r.ended(); !strings.Contains(got, "<policy-violation ") {
		t.Errorf("after %d tries: got %q, want policy-violation", maxTries+1, got)
	}
	if times[freeTries] < delay || times[freeTries+1] < 2*delay {
		t.Errorf("the answers came after %v; want delays after %d", times, freeTries)
	}
	// Another connection begins where this one has ended; the right password works.
	r = dialRaw(t, h.ClientAddr())
	r.send(clientOpen)
	r.expect("</stream:features>")
	start := time.Now()
	r.send(plainAuth("alice", "wrong"))
	r.expect(saslFailure)
	if d := time.Since(start); d < 8*delay {
		t.Errorf("on another connection the answer came after %v", d)
	}
	r.send(plainAuth("alice", xmpptest.Password))
	r.expect("<success")
}

func TestThrottle_forgets(t *testing.T) {
	th := throttle{delay: tryDelay}
	now := time.Now()
	who := testDomain
	for range freeTries {
		if d := th.failed("peer", who, now); d != 0 {
			t.Fatalf("delay %v at once", d)
		}
	}
	if d := th.failed("peer", who, now); d != tryDelay {
		t.Errorf("delay %v, want %v", d, tryDelay)
	}
	if d := th.failed("other peer", who, now); d != 0 {
		t.Errorf("another peer is delayed by %v", d)
	}
	for range 40 {
		if d := th.failed("peer", who, now); d > maxDelays*tryDelay {
			t.Fatalf("delay %v, want at most %v", d, maxDelays*tryDelay)
		}
	}
	if d := th.failed("peer", who, now.Add(forgetting+1)); d != 0 {
		t.Errorf("delay %v after the failures are forgotten", d)
	}
	for i := range 3 * maxTriers {
		th.failed(fmt.Sprint(i), who, now)
	}
	if n := len(th.triers); n > maxTriers {
		t.Errorf("%d are remembered, want at most %d", n, maxTriers)
	}
}

func TestLogin_tls(t *testing.T) {
	h := startHost(t, func(o *Options) { o.RequireTLS = true })
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(h.CertificatePEM()) {
		t.Fatal("no certificate")
	}
	for _, name := range []string{"localhost", "127.0.0.1"} {
		t.Run("direct, "+name, func(t *testing.T) {
			r := dialRaw(t, h.TLSAddr())
			secured := tls.Client(r.conn, &tls.Config{RootCAs: pool, ServerName: name, NextProtos: []string{"xmpp-client"}})
			r.conn = secured
			r.send(clientOpen)
			if got := r.expect("</stream:features>"); strings.Contains(got, "starttls") || !strings.Contains(got, "PLAIN") {
				t.Errorf("features %s", got)
			}
			if p := secured.ConnectionState().NegotiatedProtocol; p != "xmpp-client" {
				t.Errorf("protocol %q", p)
			}
			r.send(plainAuth("alice", xmpptest.Password))
			r.expect("<success")
		})
	}
	for _, newline := range []string{"", "\n"} {
		t.Run(fmt.Sprintf("STARTTLS with %q", newline), func(t *testing.T) {
			r := dialRaw(t, h.ClientAddr())
			r.send(clientOpen)
			if got := r.expect("</stream:features>"); !strings.Contains(got, "<required/>") || strings.Contains(got, "mechanism") {
				t.Errorf("features %s", got)
			}
			r.send(plainAuth("alice", xmpptest.Password))
			if got := r.expect(saslFailure); !strings.Contains(got, "<encryption-required/>") {
				t.Errorf("login without TLS: %s", got)
			}
			r.send("<starttls xmlns='" + nsTLS + "'/>" + newline)
			r.expect("<proceed xmlns=\"" + nsTLS + "\"/>")
			r.send(newline)
			r.conn = tls.Client(r.conn, &tls.Config{RootCAs: pool, ServerName: "localhost"})
			r.send(clientOpen)
			r.expect("</stream:features>")
			r.send(plainAuth("alice", xmpptest.Password))
			r.expect("<success")
			r.send(clientOpen)
			r.expect("</stream:features>")
			r.send("</stream:stream>")
			if got := r.ended(); got != "</stream:stream>" {
				t.Errorf("at the end: %q", got)
			}
		})
	}
	t.Run("bytes behind starttls", func(t *testing.T) {
		r := dialRaw(t, h.ClientAddr())
		r.send(clientOpen)
		r.expect("</stream:features>")
		r.send("<starttls xmlns='" + nsTLS + "'/><presence/>")
		if got := r.ended(); !strings.Contains(got, "<policy-violation ") {
			t.Errorf("got %q, want policy-violation", got)
		}
	})
	t.Run("no TLS at all", func(t *testing.T) {
		r := dialRaw(t, h.TLSAddr())
		r.send(clientOpen)
		r.ended()
	})
}

// A client from elsewhere must use TLS, whatever the host asks of loopback.
func TestLogin_fromElsewhere(t *testing.T) {
	h := startHost(t, nil)
	c := &conn{host: h.hosted}
	if got := loginFeatures(c); !strings.Contains(got, "<required/>") || strings.Contains(got, "mechanism") || c.mayLogIn() {
		t.Errorf("features %s, may log in %v; want TLS first", got, c.mayLogIn())
	}
	c.secure = true
	if got := loginFeatures(c); !strings.Contains(got, "SCRAM-SHA-256") || strings.Contains(got, "starttls") || !c.mayLogIn() {
		t.Errorf("with TLS: features %s, may log in %v", got, c.mayLogIn())
	}
}
