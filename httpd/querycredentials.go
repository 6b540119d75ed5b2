package httpd

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"

	"github.com/restanza/restanza/stanza"
)

// The names under which credentials can stand in a query. They are never members of a
// stanza.
const (
	tokenField = "access_token" // the token of a Bearer credential (RFC 6750 §2.3)
	authField  = "auth"         // a whole Authorization value in base64url, padding optional
)

// queryCredentials returns the Authorization values that a query has: an empty one for
// what is none.
//
//go:noinline
func queryCredentials(query string) []string {
	var shown []string
	for name, value := range queryFields(query) {
		switch name {
		case tokenField:
			shown = append(shown, "Bearer "+value)
		case authField:
			decoded, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(value, "="))
			if err != nil {
				decoded = nil
			}
			shown = append(shown, string(decoded))
		}
	}
	return shown
}

// authenticateQuery is authenticate for credentials in the query. Whether they are unknown
// or only not allowed there is not said: who finds out has half of a credential.
//
//go:noinline
func (k *keyring) authenticateQuery(shown []string, inHeader bool) (*grant, *problem) {
	if inHeader || len(shown) > 1 { // RFC 6750 §2
		return nil, credentialsTwice()
	}
	if digest, ok := k.digest(shown[0]); ok {
		g := k.grants[digest]
		if g == nil {
			g = k.tokens.find(shown[0])
		}
		if g != nil && g.inQuery {
			return g, nil
		}
	}
	return nil, newProblem(http.StatusForbidden, stanza.Auth, "not-authorized",
		"the credentials in the query are none that the gateway takes there: "+
			"send them in the Authorization header, or have in_query set for them")
}

func credentialsTwice() *problem {
	return newProblem(http.StatusBadRequest, stanza.Modify, "not-well-formed",
		"there are credentials more than once: send one Authorization header alone, or one of them in the query")
}

// withoutCredentials returns a query without the fields that are credentials.
func withoutCredentials(query string) string {
	if query == "" {
		return ""
	}
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		if name, _ := queryField(pair); name != tokenField && name != authField {
			kept = append(kept, pair)
		}
	}
	return strings.Join(kept, "&")
}

// queryFields yields the names and values of a query, decoded. What is malformed stands as
// it is: whoever makes a stanza of it refuses it.
func queryFields(query string) func(yield func(name, value string) bool) {
	return func(yield func(name, value string) bool) {
		for pair := range strings.SplitSeq(query, "&") {
			if name, value := queryField(pair); pair != "" && !yield(name, value) {
				return
			}
		}
	}
}

func queryField(pair string) (name, value string) {
	name, value, _ = strings.Cut(pair, "=")
	return decodeField(name), decodeField(value)
}

func decodeField(s string) string {
	if decoded, err := url.QueryUnescape(s); err == nil {
		return decoded
	}
	return s
}
