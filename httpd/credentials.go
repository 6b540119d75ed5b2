package httpd

import (
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Credential is what a caller shows, and whom it stands for. It prints as a
// placeholder.
type Credential struct {
	// Authorization is the complete value of the header: a scheme, a blank, and
	// what belongs to it, such as "Bearer xyz".
	Authorization string
	// Component is where the caller's stanzas go.
	Component Component
	// Identity is the caller's address, his default sender (jid.JID.Covers says
	// as whom else he may send). Zero: the component's domain.
	Identity jid.JID
	// InQuery lets callers show the credential in the query of the URL as well, for those
	// that can do no more than open one. URLs are kept in logs and histories, so this is
	// for credentials that can do little.
	InQuery bool
	// BodyLimit is the largest request body in bytes, inclusive; 0: DefaultBodyLimit.
	BodyLimit int
}

// Format implements fmt.Formatter.
func (c Credential) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "credential for %s", c.Identity) // fmt takes note of errors itself
}

// LogValue implements slog.LogValuer.
func (c Credential) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// grant is what a credential gives access to.
type grant struct {
	component Component
	identity  jid.JID
	scope     string // of its idempotency keys: no other credential has the same
	inQuery   bool
	bodyLimit int
}

// keyring finds the grant for an Authorization header. It keeps no credentials,
// only their digests under a random key that lives as long as the process. How
// long a search takes depends on the digest of what the caller sent, which he
// can't know, and not on how much of it is right.
type keyring struct {
	key        [32]byte
	grants     map[[sha256.Size]byte]*grant
	challenges []string // values of WWW-Authenticate, one for each scheme in use

	admin          *[sha256.Size]byte // digest of the operator's credential; nil: there is none
	adminChallenge []string
}

func newKeyring(credentials []Credential, realm string) (*keyring, error) {
	if len(credentials) == 0 {
		return nil, fmt.Errorf("no credentials: nobody could send anything")
	}
	k := &keyring{grants: make(map[[sha256.Size]byte]*grant, len(credentials))}
	_, _ = rand.Read(k.key[:]) // never fails: it ends the program instead
	if realm == "" {
		realm = realmOf(credentials)
	}
	for i, c := range credentials {
		if err := k.add(c, realm); err != nil {
			return nil, fmt.Errorf("credential %d: %w", i+1, err)
		}
	}
	return k, nil
}

func (k *keyring) add(c Credential, realm string) error {
	digest, ok := k.digest(c.Authorization)
	if !ok || !isHeaderText(c.Authorization) {
		return fmt.Errorf("an Authorization value is a scheme, a blank and printable text, like \"Bearer xyz\"")
	}
	if c.Component == nil {
		return fmt.Errorf("no component")
	}
	if _, double := k.grants[digest]; double {
		return fmt.Errorf("the same Authorization value stands for %s already", k.grants[digest].identity)
	}
	g := &grant{component: c.Component, identity: c.Identity, inQuery: c.InQuery, bodyLimit: c.BodyLimit}
	if g.identity.IsZero() {
		g.identity = c.Component.Domain()
	}
	if !c.Component.Domain().Covers(g.identity) {
		return fmt.Errorf("%s is no address of %s", g.identity, c.Component.Domain())
	}
	if g.bodyLimit == 0 {
		g.bodyLimit = DefaultBodyLimit
	}
	g.scope = scopeOf(g.identity, c.Authorization)
	k.grants[digest] = g

	challenge := challengeFor(c.Authorization, realm)
	if !slices.ContainsFunc(k.challenges, func(other string) bool { return strings.EqualFold(other, challenge) }) {
		k.challenges = append(k.challenges, challenge)
	}
	return nil
}

// scopeOf names a credential in the journal, in the same way after a restart. It has 16 bits of a
// digest: enough to tell apart the few that stand for one address, and of no use to somebody who
// has the journal and wants to guess.
func scopeOf(identity jid.JID, authorization string) string {
	sum := sha256.Sum256([]byte("restanza idempotency " + authorization))
	return fmt.Sprintf("%s %x", identity, sum[:2])
}

// challengeFor returns the value of WWW-Authenticate that asks for a credential like that.
func challengeFor(authorization, realm string) string {
	scheme, _, _ := strings.Cut(authorization, " ")
	challenge := fmt.Sprintf("%s realm=%q", scheme, realm)
	if strings.EqualFold(scheme, "Basic") {
		challenge += `, charset="UTF-8"` // RFC 7617 §2.1
	}
	return challenge
}

