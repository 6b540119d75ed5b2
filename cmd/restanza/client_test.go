package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza"
	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/internal/xmpptest"
	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

const bearer = "Bearer hunter2"

// startGateway runs a whole gateway at the fake server and returns the variables with
// which the command finds it.
func startGateway(t *testing.T) (*xmpptest.Fake, []string) {
	t.Helper()
	server := xmpptest.StartFake(t)
	c := config.Default()
	c.HTTP.Listen = "127.0.0.1:0"
	component := config.DefaultComponent()
	component.Domain = jid.MustParse(server.ComponentDomain(0))
	component.Server = server.ComponentAddr()
	component.Secret = config.Secret(server.Secret())
	component.Credentials = []config.Credential{{Authorization: bearer, Identity: component.Domain}}
	c.Components = []config.Component{component}
	r, err := restanza.New(restanza.Options{Config: c, Logger: slog.New(slog.DiscardHandler), Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	server.WaitConnected(t, 10*time.Second, server.ComponentDomain(0), 1)
	environ := []string{"RESTANZA_URL=http://" + r.Addr(), "RESTANZA_CREDENTIALS=" + bearer}
	for deadline := time.Now().Add(10 * time.Second); call(t, "", environ, "iq", "ping", server.Host()).code != exitOK; {
		if time.Now().After(deadline) {
			t.Fatal("the link does not come up")
		}
	}
	return server, environ
}

func TestSend_realGateway(t *testing.T) {
	server, environ := startGateway(t)
	server.AddUser(t, "bob")
	bob := xmpptest.Login(t, server, "bob")
	from := "bot@" + server.ComponentDomain(0)
	for name, test := range map[string]struct {
		stdin string
		args  []string
		body  string
	}{
		"argument":     {"", []string{bob.Bare(), "one & <two>"}, "one & <two>"},
		"input":        {"three\r\n", []string{bob.Bare()}, "three"},
		"input by -":   {"four\n\n", []string{bob.Bare(), "-", "--subject", "s", "--lang", "en", "--type", "normal"}, "four\n"},
		"async":        {"", []string{bob.Bare(), "five", "--async"}, "five"},
		"whole":        {"", []string{"--xml", "<message to='" + bob.Bare() + "'><body>six</body></message>"}, "six"},
		"whole, input": {"<message to='" + bob.Bare() + "'><body>seven</body></message>", []string{"--xml"}, "seven"},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"send"}, test.args...)
			if !strings.HasPrefix(name, "whole") {
				args = append(args, "--from", from, "--id", "id-"+name)
			}
			call(t, test.stdin, environ, args...).expect(t, exitOK, "", "")
			got := bob.With(t).Wait(10*time.Second, func(s xmpptest.Stanza) bool { return s.Body == test.body })
			if !strings.HasPrefix(name, "whole") && (got.From != from || got.ID != "id-"+name) {
				t.Errorf("from %s, id %s", got.From, got.ID)
			}
		})
	}
}

func TestSend_realGatewayRefusals(t *testing.T) {
	server, environ := startGateway(t)
	nobody := "nobody@" + server.Host()
	wrong := append(environ[:1:1], "RESTANZA_CREDENTIALS=Bearer wrong-hunter2")
	for name, test := range map[string]struct {
		environ []string
		code    int
		stderr  string
		args    []string
	}{
		"bounce":            {environ, exitReturned, "restanza: returned with an error: service-unavailable", []string{"send", nobody, "x"}},
		"query that fails":  {environ, exitReturned, "returned with an error: service-unavailable", []string{"iq", "time", server.Host()}},
		"wrong credentials": {wrong, exitRefused, "the gateway refuses it (HTTP 403): not-authorized", []string{"send", nobody, "x"}},
		"no credentials":    {environ[:1], exitRefused, "(HTTP 401): not-authorized", []string{"send", nobody, "x"}},
		"foreign sender":    {environ, exitRefused, "--from", []string{"send", nobody, "x", "--from", "x@elsewhere.example"}},
		"not well-formed":   {environ, exitRefused, "not-well-formed", []string{"send", "--xml", "<message>"}},
		"wrong path":        {environ[1:], exitRefused, "is there a gateway at", []string{"send", nobody, "x", "--url", environ[0][len("RESTANZA_URL="):] + "/elsewhere"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, "", test.environ, test.args...)
			r.expect(t, test.code, "", test.stderr)
			if strings.Contains(r.stderr, "hunter2") || strings.Count(r.stderr, "\n") != 1 {
				t.Errorf("%s", r.stderr)
			}
		})
	}
}

