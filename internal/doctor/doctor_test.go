package doctor

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// patience is how long a test waits for what should come at once.
const patience = 30 * time.Second

// hidden are parts of what must not be shown.
var hidden = []string{"hunter2", xmpptest.ComponentSecret, "f0d1c2b3a495"}

// healthy is a configuration for the server's first component with which all is
// well. The callback has a password in its URL.
func healthy(t *testing.T, server xmpptest.Server) config.Config {
	t.Helper()
	c := config.Default()
	c.HTTP.Listen = xmpptest.FreeAddr(t)
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(server.ComponentDomain(0))
	component.Server = server.ComponentAddr()
	component.Secret = config.Secret(server.Secret())
	component.Credentials = []config.Credential{{Authorization: "Bearer f0d1c2b3a495c3b7f0e1d2c3b4a59687", Identity: component.Domain}}
	receiver := xmpptest.NewReceiver(t)
	component.Callback.URL = config.Secret(strings.Replace(receiver.URL(), "://", "://user:hunter2@", 1) + "/hunter2?token=hunter2")
	c.Components = []config.Component{component}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

// steps are those of a report on one component, by name.
type steps map[Name]Step

// examine runs all steps, and checks what holds for every report.
func examine(t *testing.T, c config.Config, change ...func(*Options)) steps {
	t.Helper()
	var seen []Step
	o := Options{Config: c, Version: "test", Timeout: patience, Each: func(s Step) { seen = append(seen, s) }}
	for _, f := range change {
		f(&o)
	}
	r := Run(t.Context(), o)
	if diff := cmp.Diff(r.Steps, seen); diff != "" {
		t.Errorf("the report (-) and what Each got (+) differ:\n%s", diff)
	}
	all := steps{}
	names := make([]Name, len(r.Steps))
	for i, s := range r.Steps {
		names[i], all[s.Name] = s.Name, s
		if s.Status == Failed && r.Result != ResultFailed {
			t.Errorf("%s failed, and the result is %s", s.Name, r.Result)
		}
	}
	if diff := cmp.Diff(Names(), names); diff != "" {
		t.Errorf("the steps are not those of Names (-), in order (+):\n%s", diff)
	}
	text, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range hidden {
		if strings.Contains(string(text), secret) {
			t.Errorf("the report shows %s: %s", secret, text)
		}
	}
	return all
}

// want fails the test unless a step ended so, and said all of the words.
func (s steps) want(t *testing.T, name Name, status Status, words ...string) {
	t.Helper()
	step := s[name]
	text := step.Detail + "\n" + strings.Join(step.Try, "\n")
	if step.Status != status {
		t.Errorf("%s: %s, want %s: %s", name, step.Status, status, text)
	}
	for _, word := range words {
		if !strings.Contains(text, word) {
			t.Errorf("%s: no %q in %s", name, word, text)
		}
	}
}

func within(limit time.Duration) func(*Options) {
	return func(o *Options) { o.Timeout = limit }
}

func TestRun_healthy(t *testing.T) {
	for _, name := range xmpptest.Peers(t) {
		t.Run(name, func(t *testing.T) {
			server := xmpptest.Start(t, name)
			c := healthy(t, server)
			got := examine(t, c)
			for _, name := range []Name{Configuration, Listener, Credentials, Callback, Resolution, Connection, Handshake, Ping, Clock} {
				got.want(t, name, OK)
			}
			got.want(t, SecretFiles, Skipped)
			got.want(t, Certificate, Skipped)
			got.want(t, Listener, OK, c.HTTP.Listen+" is free")
			got.want(t, Callback, OK, "answers status 200")
			got.want(t, Ping, OK, "the server routes a ping back in ")

			// It has left no connection behind that would be a conflict.
			xmpptest.DialComponent(t, server, 0)
		})
	}
}

// What servers refuse, each in its own words.
func TestRun_refused(t *testing.T) {
	for _, name := range xmpptest.Peers(t) {
		t.Run(name, func(t *testing.T) {
			server := xmpptest.Start(t, name)
			c := healthy(t, server)
			component := &c.Components[0]

			component.Secret = "hunter2 hunter2 hunter2"
			got := examine(t, c)
			got.want(t, Connection, OK)
			got.want(t, Handshake, Failed, "refuses the secret", "to the letter")
			got.want(t, Ping, Skipped, "because handshake failed")
			got.want(t, Clock, OK, "the callback's")

			component.Secret, component.Domain = config.Secret(server.Secret()), jid.MustParse("unknown.example.test")
			component.Credentials[0].Identity = component.Domain
			if name == "ejabberd" { // which says so of every domain that it does not know
				examine(t, c).want(t, Handshake, Failed, "ejabberd says the same if it does not know the domain unknown.example.test")
			} else {
				examine(t, c).want(t, Handshake, Failed, "knows no component unknown.example.test", "letter by letter")
			}

			component.Server = server.ClientAddr()
			examine(t, c).want(t, Handshake, Failed, "must name the server's component port")
		})
	}
}

// A component that is connected already, by whatever means.
func TestRun_conflict(t *testing.T) {
	for _, name := range xmpptest.Peers(t) {
		if name == "ejabberd" {
			continue // it lets both in
		}
		t.Run(name, func(t *testing.T) {
			server := xmpptest.Start(t, name)
			xmpptest.DialComponent(t, server, 0)
			examine(t, healthy(t, server)).want(t, Handshake, Failed, "is taken", "is a Restanza running?")
		})
	}
}

func TestRun_name(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	c := healthy(t, server)
	_, port, _ := net.SplitHostPort(server.ComponentAddr())
	c.Components[0].Server = "xmpp.invalid:" + port
	got := examine(t, c, func(o *Options) {
		o.Lookup = func(context.Context, string) ([]netip.Addr, error) {
			return nil, &net.DNSError{Name: "xmpp.invalid", IsNotFound: true}
		}
	})
	got.want(t, Resolution, Failed, "xmpp.invalid is not known", "getent hosts xmpp.invalid")
	got.want(t, Connection, Skipped, "because name resolution failed")
	got.want(t, Handshake, Skipped, "because name resolution failed")
	got.want(t, Ping, Skipped, "because name resolution failed")

	// Several addresses, of which one does not answer. The link dials by name.
	c.Components[0].Server = "localhost:" + port
	got = examine(t, c, func(o *Options) {
		o.Lookup = func(_ context.Context, host string) ([]netip.Addr, error) {
			return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("127.0.0.2")}, nil
		}
	})
	got.want(t, Resolution, OK, "localhost is 127.0.0.1, 127.0.0.2")
	got.want(t, Connection, Warning, "127.0.0.1:"+port+" accepts connections", "nothing listens at 127.0.0.2:"+port)
	got.want(t, Handshake, OK)
}

