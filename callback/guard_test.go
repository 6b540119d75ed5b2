package callback

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/guard"
	"github.com/restanza/restanza/internal/xmpptest"
)

// resolving lets a Callback look names up in n.
func resolving(t *testing.T, n xmpptest.Names) func(*Options) {
	t.Helper()
	return func(o *Options) { o.Resolver = n.Resolver(t) }
}

// A name that leads where no callback is gets no connection, whatever form the address has. The stanza's sender gets the
// error of a callback that is not there, and the operator is told why.
func TestGuard_names(t *testing.T) {
	for name, c := range map[string]struct {
		addresses []string
		kind      guard.Kind
	}{
		"link-local":        {[]string{"169.254.7.7"}, guard.LinkLocal},
		"metadata":          {[]string{"169.254.169.254"}, guard.Metadata},
		"metadata, IPv6":    {[]string{"fd00:ec2::254"}, guard.Metadata},
		"link-local, IPv6":  {[]string{"fe80::1"}, guard.LinkLocal},
		"mapped":            {[]string{"::ffff:169.254.169.254"}, guard.Metadata},
		"NAT64":             {[]string{"64:ff9b::169.254.169.254"}, guard.Metadata},
		"6to4":              {[]string{"2002:a9fe:a9fe::1"}, guard.Metadata},
		"unspecified":       {[]string{"0.0.0.0"}, guard.Unspecified},
		"multicast":         {[]string{"224.0.0.1"}, guard.Multicast},
		"several, all such": {[]string{"169.254.169.254", "169.254.169.253"}, guard.Metadata},
	} {
		t.Run(name, func(t *testing.T) {
			s, l := newServer(), &logs{}
			cb, stop := begin(t, s, to("http://callback.example/hook"), logging(l), patient(long),
				resolving(t, xmpptest.Names{"callback.example": c.addresses}))
			deliver(t, cb, parse(t, aMessage))
			unavailableReply(t, s.next(t))
			stop()
			if n := counted(t, cb, outcomeNoAnswer); n != 1 {
				t.Errorf("counted as no_answer: %v", n)
			}
			if l.count("refused to connect to", string(c.kind)+" address") < 1 || l.count("nothing listens") > 0 {
				t.Errorf("the log says\n%s", l)
			}
		})
	}
}

// A name with one proper address among others is reached there, and nowhere else.
func TestGuard_severalAddresses(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", textType)
		say(w, r.Host)
	})
	port := srv.URL[strings.LastIndexByte(srv.URL, ':'):]
	s := newServer()
	c, _ := begin(t, s, to("http://callback.example"+port), resolving(t, xmpptest.Names{"callback.example": {"169.254.169.254", "127.0.0.1", "fe80::1"}}))
	deliver(t, c, parse(t, aMessage))
	if st := s.next(t); st.Body() != "callback.example"+port {
		t.Errorf("%s", st)
	}
}

// A callback can't send the gateway elsewhere.
func TestGuard_redirect(t *testing.T) {
	srv := listen(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
	})
	s, l := newServer(), &logs{}
	c, stop := begin(t, s, to(srv.URL), logging(l))
	deliver(t, c, parse(t, aQuery))
	if e := s.next(t).Err(); e == nil || e.Text != "307 Temporary Redirect" {
		t.Errorf("%v", e)
	}
	stop()
	if l.count("169.254") > 0 {
		t.Errorf("it was followed:\n%s", l)
	}
}

// What the operator writes as an address is meant.
func TestGuard_named(t *testing.T) {
	for url, c := range map[string]struct {
		address string
		allowed bool
	}{
		"http://169.254.169.254/x":        {"169.254.169.254:80", true},
		"http://u:p@169.254.7.7:8080/":    {"169.254.7.7:8080", true},
		"https://[fe80::1%25eth0]/":       {"[fe80::1%2]:443", true},
		"http://[::ffff:169.254.7.7]/":    {"169.254.7.7:80", true},
		"http://0.0.0.0:8080/":            {"0.0.0.0:8080", true},
		"http://callback.example/":        {"169.254.169.254:80", false},
		"http://2852039166/":              {"169.254.169.254:80", false},
		"http://169.254.7.7/?x={to}":      {"169.254.169.254:80", false},
		"http://h/169.254.169.254?x={to}": {"169.254.169.254:80", false},
		"http://169.254.169.254@h/":       {"169.254.169.254:80", false},
	} {
		target, err := parseTarget(url)
		if err != nil {
			t.Fatal(url, err)
		}
		err = newDialer(target, nil).guard.Control(t.Context(), "tcp", c.address, nil)
		if (err == nil) != c.allowed {
			t.Errorf("%s: %s: %v", url, c.address, err)
		}
	}
}

func TestProbe_refused(t *testing.T) {
	o := Options{URL: "http://callback.example/", Domain: at(t, "rest.example.net")}
	resolving(t, xmpptest.Names{"callback.example": {"169.254.169.254"}})(&o)
	_, err := Probe(t.Context(), o)
	if !refused(err) || unreachable(err) {
		t.Fatalf("%v", err)
	}
	if text := Explain(err); !strings.Contains(text, "169.254.169.254, a cloud metadata address") || !strings.Contains(text, "write the address itself in the URL") {
		t.Errorf("%s", text)
	}
}

// The environment's proxy is what is connected to. It is read once in a process, hence the children.
func TestProxy(t *testing.T) {
	if mode := os.Getenv("RESTANZA_TEST_PROXY"); mode != "" {
		proxied(t, mode)
		return
	}
	var requested []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested = append(requested, fmt.Sprint(r.Method, " ", r.RequestURI, " ", r.Header.Get("Webhook-Id") != ""))
		w.WriteHeader(http.StatusAccepted)
	}))
	defer proxy.Close()
	for mode, url := range map[string]string{"used": proxy.URL, "named": "http://169.254.7.7:3128"} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestProxy$")
		for _, line := range os.Environ() {
			if !strings.Contains(strings.ToLower(line), "_proxy=") {
				cmd.Env = append(cmd.Env, line)
			}
		}
		cmd.Env = append(cmd.Env, "RESTANZA_TEST_PROXY="+mode, "HTTP_PROXY="+url)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", mode, err, out)
		}
	}
	want := []string{"OPTIONS http://callback.example/hook false", "POST http://callback.example/hook true"}
	if len(requested) != 2 || strings.Join(requested, ",") != strings.Join(want, ",") {
		t.Errorf("the proxy got %q, want %q", requested, want)
	}
}

// proxied is TestProxy in a child.
func proxied(t *testing.T, mode string) {
	t.Helper()
	if mode == "named" {
		target, err := parseTarget("http://callback.example/")
		if err != nil {
			t.Fatal(err)
		}
		g := newDialer(target, nil).guard
		if err := g.Control(t.Context(), "tcp", "169.254.7.7:3128", nil); err != nil {
			t.Error(err)
		}
		if err := g.Control(t.Context(), "tcp", "169.254.7.8:3128", nil); err == nil {
			t.Error("another address may be dialled")
		}
		return
	}
	answered := make(chan struct{})
	c := build(t, newServer(), to("http://callback.example/hook"), func(o *Options) {
		o.Observe = func(x Exchange) {
			if x.Status != http.StatusAccepted {
				t.Error(errors.Join(x.Err, fmt.Errorf("status %d", x.Status)))
			}
			close(answered)
		}
	})
	if _, err := c.probe(t.Context()); err != nil {
		t.Error(err)
	}
	c.deliver(t.Context(), nil, delivery{id: c.newID(), stanza: parse(t, aMessage)})
	<-answered
}