func TestIQ_realGateway(t *testing.T) {
	server, environ := startGateway(t)
	for name, test := range map[string]struct {
		args   []string
		stdout string
	}{
		"ping":  {[]string{"ping"}, " ms\n"},
		"disco": {[]string{"disco"}, "identity server/im fake\nfeature http://jabber.org/protocol/disco#info\n"},
		"items": {[]string{"items", "--node", ""}, xmpptest.RoomsDomain + "\n"},
		"get":   {[]string{"get", "--xml", `<query xmlns="http://jabber.org/protocol/disco#info"/>`}, "<identity "},
	} {
		t.Run(name, func(t *testing.T) {
			call(t, "", environ, append([]string{"iq"}, append(test.args, server.Host())...)...).expect(t, exitOK, test.stdout, "")
		})
	}
	call(t, `<ping xmlns="urn:xmpp:ping"/>`, environ, "iq", "get", server.Host(), "--xml", "-").expect(t, exitOK, `type="result"`, "")
	server.OnStanza(func(_ string, s xmpptest.Stanza) bool { return s.Name == "iq" && strings.Contains(s.Raw, "silent") })
	call(t, "", environ, "iq", "get", server.Host(), "--xml", `<q xmlns="silent"/>`, "--timeout", "10ms").
		expect(t, exitNoAnswer, "", "no answer in time (HTTP 504)")
}

// answer runs the command at a gateway that always says the same.
func answer(t *testing.T, status int, body string, args ...string) result {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/xmpp+xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return call(t, "", nil, append(args, "--url", server.URL)...)
}

func TestIQ_readable(t *testing.T) {
	for name, test := range map[string]struct{ payload, stdout string }{
		"version":      {`<query xmlns="jabber:iq:version"><name>Prosody</name><version>0.12&#x9b;31m</version><os>Linux</os></query>`, "Prosody 0.12\uFFFD31m Linux\n"},
		"lastactivity": {`<query xmlns="jabber:iq:last" seconds="3723"/>`, "1h2m3s\n"},
		"time":         {`<time xmlns="urn:xmpp:time"><tzo>+01:00</tzo><utc>2026-01-02T03:04:05Z</utc></time>`, "2026-01-02T03:04:05Z +01:00\n"},
		"items":        {`<query xmlns="http://jabber.org/protocol/disco#items"><item jid="a@b" name="N"/><item jid="c" node="n"/></query>`, "a@b\t\tN\nc\tn\n"},
		"vcard":        {"<vCard xmlns='vcard-temp'><FN>\u009b1m</FN></vCard>", "<FN>&#x9B;1m</FN>"},
		"disco":        {`<unexpected xmlns="x"/>`, "<unexpected "},
	} {
		t.Run(name, func(t *testing.T) {
			r := answer(t, 200, `<iq type="result" id="1">`+test.payload+"</iq>", "iq", name, "h")
			r.expect(t, exitOK, test.stdout, "")
		})
	}
}

func TestClient_exitCodes(t *testing.T) {
	for name, test := range map[string]struct {
		status int
		body   string
		args   []string
		code   int
	}{
		"sent":               {202, "", []string{"send", "h", "x"}, exitOK},
		"fault":              {500, "", []string{"send", "h", "x"}, exitFailure},
		"link down":          {503, "", []string{"iq", "ping", "h"}, exitFailure},
		"query without body": {202, "", []string{"iq", "ping", "h"}, exitFailure},
		"other stanza":       {200, "<message/>", []string{"iq", "ping", "h"}, exitFailure},
		"redirect":           {302, "", []string{"send", "h", "x"}, exitFailure},
		"address":            {202, "", []string{"send", "@", "x"}, exitUsage},
		"text":               {202, "", []string{"send", "h", "\x01"}, exitUsage},
		"type":               {202, "", []string{"send", "h", "x", "--type", "y"}, exitUsage},
		"timeout":            {202, "", []string{"send", "h", "x", "--timeout", "0s"}, exitUsage},
		"xml and type":       {202, "", []string{"send", "--xml", "x", "--type", "chat"}, exitUsage},
		"xml and address":    {202, "", []string{"send", "--xml", "h", "x"}, exitUsage},
		"nobody":             {202, "", []string{"send"}, exitUsage},
		"no payload":         {202, "", []string{"iq", "get", "h"}, exitUsage},
		"broken payload":     {202, "", []string{"iq", "get", "h", "--xml", "<a>"}, exitUsage},
		"both credentials":   {202, "", []string{"send", "h", "x", "--credentials", "Bearer x", "--credentials-file", "y"}, exitUsage},
		"no file":            {202, "", []string{"send", "h", "x", "--credentials-file", "/nonexistent"}, exitUsage},
		"credentials":        {202, "", []string{"send", "h", "x", "--credentials", "x"}, exitUsage},
		"refused":            {400, "", []string{"send", "h", "x"}, exitRefused},
		"returned":           {200, `<message type="error"/>`, []string{"send", "h", "x"}, exitReturned},
		"no answer":          {504, "", []string{"iq", "ping", "h"}, exitNoAnswer},
	} {
		t.Run(name, func(t *testing.T) {
			r := answer(t, test.status, test.body, test.args...)
			if r.code != test.code || (r.stderr == "") != (test.code == exitOK) {
				t.Errorf("%d, want %d: %s", r.code, test.code, r.stderr)
			}
			if test.args[0] == "iq" && len(test.args) == 3 && test.args[1] == "get" {
				return // a missing flag is told before there is a report
			}
			if name == "both credentials" {
				return
			}
			var got report
			r = answer(t, test.status, test.body, append(test.args, "--json")...)
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.stderr != "" || r.code != test.code {
				t.Fatalf("%v: %d, %q, %q", err, r.code, r.stdout, r.stderr)
			}
			if got.OK != (test.code == exitOK) || !got.OK && (got.Error.Code != test.code || got.Error.Kind == "") {
				t.Errorf("%s", r.stdout)
			}
		})
	}
}

