package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/xmpptest"
)

// received is what a program got.
type received struct {
	status int
	body   string
}

// exchanges are what each program does, in this order.
var exchanges = []struct {
	name    string
	status  int
	holds   []string // in the body
	arrives string   // at alice
}{
	{name: "a message in JSON", status: 202, arrives: `{"json"} ☕ <&>`},
	{name: "a message as a form", status: 202, arrives: "form & 1+1=2 ☕"},
	{name: "a ping by GET", status: 200, holds: []string{`"type":"result"`, `"from":"localhost"`}},
	{name: "an IQ by POST", status: 200, holds: []string{`"disco":{`, `"http://jabber.org/protocol/disco#info"`}},
	{name: "a mistake", status: 400, holds: []string{"not-well-formed", "bodi", "did you mean body?"}},
	{name: "a message to nobody", status: 200, holds: []string{`"type":"error"`, `"condition":"service-unavailable"`}},
}

// runProgram runs a program and returns its answers: each is a line with the status, and then the
// body up to a record separator.
func runProgram(t *testing.T, url string, name string, args ...string) []received {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Env = append(os.Environ(), "URL="+url, "AUTHORIZATION=Bearer dev", "PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8")
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s\n%s", name, err, complaints.String(), out)
	}
	var answers []received
	for part := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x1e\n"), "\x1e\n") {
		line, body, _ := strings.Cut(part, "\n")
		status, err := strconv.Atoi(strings.TrimSpace(line))
		if err != nil {
			t.Fatalf("%s wrote %q", name, part)
		}
		answers = append(answers, received{status, body})
	}
	return answers
}

// commandLine runs a command-line program once for each exchange. It prints the head and the body of
// the response, as HTTP has them.
func commandLine(t *testing.T, calls [][]string) (answers []received) {
	t.Helper()
	for _, call := range calls {
		cmd := exec.CommandContext(t.Context(), call[0], call[1:]...)
		cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
		var complaints strings.Builder
		cmd.Stderr = &complaints
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s%s", call, err, complaints.String(), out)
		}
		head, body, _ := strings.Cut(strings.ReplaceAll(string(out), "\r\n", "\n"), "\n\n")
		var status int
		if _, err := fmt.Sscanf(head, "HTTP/1.1 %d", &status); err != nil {
			t.Fatalf("%s: %q", call, head)
		}
		answers = append(answers, received{status, body})
	}
	return answers
}

const pythonRequests = `
import os, requests
url = os.environ['URL'] + '/rest'
s = requests.Session()
s.headers['Authorization'] = os.environ['AUTHORIZATION']
def show(r):
    print(r.status_code)
    print(r.text, end='\x1e\n')
show(s.post(url, json={'to': 'alice@localhost', 'type': 'chat', 'body': '{"json"} ☕ <&>'}))
show(s.post(url, data={'to': 'alice@localhost', 'type': 'chat', 'body': 'form & 1+1=2 ☕'}))
show(s.get(url + '/ping/localhost', headers={'Accept': 'application/json'}))
show(s.post(url + '/iq/disco/localhost', json={}))
show(s.post(url, json={'to': 'alice@localhost', 'bodi': 'x'}))
show(s.post(url, json={'to': 'nobody@localhost', 'body': 'x'}))
`

const nodeFetch = `
const url = process.env.URL + '/rest', authorization = process.env.AUTHORIZATION
const show = async r => process.stdout.write(r.status + '\n' + await r.text() + '\x1e\n')
const json = (path, object) => fetch(url + path, {
  method: 'POST', headers: { authorization, 'content-type': 'application/json' }, body: JSON.stringify(object)
})
const all = async () => {
  await show(await json('', { to: 'alice@localhost', type: 'chat', body: '{"json"} ☕ <&>' }))
  await show(await fetch(url, {
    method: 'POST', headers: { authorization }, body: new URLSearchParams({ to: 'alice@localhost', type: 'chat', body: 'form & 1+1=2 ☕' })
  }))
  await show(await fetch(url + '/ping/localhost', { headers: { authorization, accept: 'application/json' } }))
  await show(await json('/iq/disco/localhost', {}))
  await show(await json('', { to: 'alice@localhost', bodi: 'x' }))
  await show(await json('', { to: 'nobody@localhost', body: 'x' }))
}
all()
`

