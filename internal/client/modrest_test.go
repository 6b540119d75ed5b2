package client_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/restanza/restanza/internal/client"
)

// modRest answers as Prosody's mod_rest does: in the format whose name stands first in
// the Accept header, whatever its quality, and followed for stanzas by the request's
// own type; with HTML for errors if none does.
func modRest(status int, documents map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		wanted := r.Header.Get("Accept")
		if status == http.StatusOK {
			wanted += "," + r.Header.Get("Content-Type")
		}
		chosen, first := "text/html", len(wanted)
		for mediaType := range documents {
			if i := strings.Index(wanted, mediaType); i >= 0 && i < first {
				chosen, first = mediaType, i
			}
		}
		w.Header().Set("Content-Type", chosen)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, documents[chosen])
	}
}

// Of mod_rest's formats the client gets those that it reads: XML for stanzas, and for
// errors one with condition and text.
func TestPost_modRest(t *testing.T) {
	stanzas := map[string]string{
		"application/json":     `{"kind":"iq","type":"result","id":"1"}`,
		"application/xmpp+xml": `<iq type="result" id="1"/>`,
	}
	a, err := post(t, modRest(http.StatusOK, stanzas))
	if err != nil || a.Stanza.ID() != "1" {
		t.Errorf("%+v, %v", a, err)
	}
	problems := map[string]string{
		"text/html":            "<h1>403</h1>",
		"application/json":     `{"type":"error","code":403,"error":{"type":"auth","condition":"not-authorized","text":"wrong & bad"}}`,
		"application/xmpp+xml": streamsXML,
	}
	_, err = post(t, modRest(http.StatusForbidden, problems))
	if err == nil || !strings.Contains(err.Error(), "not-authorized: wrong & bad") {
		t.Error(err)
	}
	for name, test := range map[string]struct {
		condition string
		kind      client.Kind
	}{
		"no answer": {"remote-server-timeout", client.NoAnswer}, "busy": {"resource-constraint", client.Failed},
	} {
		problems["application/xmpp+xml"] = strings.ReplaceAll(streamsXML, "not-authorized", test.condition)
		_, err = post(t, modRest(http.StatusInternalServerError, problems))
		if got := kindOf(err); got != test.kind {
			t.Errorf("%s: %s, want %s", name, got, test.kind)
		}
	}
	// An id that is in use is the caller's mistake, which mod_rest's XML form does not tell by its type.
	problems["application/xmpp+xml"] = strings.ReplaceAll(streamsXML, "not-authorized", "conflict")
	if _, err = post(t, modRest(http.StatusInternalServerError, problems)); kindOf(err) != client.Refused {
		t.Errorf("conflict: %v", err)
	}
}

// kindOf returns the kind of an error of the client; empty for others.
func kindOf(err error) client.Kind {
	if e, ok := errors.AsType[*client.Error](err); ok {
		return e.Kind
	}
	return ""
}