// setAdmin takes the operator's credential. It is none that can send.
func (k *keyring) setAdmin(authorization string) error {
	digest, ok := k.digest(authorization)
	if !ok || !isHeaderText(authorization) {
		return fmt.Errorf("credential for operating: an Authorization value is a scheme, a blank and printable text, like \"Bearer xyz\"")
	}
	if g := k.grants[digest]; g != nil {
		return fmt.Errorf("credential for operating: the same Authorization value stands for %s already", g.identity)
	}
	k.admin, k.adminChallenge = &digest, []string{challengeFor(authorization, "restanza operator")}
	return nil
}

// realmOf names the realm for challenges: as mod_rest does while there is only
// one domain.
func realmOf(credentials []Credential) string {
	var domains []string
	for _, c := range credentials {
		if c.Component != nil {
			domains = append(domains, c.Component.Domain().String())
		}
	}
	if domains = slices.Compact(domains); len(domains) == 1 {
		return domains[0] + "/rest"
	}
	return "restanza"
}

// authenticate returns whom a request speaks for. Without credentials the answer
// is 401 with challenges, with wrong ones 403 without.
func (k *keyring) authenticate(r *http.Request) (*grant, *problem) {
	values := r.Header["Authorization"]
	if r.URL.RawQuery != "" {
		if shown := queryCredentials(r.URL.RawQuery); len(shown) > 0 {
			return k.authenticateQuery(shown, len(values) > 0)
		}
	}
	if len(values) == 0 {
		p := newProblem(http.StatusUnauthorized, stanza.Auth, "not-authorized",
			"this needs an Authorization header with the credentials that the gateway was configured with")
		p.header = http.Header{"Www-Authenticate": k.challenges}
		return nil, p
	}
	if len(values) > 1 {
		return nil, credentialsTwice()
	}
	if digest, ok := k.digest(values[0]); ok {
		if g := k.grants[digest]; g != nil {
			return g, nil
		}
		if k.admin != nil && digest == *k.admin {
			return nil, newProblem(http.StatusForbidden, stanza.Auth, "not-authorized",
				"this Authorization header is for operating the gateway, not for sending")
		}
	}
	return nil, newProblem(http.StatusForbidden, stanza.Auth, "not-authorized",
		"the Authorization header is none that the gateway knows")
}

// authenticateAdmin returns the answer to who may not operate the gateway, nil for who may.
// The credential is taken from the header only.
func (k *keyring) authenticateAdmin(r *http.Request) *problem {
	values := r.Header["Authorization"]
	if len(values) == 0 {
		p := newProblem(http.StatusUnauthorized, stanza.Auth, "not-authorized",
			"this needs an Authorization header with the credential for operating the gateway")
		p.header = http.Header{"Www-Authenticate": k.adminChallenge}
		return p
	}
	if len(values) > 1 {
		return credentialsTwice()
	}
	if digest, ok := k.digest(values[0]); ok && digest == *k.admin {
		return nil
	}
	return newProblem(http.StatusForbidden, stanza.Auth, "not-authorized",
		"the Authorization header is not that for operating the gateway: those that send are no good here")
}

// digest returns the keyed digest of an Authorization value: the scheme in
// lower case (RFC 9110 §11.1), one blank, and the rest as it is. It returns
// false if there is no rest.
func (k *keyring) digest(authorization string) ([sha256.Size]byte, bool) {
	scheme, rest, _ := strings.Cut(authorization, " ")
	rest = strings.TrimLeft(rest, " ")
	if scheme == "" || rest == "" {
		return [sha256.Size]byte{}, false
	}
	kept := getBuffer() // on the stack it would be there in each request that is held
	defer putBuffer(kept)
	buf := append(*kept, k.key[:]...)
	for i := range len(scheme) {
		c := scheme[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		buf = append(buf, c)
	}
	buf = append(buf, ' ')
	buf = append(buf, rest...)
	sum := sha256.Sum256(buf)
	clear(buf)
	*kept = buf
	return sum, true
}

// isHeaderText reports whether a header can have that value: what can't be sent
// can't be matched, and a line feed at the end of a secret is easily overlooked.
func isHeaderText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == 0x7f {
			return false
		}
	}
	return strings.TrimSpace(s) == s
}