// An error of the resolver is told as it is, and a name without addresses too.
func TestRun_nameWithoutAnswer(t *testing.T) {
	c := healthy(t, xmpptest.Start(t, "fake"))
	c.Components[0].Server = "xmpp.invalid:5347"
	got := examine(t, c, within(50*time.Millisecond), func(o *Options) {
		o.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
	})
	got.want(t, Resolution, Failed, "xmpp.invalid:5347 does not answer")
	got = examine(t, c, func(o *Options) {
		o.Lookup = func(context.Context, string) ([]netip.Addr, error) { return nil, nil }
	})
	got.want(t, Resolution, Failed, "xmpp.invalid has no address")
}

func TestRun_nothingListens(t *testing.T) {
	c := healthy(t, xmpptest.Start(t, "fake"))
	c.Components[0].Server = xmpptest.FreeAddr(t)
	got := examine(t, c)
	got.want(t, Connection, Failed, "nothing listens at "+c.Components[0].Server, "Prosody listens for components on 127.0.0.1:5347", "ejabberd_service")
	got.want(t, Handshake, Skipped, "because TCP connection failed")
	got.want(t, Clock, OK, "the callback's")
}

// Several components are tried one by one.
func TestRun_severalComponents(t *testing.T) {
	server := xmpptest.Start(t, "fake")
	c := healthy(t, server)
	second := c.Components[0]
	second.Domain = jid.MustParse(server.ComponentDomain(1))
	second.Credentials = nil
	second.Callback.URL = ""
	c.Components = append(c.Components, second)
	r := Run(t.Context(), Options{Config: c, Timeout: patience})
	if r.Result != ResultWarning || len(r.Steps) != 5+2*7 {
		t.Fatalf("%s, %d steps", r.Result, len(r.Steps))
	}
	first, last := steps{}, steps{}
	for _, s := range r.Steps {
		switch s.Component {
		case server.ComponentDomain(0):
			first[s.Name] = s
		case server.ComponentDomain(1):
			last[s.Name] = s
		}
	}
	first.want(t, Handshake, OK, server.ComponentDomain(0))
	last.want(t, Handshake, OK, server.ComponentDomain(1))
	last.want(t, Credentials, Warning, "nobody can send for "+server.ComponentDomain(1))
	last.want(t, Callback, Skipped, "none is configured")
	last.want(t, Clock, Skipped, "can't be judged")
}

