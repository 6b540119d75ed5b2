package restanza_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
)

// patience is how long a test waits for what should come at once. Real servers
// on a busy machine, under the race detector, take their time.
const patience = 30 * time.Second

const (
	credential = "Bearer dmVyeSBzZWNyZXQgdG9rZW4K"
	mediaType  = "application/xmpp+xml"
	jsonType   = "application/json"
)

// gatewayUnderTest is a whole Restanza, running, attached to a server as its first
// component.
type gatewayUnderTest struct {
	t        testing.TB
	server   xmpptest.Server
	domain   string
	receiver *xmpptest.Receiver
	url      string
	client   *http.Client
	log      *lockedBuffer
	stop     func() error // ends it and returns what Run returned
}

// startGateway starts a gateway and returns when its link is up. The receiver is
// its callback. It ends with the test.
func startGateway(t testing.TB, server xmpptest.Server, change ...func(*config.Config)) *gatewayUnderTest {
	t.Helper()
	g := launchGateway(t, server, change...)
	g.waitReady()
	return g
}

// launchGateway is startGateway for a link that may not come up.
func launchGateway(t testing.TB, server xmpptest.Server, change ...func(*config.Config)) *gatewayUnderTest {
	t.Helper()
	g := &gatewayUnderTest{
		t: t, server: server, domain: server.ComponentDomain(0),
		receiver: xmpptest.NewReceiver(t), log: &lockedBuffer{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	c := config.Default()
	c.HTTP.Listen = "127.0.0.1:0"
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(g.domain)
	component.Server = server.ComponentAddr()
	component.Secret = config.Secret(server.Secret())
	component.Credentials = []config.Credential{{Authorization: credential, Identity: component.Domain}}
	component.Callback.URL = config.Secret(g.receiver.URL() + "/")
	c.Components = []config.Component{component}
	for _, f := range change {
		f(&c)
	}
	logger := slog.New(slog.NewTextHandler(g.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	r, err := restanza.New(restanza.Options{Config: c, Logger: logger, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	g.url = "http://" + r.Addr()
	if c.HTTP.TLSCertificate != "" {
		g.url = "https://" + r.Addr()
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	g.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	t.Cleanup(func() {
		g.client.CloseIdleConnections()
		if err := g.stop(); err != nil {
			t.Errorf("Run: %v", err)
		}
		if t.Failed() {
			t.Logf("the end of the gateway's log:\n%s", tail(g.log.String(), 60))
		}
	})
	return g
}

// eachPeer runs a scenario against each server that is to be tested against. The
// server is shared by the scenarios of one test only.
func eachPeer(t *testing.T, scenario func(t *testing.T, server xmpptest.Server)) {
	t.Helper()
	for _, name := range xmpptest.Peers(t) {
		t.Run(name, func(t *testing.T) { scenario(t, xmpptest.Start(t, name)) })
	}
}

// response is an HTTP response, read whole.
type response struct {
	status int
	header http.Header
	body   string
}

// post sends a body to /rest, with further headers given as "Name: value".
func (g *gatewayUnderTest) post(body string, headers ...string) response {
	g.t.Helper()
	r, err := g.tryPost(context.Background(), body, headers...)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

// tryPost is post for any goroutine.
func (g *gatewayUnderTest) tryPost(ctx context.Context, body string, headers ...string) (response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url+"/rest", strings.NewReader(body))
	if err != nil {
		return response{}, err
	}
	req.Header.Set("Authorization", credential)
	req.Header.Set("Content-Type", mediaType)
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	return g.do(req)
}

func (g *gatewayUnderTest) get(path string) response {
	g.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, g.url+path, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	if strings.HasPrefix(path, "/rest/") {
		req.Header.Set("Authorization", credential)
	}
	r, err := g.do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	return r
}

func (g *gatewayUnderTest) do(req *http.Request) (response, error) {
	resp, err := g.client.Do(req)
	if err != nil {
		return response{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return response{resp.StatusCode, resp.Header, string(body)}, err
}

// want fails the test unless the status is right, and the body contains all the
// words.
func (r response) want(t testing.TB, status int, words ...string) response {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d; body:\n%s", r.status, status, r.body)
	}
	for _, w := range words {
		if !strings.Contains(r.body, w) {
			t.Fatalf("status %d as it should be, but the body lacks %q:\n%s", r.status, w, r.body)
		}
	}
	return r
}

// waitReady returns when the link is up.
func (g *gatewayUnderTest) waitReady() {
	g.t.Helper()
	g.waitUntil("the link is up", func() bool { return g.get("/readyz").status == http.StatusOK })
}

// waitUntil polls a condition that something outside this process brings about.
func (g *gatewayUnderTest) waitUntil(what string, ok func() bool) {
	g.t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			g.t.Fatalf("waited %s in vain until %s", patience, what)
		}
		<-tick.C
	}
}

// outstanding returns how many queries wait for their answers, as /metrics has it.
func (g *gatewayUnderTest) outstanding() int {
	g.t.Helper()
	return int(g.metric("restanza_iq_outstanding"))
}

// metric returns the value of a metric, with whatever labels.
func (g *gatewayUnderTest) metric(name string) float64 {
	g.t.Helper()
	m := regexp.MustCompile(`(?m)^` + name + `(?:\{[^}]*\})? (\S+)$`).FindStringSubmatch(g.get("/metrics").body)
	if m == nil {
		g.t.Fatalf("/metrics has no %s", name)
	}
	value, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		g.t.Fatal(err)
	}
	return value
}

// unbroken returns a function that fails the test if the link has been broken
// since unbroken was called.
func (g *gatewayUnderTest) unbroken() func() {
	g.t.Helper()
	before := g.get("/readyz?verbose").want(g.t, http.StatusOK, "up since").body
	return func() {
		g.t.Helper()
		if now := g.get("/readyz?verbose"); now.status != http.StatusOK || now.body != before {
			g.t.Fatalf("the link has been broken: before:\n%safterwards (%d):\n%s", before, now.status, now.body)
		}
	}
}

// body matches a stanza with that body.
func body(text string) func(xmpptest.Stanza) bool {
	return func(s xmpptest.Stanza) bool { return s.Body == text }
}

// withID matches a stanza with that id.
func withID(id string) func(xmpptest.Stanza) bool {
	return func(s xmpptest.Stanza) bool { return s.ID == id }
}

// posted matches a callback whose body contains all of the texts.
func posted(texts ...string) func(xmpptest.Callback) bool {
	return func(c xmpptest.Callback) bool {
		for _, text := range texts {
			if !strings.Contains(c.Body, text) {
				return false
			}
		}
		return true
	}
}

// message is a chat message as a caller writes it.
func message(to, text string) string {
	return fmt.Sprintf(`<message type="chat" to="%s"><body>%s</body></message>`, to, text)
}

// lockedBuffer is a log that several goroutines write and a test reads.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
