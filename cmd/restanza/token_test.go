package main

import (
	"encoding/json"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/client"
)

var tokenLine = regexp.MustCompile(`^rst_[0-9A-Za-z]{30}\n$`)

// as returns the variables of one who has a token.
func as(environ []string, token string) []string {
	return append(slices.Clone(environ), "RESTANZA_CREDENTIALS=Bearer "+strings.TrimSpace(token))
}

// A token is made, does what it is for, is listed without its text, and is good for nothing once it
// is revoked, also after a restart.
func TestToken(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	var token, id string
	t.Run("made", func(t *testing.T) {
		environ := serveJournal(t, path)
		call(t, "", environ, "token", "list").expect(t, exitOK, "", "")
		made := call(t, "", environ, "token", "create", "--name", "back\u00fcp", "--rights", "send,receive", "--to", "*.example.org", "--to", "user@example.com", "--expires", "90d",
			"--network", "127.0.0.1,::1", "--rate", "60/m", "--kind", "message")
		if token = made.stdout; !tokenLine.MatchString(token) || made.code != exitOK || !strings.Contains(made.stderr, "it is shown only now") {
			t.Fatalf("%+v", made)
		}
		id = strings.TrimSuffix(strings.Fields(made.stderr)[3], ";")
		call(t, "", as(environ, token), "send", "user@example.com", "hi").expect(t, exitReturned, "", "service-unavailable") // by the server
		call(t, "", as(environ, token), "send", "other@example.com", "hi").expect(t, exitRefused, "", `this credential may not send to "other@example.com"`)
		call(t, "", as(environ, token), "iq", "ping", "a.example.org").expect(t, exitRefused, "", `this credential lacks the right "iq"`)
		list := call(t, "", environ, "token", "list", "--name", "back\u00fcp")
		list.expect(t, exitOK, id, "")
		for _, word := range []string{"backüp", "active", "send,receive", "to *.example.org,user@example.com; kinds message; from 127.0.0.1,::1; rate 60/m; until "} {
			if !strings.Contains(list.stdout, word) || strings.Contains(list.stdout, strings.TrimSpace(token)) {
				t.Errorf("no %q in %s", word, list.stdout)
			}
		}
		call(t, "", environ, "token", "list", "--name", "x").expect(t, exitOK, "", "")
	})
	t.Run("after a restart", func(t *testing.T) {
		environ := serveJournal(t, path)
		call(t, "", as(environ, token), "send", "user@example.com", "hi").expect(t, exitReturned, "", "service-unavailable") // by the server
		call(t, "", environ, "token", "revoke", id).expect(t, exitOK, "1 revoked", "")
		call(t, "", as(environ, token), "send", "user@example.com", "hi").expect(t, exitRefused, "", "this token was revoked")
	})
	t.Run("after another one", func(t *testing.T) {
		environ := serveJournal(t, path)
		call(t, "", as(environ, token), "send", "user@example.com", "hi").expect(t, exitRefused, "", "this token was revoked")
		call(t, "", environ, "token", "list").expect(t, exitOK, "revoked", "")
	})
}

func TestToken_json(t *testing.T) {
	environ := serveJournal(t, filepath.Join(t.TempDir(), "journal.db"))
	var made struct {
		OK     bool
		Result client.Token
	}
	r := call(t, "", environ, "token", "create", "--json", "--name", "x", "--rights", "send")
	if err := json.Unmarshal([]byte(r.stdout), &made); err != nil || !made.OK || !tokenLine.MatchString(made.Result.Token+"\n") || r.stderr != "" {
		t.Errorf("%v %+v", err, r)
	}
	call(t, "", environ, "token", "revoke", "--json", made.Result.ID).expect(t, exitOK, `"count":1`, "")
}

func TestToken_refuses(t *testing.T) {
	environ := serveJournal(t, filepath.Join(t.TempDir(), "journal.db"))
	for line, want := range map[string]string{
		"create --rights send":                    "--name is missing",
		"create --name x":                         "--rights is missing",
		"create --name x --rights send --burst 0": "--burst: ",
		"create --name x --rights send extra":     `unknown command "extra"`,
		"revoke":                                  "say which one",
		"revoke a b/c":                            "is no id",
	} {
		call(t, "", environ, append([]string{"token"}, strings.Fields(line)...)...).expect(t, exitUsage, "", want)
	}
	for line, want := range map[string]string{
		"create --name x --rights root":                        "rights: ",
		"create --name x --rights send --to *":                 "to: ",
		"create --name x --rights send --expires soon":         "expires: ",
		"create --name x --rights send --network 10.0.0.1/8":   "networks: ",
		"create --name x --rights send --rate 5":               "rate: ",
		"create --name x --rights send --identity a@b.example": "identity: ",
		"revoke none":    "no token of this id",
		"list --limit 0": "limit: ",
	} {
		call(t, "", environ, append([]string{"token"}, strings.Fields(line)...)...).expect(t, exitRefused, "", want)
	}
}