func TestClient_json(t *testing.T) {
	const bounced = `<message type="error" id="1"><error type="cancel"><gone xmlns="` + stanza.NSStanzas + `"/></error></message>`
	for name, test := range map[string]struct {
		body string
		args []string
		want map[string]any
	}{
		"error": {bounced, []string{"send", "h", "x", "--id", "1"}, map[string]any{
			"ok": false, "status": 200., "id": "1", "stanza": bounced,
			"error": map[string]any{"kind": "returned", "exit_code": 4., "condition": "gone", "type": "cancel", "text": ""},
		}},
		"result": {`<iq type="result"><query xmlns="jabber:iq:last" seconds="0"/></iq>`, []string{"iq", "lastactivity", "h"}, map[string]any{
			"ok": true, "status": 200., "stanza": `<iq type="result"><query xmlns="jabber:iq:last" seconds="0"/></iq>`,
			"result": map[string]any{"seconds": 0.},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := answer(t, 200, test.body, append(test.args, "--json")...)
			var got map[string]any
			if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || strings.Count(r.stdout, "\n") != 1 {
				t.Fatalf("%v: %s", err, r.stdout)
			}
			delete(got, "milliseconds")
			if name == "result" {
				delete(got, "id")
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSend_inputIsBounded(t *testing.T) {
	call(t, strings.Repeat("a", 190<<10+1), nil, "send", "h").expect(t, exitUsage, "", "standard input: more than 194560 bytes")
	call(t, strings.Repeat("a", 1<<20+1), nil, "send", "--xml").expect(t, exitUsage, "", "standard input: more than 1048576 bytes")
}

// A flag is stronger than a variable, which is stronger than the file.
func TestConnection_precedence(t *testing.T) {
	used := ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used = r.URL.Path + " " + r.Header.Get("Authorization")
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	writeClientFile(t, dir, "url = '"+server.URL+"/file'\ncredentials = 'Bearer file'\n", 0o600)
	credentials := filepath.Join(dir, "credentials")
	if err := os.WriteFile(credentials, []byte("Bearer flag-file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	environ := []string{"RESTANZA_URL=" + server.URL + "/env", "RESTANZA_CREDENTIALS=Bearer env"}
	for _, test := range []struct {
		environ, args []string
		want          string
	}{
		{nil, nil, "/file/rest Bearer file"},
		{environ[:1], nil, "/env/rest Bearer file"},
		{environ, nil, "/env/rest Bearer env"},
		{environ, []string{"--url", server.URL, "--credentials", "Bearer flag"}, "/rest Bearer flag"},
		{environ, []string{"--credentials-file", credentials}, "/env/rest Bearer flag-file"},
	} {
		r := callAt(t, dir, test.environ, append([]string{"send", "h", "x"}, test.args...)...)
		r.expect(t, exitOK, "", "")
		if used != test.want {
			t.Errorf("%v %v: %s, want %s", test.environ, test.args, used, test.want)
		}
	}
}

// Credentials in the file are for the gateway in the file, and for no other.
func TestConnection_fileCredentialsStayHome(t *testing.T) {
	used := "nothing"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		used = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(server.Close)
	dir := t.TempDir()
	writeClientFile(t, dir, "url = 'https://home.example'\ncredentials = 'Bearer hunter2'\n", 0o600)
	r := callAt(t, dir, nil, "send", "h", "x", "--url", server.URL)
	if used != "" || !strings.Contains(r.stderr, "warning: the credentials in client.toml are for https://home.example and are not sent to "+server.URL) {
		t.Errorf("Authorization %q; stderr: %s", used, r.stderr)
	}
	writeClientFile(t, dir, "credentials = 'Bearer hunter2'\n", 0o600)
	if callAt(t, dir, nil, "send", "h", "x", "--url", server.URL); used != "Bearer hunter2" {
		t.Errorf("without a URL in the file: Authorization %q", used)
	}
}

func TestConnection_file(t *testing.T) {
	for name, test := range map[string]struct {
		text   string
		mode   os.FileMode
		stderr string
	}{
		"unknown key":   {"url = 'http://h'\ntoken = 'hunter2'\n", 0o600, "client.toml:2:1: token: unknown key; there are url, credentials and admin_credentials"},
		"unknown table": {"[x]\ny = 1\n", 0o600, "client.toml:"},
		"syntax":        {"\ncredentials = 'Bearer hunter2\n", 0o600, "client.toml:2:"},
		"number":        {"url = 1", 0o600, "client.toml: url: this is no text; write it in quotes"},
		"wrong URL":     {"url = 'http://u:hunter2@h'", 0o600, "holds a name or a password"},
		"wrong value":   {"credentials = 'hunter2'", 0o600, "no Authorization header"},
		"large":         {strings.Repeat("#", 64<<10+1), 0o600, "more than 65536 bytes"},
		"readable":      {"url = 'http://127.0.0.1:1'\ncredentials = 'Bearer hunter2'", 0o644, "warning: "},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			writeClientFile(t, dir, test.text, test.mode)
			r := callAt(t, dir, nil, "send", "h", "x")
			want := exitUsage
			if name == "readable" {
				want = exitFailure
			}
			r.expect(t, want, "", test.stderr)
			if strings.Contains(r.stderr, "hunter2") {
				t.Error(r.stderr)
			}
		})
	}
}

func TestConnection_unencrypted(t *testing.T) {
	r := call(t, "", nil, "send", "h", "x", "--url", "http://no..name", "--credentials", bearer)
	r.expect(t, exitFailure, "", "warning: the credentials go unencrypted to http://no..name/rest; use https\n")
	if strings.Contains(r.stderr, "hunter2") {
		t.Error(r.stderr)
	}
}

func writeClientFile(t *testing.T, dir, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, "restanza", "client.toml")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// callAt is call for a user whose configuration folder is dir.
func callAt(t *testing.T, dir string, environ []string, args ...string) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), process{
		args: args, environ: environ, configDir: dir, stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr,
	})
	return result{code, stdout.String(), stderr.String()}
}

func TestCompletion(t *testing.T) {
	const noFiles = ":4\n"
	for name, test := range map[string]struct {
		args  []string
		words []string
	}{
		"commands":         {[]string{""}, []string{"send", "iq", "serve", noFiles}},
		"queries":          {[]string{"iq", ""}, []string{"ping", "version", "disco", "get", noFiles}},
		"types":            {[]string{"send", "--type", ""}, []string{"chat\n", "groupchat\n", noFiles}},
		"address":          {[]string{"send", ""}, []string{noFiles}},
		"address of query": {[]string{"iq", "ping", ""}, []string{noFiles}},
		"text":             {[]string{"serve", ""}, []string{noFiles}},
		"credentials file": {[]string{"iq", "ping", "--credentials-file", ""}, []string{":0\n"}},
		"secret file":      {[]string{"serve", "--secret-file", ""}, []string{":0\n"}},
		"configuration":    {[]string{"config", "check", ""}, []string{"toml\n", ":8\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := call(t, "", nil, append([]string{"__complete"}, test.args...)...)
			for _, w := range test.words {
				if !strings.Contains(r.stdout, w) {
					t.Errorf("no %q in %q", w, r.stdout)
				}
			}
		})
	}
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		call(t, "", nil, "completion", shell).expect(t, exitOK, "restanza", "")
	}
}

func TestVersion_json(t *testing.T) {
	r := call(t, "", nil, "version", "--json")
	var got map[string]any
	if err := json.Unmarshal([]byte(r.stdout), &got); err != nil || r.code != exitOK {
		t.Fatalf("%v: %s", err, r.stdout)
	}
	for _, name := range []string{"version", "go", "os", "arch", "revision", "modified"} {
		if _, ok := got[name]; !ok || len(got) != 6 {
			t.Errorf("no %s, or too much: %s", name, r.stdout)
		}
	}
}