// curlCalls are the exchanges, as somebody would type them.
func curlCalls(url string) [][]string {
	curl := func(path string, args ...string) []string {
		return append([]string{"curl", "-sSi", "--max-time", "20", "-H", "Authorization: Bearer dev", url + "/rest" + path}, args...)
	}
	asJSON := []string{"-H", "Content-Type: application/json", "-d"}
	return [][]string{
		curl("", append(asJSON, `{"to":"alice@localhost","type":"chat","body":"{\"json\"} ☕ <&>"}`)...),
		curl("", "-d", "to=alice@localhost", "-d", "type=chat", "--data-urlencode", "body=form & 1+1=2 ☕"),
		curl("/ping/localhost", "-H", "Accept: application/json"),
		curl("/iq/disco/localhost", append(asJSON, `{}`)...),
		curl("", append(asJSON, `{"to":"alice@localhost","bodi":"x"}`)...),
		curl("", append(asJSON, `{"to":"nobody@localhost","body":"x"}`)...),
	}
}

// httpieCalls are the exchanges in httpie's words.
func httpieCalls(url string) [][]string {
	http := func(form bool, method, path string, args ...string) []string {
		call := []string{"/usr/bin/http", "--ignore-stdin", "--pretty=none", "--print=hb", "--timeout=20"}
		if form {
			call = append(call, "--form")
		}
		return append(append(call, method, url+"/rest"+path, "Authorization:Bearer dev"), args...)
	}
	return [][]string{
		http(false, "POST", "", "to=alice@localhost", "type=chat", `body={"json"} ☕ <&>`),
		http(true, "POST", "", "to=alice@localhost", "type=chat", "body=form & 1+1=2 ☕"),
		http(false, "GET", "/ping/localhost", "Accept:application/json"),
		http(false, "POST", "", "kind=iq", "to=localhost", "disco:=true"),
		http(false, "POST", "", "to=alice@localhost", "bodi=x"),
		http(false, "POST", "", "to=nobody@localhost", "body=x"),
	}
}

// Programs of others, which know nothing of XMPP, get along with the gateway as they are.
func TestPrograms_http(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("programs of others are not asked for")
	}
	d := startDev(t)
	alice := xmpptest.Login(t, d.server(), "alice")
	url := d.wait(`(http://127\.0\.0\.1:\d+)`)
	for _, name := range []string{"curl", "httpie", "requests", "node"} {
		t.Run(name, func(t *testing.T) {
			var answers []received
			switch name {
			case "curl":
				answers = commandLine(t, curlCalls(url))
			case "httpie":
				answers = commandLine(t, httpieCalls(url))
			case "requests":
				answers = runProgram(t, url, "/usr/bin/python3", "-c", pythonRequests)
			case "node":
				answers = runProgram(t, url, "node", "-e", nodeFetch)
			}
			if len(answers) != len(exchanges) {
				t.Fatalf("%d answers: %v", len(answers), answers)
			}
			for i, want := range exchanges {
				got := answers[i]
				if got.status != want.status || want.status == 202 && got.body != "" {
					t.Errorf("%s: %d %s", want.name, got.status, got.body)
				}
				for _, text := range want.holds {
					if !strings.Contains(got.body, text) {
						t.Errorf("%s: no %s in %s", want.name, text, got.body)
					}
				}
				if want.arrives != "" {
					alice.WaitBody(patience, want.arrives)
				}
			}
		})
	}
	d.interrupt()
}

// curl is what the programs below are played with, header by header.
func curl(t *testing.T, args ...string) received {
	t.Helper()
	return commandLine(t, [][]string{append([]string{"curl", "-sSi", "--max-time", "20"}, args...)})[0]
}

