package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/client"
)

const secret = "hunter2"

// post sends a stanza to a gateway that answers as the handler does.
func post(t *testing.T, h http.HandlerFunc) (client.Answer, error) {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return postTo(t, server.URL, time.Minute)
}

func postTo(t *testing.T, url string, timeout time.Duration) (client.Answer, error) {
	t.Helper()
	c, err := client.New(client.Options{URL: url, Credentials: "Bearer " + secret, UserAgent: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return c.Post(t.Context(), client.Request{Body: []byte("<message/>"), Timeout: timeout})
}

// answering is a gateway that always says the same.
func answering(status int, contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const (
	bounce     = `<message type="error" id="1" from="b@h"><error type="cancel"><service-unavailable xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">not` + "\n" + ` here</text></error></message>`
	streamsXML = `<error xmlns="http://etherx.jabber.org/streams"><not-authorized xmlns="urn:ietf:params:xml:ns:xmpp-streams"/><text xmlns="urn:ietf:params:xml:ns:xmpp-streams">wrong &amp; bad</text></error>`
)

func TestPost_answers(t *testing.T) {
	for name, test := range map[string]struct {
		status            int
		contentType, body string
		kind              client.Kind
		words             []string
	}{
		"stanza error with 200":   {200, "application/xmpp+xml", bounce, client.Returned, []string{"service-unavailable: not here; check the address"}},
		"stanza error, strict":    {404, "application/xmpp+xml", bounce, client.Returned, []string{"service-unavailable"}},
		"error without element":   {200, "application/xmpp+xml", `<iq type="error" id="1"/>`, client.Returned, []string{"undefined-condition"}},
		"problem":                 {422, "application/problem+json", `{"title":"x","detail":"to is missing","condition":"improper-addressing","error_type":"modify"}`, client.Refused, []string{"(HTTP 422): improper-addressing: to is missing"}},
		"mod_rest JSON":           {403, "application/json", `{"type":"error","code":403,"error":{"type":"auth","condition":"not-authorized","text":"no"}}`, client.Refused, []string{"not-authorized: no; check the credentials", "--from"}},
		"mod_rest plain JSON":     {404, "application/json", `{"type":"error","code":404}`, client.Refused, []string{"is there a gateway at http://"}},
		"mod_rest XML":            {401, "application/xml", streamsXML, client.Refused, []string{"not-authorized: wrong & bad; check the credentials"}},
		"mod_rest empty XML":      {404, "application/xmpp+xml", `<error xmlns="http://etherx.jabber.org/streams"/>`, client.Refused, []string{"(HTTP 404); is there"}},
		"mod_rest HTML":           {500, "text/html; charset=utf-8", "<html><head><style>p{}</style></head><body><h1>Oops</h1><p>a &lt; b</p></body>", client.Failed, []string{"(HTTP 500): Oops a < b"}},
		"mod_rest without answer": {500, "application/xml", strings.ReplaceAll(streamsXML, "not-authorized", "remote-server-timeout"), client.NoAnswer, []string{"no answer in time"}},
		"mod_rest id in use":      {500, "application/json", `{"error":{"type":"modify","condition":"conflict"}}`, client.Refused, []string{"conflict"}},
		"timeout":                 {504, "application/problem+json", `{"condition":"remote-server-timeout"}`, client.NoAnswer, nil},
		"proxy":                   {502, "text/html", "<h1>Bad Gateway</h1>", client.Failed, []string{"Bad Gateway", "readyz"}},
		"link down":               {503, "application/problem+json", `{"condition":"service-unavailable","text":"no link"}`, client.Failed, []string{"no link", "readyz?verbose"}},
		"a web page":              {200, "text/html", "<!DOCTYPE html><p>welcome", client.Failed, []string{"no stanza; is there a gateway at"}},
		"stanza with 500":         {500, "application/xmpp+xml", `<message/>`, client.Failed, nil},
		"wrong JSON":              {400, "application/json", `{"error":7,"text":[],"detail":"\u001b[31mred"}`, client.Refused, []string{"\uFFFD[31mred"}},
		"no JSON":                 {400, "application/json", `{`, client.Refused, []string{"(HTTP 400)"}},
		"long text":               {400, "text/plain", strings.Repeat("a", 5000), client.Refused, []string{"aaa…"}},
		"huge":                    {200, "application/xmpp+xml", strings.Repeat("a", 4<<20+1), client.Failed, []string{"more than 4194304 bytes"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := post(t, answering(test.status, test.contentType, test.body))
			e, ok := errors.AsType[*client.Error](err)
			if !ok || e.Kind != test.kind || e.Status != test.status {
				t.Fatalf("%+v, want %s", err, test.kind)
			}
			for _, w := range test.words {
				if !strings.Contains(e.Error(), w) {
					t.Errorf("%q has no %q", e, w)
				}
			}
			if strings.Contains(e.Error(), secret) || len(e.Error()) > 1000 {
				t.Errorf("too much is told: %s", e)
			}
		})
	}
}

func TestPost_good(t *testing.T) {
	const iq = `<iq type="result" id="1" from="h" to="a@b"><x xmlns="y"/></iq>`
	for name, test := range map[string]struct {
		status int
		body   string
		id     string
	}{
		"accepted":          {202, "", ""},
		"iq":                {200, iq, "1"},
		"odd address":       {200, `<iq type="result" id="1" from="@"/>`, "1"},
		"archive, mod_rest": {200, `<xmpp><message id="0"/>` + iq + `</xmpp>`, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := post(t, answering(test.status, "application/xmpp+xml", test.body))
			if err != nil {
				t.Fatal(err)
			}
			if a.Status != test.status || a.XML != test.body || a.Stanza.ID() != test.id || a.Took <= 0 {
				t.Errorf("%+v", a)
			}
		})
	}
}

func TestPost_request(t *testing.T) {
	var header http.Header
	var path, body string
	handler := func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		header, path, body = r.Header, r.URL.Path, string(raw)
		w.WriteHeader(http.StatusAccepted)
	}
	server := httptest.NewServer(http.HandlerFunc(handler))
	t.Cleanup(server.Close)
	for suffix, want := range map[string]string{"": "/rest", "/": "/rest", "/rest": "/rest", "/rest/": "/rest", "/xmpp": "/xmpp/rest"} {
		c, err := client.New(client.Options{URL: server.URL + suffix, Credentials: "Bearer x", UserAgent: "u"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Post(t.Context(), client.Request{Body: []byte("<message/>"), Timeout: 1500 * time.Millisecond, Async: true, Strict: true}); err != nil {
			t.Fatal(err)
		}
		if path != want || body != "<message/>" {
			t.Errorf("%q: %s at %s", suffix, body, path)
		}
	}
	got := map[string]string{}
	for _, name := range []string{"Authorization", "Content-Type", "Prefer", "Prosody-Rest-Timeout", "User-Agent"} {
		got[name] = header.Get(name)
	}
	want := map[string]string{
		"Authorization": "Bearer x", "Content-Type": "application/xmpp+xml", "Prefer": "handling=strict, respond-async",
		"Prosody-Rest-Timeout": "1.5", "User-Agent": "u",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// mod_rest takes the first of its own names for stanzas that it finds in the text.
	if accept := header.Get("Accept"); strings.Index(accept, "application/json") < strings.Index(accept, "application/xmpp+xml") {
		t.Errorf("Accept: %s", accept)
	}
}

// What the gateway keeps until it can send it has a place where it tells how that is.
func TestPost_queued(t *testing.T) {
	for location, want := range map[string]string{
		"":                        "",
		"/rest/outbox/1-2":        "BASE/xmpp/rest/outbox/1-2",
		"https://x:y@h.example/a": "https://x:xxxxx@h.example/a",
		"other":                   "BASE/xmpp/other",
		"http://[":                "",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header["Prefer"] != nil {
				t.Errorf("Prefer: %v", r.Header["Prefer"])
			}
			w.Header().Set("Location", location)
			w.WriteHeader(http.StatusAccepted)
		}))
		answer, err := postTo(t, server.URL+"/xmpp", time.Minute)
		server.Close()
		if want = strings.Replace(want, "BASE", server.URL, 1); err != nil || answer.Queued != want {
			t.Errorf("%q: %q, %v; want %q", location, answer.Queued, err, want)
		}
	}
}

// A redirect is told, and followed neither with nor without the credential.
func TestPost_redirect(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("followed") }))
	t.Cleanup(other.Close)
	for _, status := range []int{301, 302, 303, 307, 308} {
		_, err := post(t, func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/rest?token="+secret, status)
		})
		e, ok := errors.AsType[*client.Error](err)
		if !ok || e.Kind != client.Failed || !strings.HasSuffix(e.Hint, ": "+other.URL+"/rest") {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestPost_noConnection(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := "http://" + l.Addr().String()
	l.Close()
	plain := httptest.NewServer(answering(202, "", ""))
	t.Cleanup(plain.Close)
	selfSigned := httptest.NewTLSServer(answering(202, "", ""))
	t.Cleanup(selfSigned.Close)
	cut := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "<iq")
	}))
	t.Cleanup(cut.Close)
	for name, test := range map[string]struct{ url, words string }{
		"refused":     {closed, "nobody listens at " + closed + "; is restanza running? `restanza dev` starts one"},
		"no name":     {"http://no..name", "can't be resolved"},
		"no TLS":      {strings.Replace(plain.URL, "http:", "https:", 1), "does not speak TLS; try http://"},
		"certificate": {selfSigned.URL, "is not to be trusted"},
		"cut short":   {cut.URL, "broke"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postTo(t, test.url, time.Minute)
			e, ok := errors.AsType[*client.Error](err)
			if !ok || e.Kind != client.Unreachable || !strings.Contains(e.Error(), test.words) {
				t.Errorf("%v, want %s", err, test.words)
			}
		})
	}
}