// The end of the context ends a step that waits, and all others.
func TestRun_interrupted(t *testing.T) {
	c := healthy(t, xmpptest.Start(t, "fake"))
	c.Components[0].Server = silent(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := time.Now()
	r := Run(ctx, Options{Config: c, Timeout: time.Hour, Each: func(s Step) {
		if s.Name == Connection {
			time.AfterFunc(50*time.Millisecond, cancel) // the handshake waits by then, or will notice
		}
	}})
	if took := time.Since(began); took > patience || r.Result != ResultInterrupted {
		t.Errorf("after %s: %s", took, r.Result)
	}
	if last := r.Steps[len(r.Steps)-1]; last.Name != Connection {
		t.Errorf("the last step that was reported is %s", last.Name)
	}
}

func TestRun_warnings(t *testing.T) {
	c := healthy(t, xmpptest.Start(t, "fake"))
	got := examine(t, c, func(o *Options) { o.Warnings = []string{"RESTANZA_SERVR: unknown variable"} })
	got.want(t, Configuration, Warning, "1 component: "+c.Components[0].Domain.String(), "RESTANZA_SERVR: unknown variable")
}

func TestMisconfigured(t *testing.T) {
	path := filepath.Join(t.TempDir(), "restanza.toml")
	_, _, err := config.Sources{Path: path, Data: []byte("[log]\nlevell = 1\n[[component]]\nsecret = 5\n")}.Load()
	var seen []Step
	r := Misconfigured(err, []string{"careful"}, func(s Step) { seen = append(seen, s) })
	if r.Result != ResultMisconfigured || len(seen) != len(Names()) {
		t.Errorf("%s, %d steps", r.Result, len(seen))
	}
	want := Step{Name: Configuration, Status: Failed, Detail: "2 errors", Try: []string{
		path + ":2:1: log.levell: unknown key; did you mean level?",
		path + ":4: component.secret: this is a number; write text in quotes",
		"careful",
	}}
	if diff := cmp.Diff(want, r.Steps[0]); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, s := range r.Steps[1:] {
		if s.Status != Skipped || s.Detail != "the configuration is wrong" {
			t.Errorf("%s: %s, %s", s.Name, s.Status, s.Detail)
		}
	}
	_, _, err = config.Sources{Path: path}.Load()
	if r := Misconfigured(err, nil, nil); r.Steps[0].Detail != "it can't be read" || !strings.Contains(r.Steps[0].Try[0], "no such file") {
		t.Errorf("%+v", r.Steps[0])
	}
}

func TestClean(t *testing.T) {
	if got, want := clean("a\x1b[31mb\r\n\u202ec\u2028dé"), "a�[31mb���c�dé"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := clean("é" + strings.Repeat("é", 5000)); len(got) != 1000+len("…") || !strings.HasSuffix(got, "é…") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-5:])
	}
}

// Whoever a text comes from, it is one bounded line of valid UTF-8, and cleaning
// it once more changes nothing but its end.
func FuzzClean(f *testing.F) {
	f.Add("a plain text")
	f.Add("\x1b]0;title\a\u009b31m\u2029")
	f.Add(strings.Repeat("\x80", 2000))
	f.Fuzz(func(t *testing.T, text string) {
		got := clean(text)
		if !utf8.ValidString(got) || len(got) > 3*1000+len("…") || strings.ContainsFunc(got, unicode.IsControl) {
			t.Errorf("%q", got)
		}
		if len(got) <= 1000 && clean(got) != got {
			t.Errorf("%q, and then %q", got, clean(got))
		}
	})
}