// Nextcloud's two-factor gateway (twofactor_gateway, provider XMPP) appends the address to the URL that it is configured
// with, and posts the text of the message with a user name and a password. It does so by libcurl, as curl does.
func TestPrograms_nextcloudTwoFactor(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("programs of others are not asked for")
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("nextcloud:pass word"))
	d := startDev(t, "--credentials", basic)
	alice := xmpptest.Login(t, d.server(), "alice")
	url := d.wait(`(http://127\.0\.0\.1:\d+)`) + "/rest/message/chat/"
	got := curl(t, "-u", "nextcloud:pass word", "-H", "Content-Type: text/plain", "--data-raw", "123456 is your verification code: ☕ a=b&c=%41+", url+"alice@localhost")
	if got.status != 202 || got.body != "" {
		t.Errorf("%v", got)
	}
	if m := alice.WaitBody(patience, "123456 is your verification code: ☕ a=b&c=%41+"); m.Type != "chat" {
		t.Errorf("%v", m)
	}
	if got := curl(t, "-u", "nextcloud:wrong", "-H", "Content-Type: text/plain", "--data-raw", "x", url+"alice@localhost"); got.status != 403 {
		t.Errorf("a wrong password: %v", got)
	}
	d.interrupt()
}

// Snikket's web portal asks in XML, and expects XML of status 200, also when the answer is an error; and
// it looks whether its session lives by a ping, with Accept: application/json for all requests.
func TestPrograms_snikketPortal(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("programs of others are not asked for")
	}
	d := startDev(t)
	xmpptest.Login(t, d.server(), "bob")
	url := d.wait(`(http://127\.0\.0\.1:\d+)`) + "/rest"
	ask := `<iq to="bob@localhost" type="get" id="a"><pubsub xmlns="http://jabber.org/protocol/pubsub"><items node="http://jabber.org/protocol/nick" /></pubsub></iq>`
	got := curl(t, "-H", "Authorization: Bearer dev", "-H", "Content-Type: application/xmpp+xml", "-H", "Accept: application/xmpp+xml", "--data-binary", ask, url)
	if got.status != 200 || !strings.HasPrefix(got.body, "<iq ") || !strings.Contains(got.body, `id="a"`) {
		t.Errorf("%v", got)
	}
	for contentType, body := range map[string]string{
		"application/x-www-form-urlencoded": "kind=iq&type=get&ping=true&to=bob%40localhost",
		"application/json":                  `{"kind": "iq", "type": "get", "ping": true, "to": "bob@localhost"}`,
	} {
		got := curl(t, "-H", "Authorization: Bearer dev", "-H", "Accept: application/json", "-H", "Content-Type: "+contentType, "--data-binary", body, url)
		var iq struct{ Kind, Type string }
		if err := json.Unmarshal([]byte(got.body), &iq); err != nil || got.status != 200 || iq.Kind != "iq" {
			t.Errorf("%s: %v, %v", contentType, got, err)
		}
	}
	d.interrupt()
}

// Prose's Pod API (prosody-rest-rs) writes its IQs with the namespace jabber:client and attributes in
// single quotes, and says nothing of what it accepts.
func TestPrograms_prosePod(t *testing.T) {
	if !xmpptest.RealPeers() {
		t.Skip("programs of others are not asked for")
	}
	d := startDev(t)
	url := d.wait(`(http://127\.0\.0\.1:\d+)`) + "/rest"
	ask := `<iq xmlns='jabber:client' id='5a1c' to='localhost' type='get'><query xmlns='jabber:iq:version'/></iq>`
	got := curl(t, "-H", "Authorization: Bearer dev", "-H", "Content-Type: application/xmpp+xml", "--data-binary", ask, url)
	if got.status != 200 || !strings.HasPrefix(got.body, "<iq ") || !strings.Contains(got.body, `type="result"`) || !strings.Contains(got.body, `id="5a1c"`) {
		t.Errorf("%v", got)
	}
	d.interrupt()
}