// A gateway that takes the request and says nothing, or not all, costs the time that
// was given and a little more.
func TestPost_silence(t *testing.T) {
	for name, part := range map[string]string{"nothing": "", "half": `<iq type="result"`} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				if part != "" {
					_, _ = io.WriteString(w, part)
					_ = http.NewResponseController(w).Flush()
				}
				<-r.Context().Done()
			}))
			t.Cleanup(server.Close)
			_, err := postTo(t, server.URL, time.Millisecond)
			e, ok := errors.AsType[*client.Error](err)
			if !ok || e.Kind != client.NoAnswer || !strings.Contains(e.Error(), "said nothing") {
				t.Errorf("%v, want %s", err, client.NoAnswer)
			}
		})
	}
}

func TestNew_refuses(t *testing.T) {
	for _, url := range []string{
		"", "127.0.0.1:5281", "ftp://h", "http://", "http://h?x=" + secret, "http://h#x", "http://u:" + secret + "@h",
		"http://u:" + secret + "@h:x", "http://%zz" + secret, "http:/h",
	} {
		_, err := client.New(client.Options{URL: url})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, credentials := range []string{secret, "Bearer ", " " + secret, "Bearer " + secret + "\n", "Bearer é" + secret} {
		_, err := client.New(client.Options{URL: "http://h", Credentials: credentials})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%q: %v", credentials, err)
		}
	}
}

func TestExposed(t *testing.T) {
	for url, want := range map[string]bool{
		"http://127.0.0.1:1": false, "http://[::1]": false, "http://localhost": false, "https://h": false, "http://h": true, "http://10.0.0.1": true,
	} {
		c, err := client.New(client.Options{URL: url, Credentials: "Bearer x"})
		if err != nil || c.Exposed() != want {
			t.Errorf("%s: not %v (%v)", url, want, err)
		}
	}
}

func TestPost_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c, err := client.New(client.Options{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Post(ctx, client.Request{Timeout: time.Second})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
