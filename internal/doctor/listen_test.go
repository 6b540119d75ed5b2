package doctor

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
)

// serve runs a gateway with a configuration until the test ends.
func serve(t *testing.T, c config.Config) {
	t.Helper()
	r, err := restanza.New(restanza.Options{Config: c, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the gateway: %v", err)
		}
	})
}

// waitHealth waits until the running gateway says what is wanted of its links.
func waitHealth(t *testing.T, address, want string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		g := findGateway(t.Context(), address)
		if g != nil && strings.Contains(fmt.Sprint(*g), want) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the gateway does not say %q: %+v", want, g)
		}
		<-tick.C
	}
}

// A running gateway is not disturbed, over HTTP and HTTPS, and on every server.
func TestListener_runningGateway(t *testing.T) {
	for _, name := range xmpptest.Peers(t) {
		t.Run(name, func(t *testing.T) {
			server := xmpptest.Start(t, name)
			c := healthy(t, server)
			c.HTTP.TLSCertificate, c.HTTP.TLSKey = writeCertificate(t, valid())
			serve(t, c)
			waitHealth(t, c.HTTP.Listen, "up since")

			got := examine(t, c)
			got.want(t, Listener, OK, "held by a running Restanza, which says: ready")
			got.want(t, Handshake, OK, "the running gateway says: link to "+c.Components[0].Server+" up since")
			got.want(t, Ping, Skipped, "not to disturb the running gateway", "--force-handshake")
			got.want(t, Clock, OK, "the callback's")
			if fake, ok := server.(*xmpptest.Fake); ok {
				if n := fake.Handshakes(c.Components[0].Domain.String()); n != 1 {
					t.Errorf("%d handshakes", n)
				}
			}

			got = examine(t, c, func(o *Options) { o.ForceHandshake = true })
			if name == "ejabberd" { // it lets both in
				got.want(t, Handshake, OK, "the server takes")
			} else {
				got.want(t, Handshake, Failed, "is taken")
			}
		})
	}
}

// A link that is up, but is not the one that is configured, proves nothing.
func TestListener_runningGatewayElsewhere(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	serve(t, c)
	waitHealth(t, c.HTTP.Listen, "up since")
	other := c
	other.Components = []config.Component{c.Components[0]}
	other.Components[0].Server = silent(t)
	got := examine(t, other)
	got.want(t, Handshake, Warning, "link to "+c.Components[0].Server, "the configuration names "+other.Components[0].Server, "--force-handshake")
	got.want(t, Ping, Skipped)
}

// A running gateway whose link is down, or that serves another domain, is none
// that could be disturbed.
func TestListener_runningGatewayWithoutLink(t *testing.T) {
	fake := xmpptest.StartFake(t)
	c := healthy(t, fake)
	running := c
	running.Components = []config.Component{c.Components[0]}
	running.Components[0].Secret = "out of date"
	serve(t, running)
	waitHealth(t, c.HTTP.Listen, "not ready")
	got := examine(t, c)
	got.want(t, Listener, OK, "which says: not ready")
	got.want(t, Handshake, OK, "the server takes")
	got.want(t, Ping, OK)
}

// Another program has the port: one that speaks HTTP, one that is silent.
func TestListener_otherProgram(t *testing.T) {
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
	}))
	defer web.Close()
	for _, address := range []string{web.Listener.Addr().String(), silent(t)} {
		c := healthy(t, xmpptest.StartFake(t))
		c.HTTP.Listen = address
		_, port, _ := net.SplitHostPort(address)
		got := examine(t, c, within(shortly))
		got.want(t, Listener, Failed, "in use by another program", "ss -ltnp 'sport = :"+port+"'")
		got.want(t, Handshake, OK)
	}
}

func TestListener_exposed(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	_, port, _ := net.SplitHostPort(c.HTTP.Listen)
	certificate, key := writeCertificate(t, valid())
	for listen, want := range map[string]Status{
		":" + port: Warning, "0.0.0.0:" + port: Warning, "localhost:" + port: OK, "127.0.0.1:" + port: OK,
	} {
		c.HTTP.Listen, c.HTTP.TLSCertificate, c.HTTP.TLSKey = listen, "", ""
		got := examine(t, c)
		got.want(t, Listener, want, listen+" is free")
		if want == Warning {
			got.want(t, Listener, Warning, "without TLS", "reverse proxy")
		}
		c.HTTP.TLSCertificate, c.HTTP.TLSKey = certificate, key
		examine(t, c).want(t, Listener, OK, listen+" is free")
	}
}

// A gateway on all addresses is found by way of one.
func TestListener_allAddresses(t *testing.T) {
	c := healthy(t, xmpptest.StartFake(t))
	_, port, _ := net.SplitHostPort(c.HTTP.Listen)
	c.HTTP.Listen = ":" + port
	serve(t, c)
	waitHealth(t, c.HTTP.Listen, "up since")
	examine(t, c).want(t, Listener, Warning, "held by a running Restanza")
}

// Errors that a test can't bring about on every machine.
func TestListener_errors(t *testing.T) {
	p := &patient{o: Options{Config: config.Default()}}
	for name, c := range map[string]struct {
		err  error
		says []string
	}{
		"permission":  {os.NewSyscallError("bind", syscall.EACCES), []string{"may not listen", "above 1023", "CAP_NET_BIND_SERVICE"}},
		"not ours":    {os.NewSyscallError("bind", syscall.EADDRNOTAVAIL), []string{"no address of this machine", "127.0.0.1:80"}},
		"no name":     {&net.DNSError{Err: "no such host"}, []string{"host of host:80 is not known: no such host"}},
		"descriptors": {os.NewSyscallError("socket", syscall.EMFILE), []string{"can't listen on host:80: too many open files"}},
	} {
		t.Run(name, func(t *testing.T) {
			f := p.taken(t.Context(), "host:80", &net.OpError{Op: "listen", Err: c.err})
			got := steps{Listener: {Status: f.status, Detail: f.detail, Try: f.try}}
			got.want(t, Listener, Failed, c.says...)
		})
	}
}

func TestReadHealth(t *testing.T) {
	got := readHealth("[+] a.example: link to h:1 up since noon\n[-] b.example: link to h:1 down since noon: it says [+] x: y\nnot ready\n")
	want := &gateway{verdict: "not ready", links: map[string]string{"a.example": "link to h:1 up since noon"}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(gateway{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
