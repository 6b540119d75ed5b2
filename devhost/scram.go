package devhost

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // SCRAM-SHA-1 is what some clients have (RFC 5802)
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	saltSize = 16
	// iterations is the least that RFC 5802 §5.1 and RFC 7677 §4 allow: the
	// passwords are in memory and on the screen anyway.
	iterations = 4096
)

// credentials are what the host knows of a password.
type credentials struct {
	password [sha256.Size]byte // hashed, to be compared in constant time
	sha1     scramKeys
	sha256   scramKeys
}

// scramKeys are what SCRAM proves knowledge against (RFC 5802 §3).
type scramKeys struct {
	stored, server []byte
}

// scramHash is a variant of SCRAM.
type scramHash struct {
	new  func() hash.Hash
	keys func(*credentials) *scramKeys
}

var (
	scramSHA1   = &scramHash{sha1.New, func(c *credentials) *scramKeys { return &c.sha1 }}
	scramSHA256 = &scramHash{sha256.New, func(c *credentials) *scramKeys { return &c.sha256 }}
)

// deriveCredentials takes about a millisecond.
func deriveCredentials(password string, salt []byte) (credentials, error) {
	creds := credentials{password: sha256.Sum256([]byte(password))}
	for _, h := range []*scramHash{scramSHA1, scramSHA256} {
		salted, err := pbkdf2.Key(h.new, password, salt, iterations, h.new().Size())
		if err != nil {
			return credentials{}, err
		}
		keys := h.keys(&creds)
		keys.stored = h.sum(h.mac(salted, "Client Key"))
		keys.server = h.mac(salted, "Server Key")
	}
	return creds, nil
}

func (c *credentials) hasPassword(password string) bool {
	sum := sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(sum[:], c.password[:]) == 1
}

func (h *scramHash) sum(b []byte) []byte {
	s := h.new()
	s.Write(b)
	return s.Sum(nil)
}

func (h *scramHash) mac(key []byte, text string) []byte {
	m := hmac.New(h.new, key)
	m.Write([]byte(text))
	return m.Sum(nil)
}

// clientFirst is the client's first message (RFC 5802 §7).
type clientFirst struct {
	gs2, bare     string // its two parts, as they came
	authzid, name string
	nonce         string
}

// scram is SCRAM without channel binding (RFC 5802, RFC 7677).
func (c *conn) scram(x *exchange, h *scramHash) (*account, []byte, error) {
	message, err := x.first()
	if err != nil {
		return nil, nil, err
	}
	first, ok := readClientFirst(string(message))
	if !ok {
		return nil, nil, malformedRequest
	}
	who, creds := c.claim(x, first.name)
	nonce := first.nonce + rand.Text()
	question := "r=" + nonce + ",s=" + base64.StdEncoding.EncodeToString(c.host.salt) + ",i=" + strconv.Itoa(iterations)
	message, err = x.challenge([]byte(question))
	if err != nil {
		return nil, nil, err
	}
	proof, unproven, ok := readClientFinal(string(message), first.gs2, nonce)
	if !ok {
		return nil, nil, malformedRequest
	}
	signed := first.bare + "," + question + "," + unproven
	if !h.proves(creds, proof, signed) || who == nil {
		return nil, nil, notAuthorized
	}
	if !who.is(first.authzid) {
		return nil, nil, invalidAuthzid
	}
	last := "v=" + base64.StdEncoding.EncodeToString(h.mac(h.keys(creds).server, signed))
	return who, []byte(last), nil
}

// proves reports whether a proof is right: the client key, hidden by the
// signature, hashes to the stored key (RFC 5802 §3).
func (h *scramHash) proves(creds *credentials, proof []byte, signed string) bool {
	keys := h.keys(creds)
	signature := h.mac(keys.stored, signed)
	if len(proof) != len(signature) {
		return false
	}
	key := make([]byte, len(proof))
	subtle.XORBytes(key, proof, signature)
	return subtle.ConstantTimeCompare(h.sum(key), keys.stored) == 1
}

// readClientFirst takes the client's first message apart: n,a=authzid,n=name,r=nonce
// (RFC 5802 §7). Both flags for "no channel binding" are taken; with "y" the
// client says that it could, and that the host did not offer it, which is so.
func readClientFirst(message string) (f clientFirst, ok bool) {
	parts := strings.SplitN(message, ",", 3)
	if !utf8.ValidString(message) || len(parts) < 3 || parts[0] != "n" && parts[0] != "y" {
		return f, false
	}
	f.bare = parts[2]
	f.gs2 = message[:len(message)-len(f.bare)]
	if parts[1] != "" {
		if f.authzid, ok = scramAttr(parts[1], "a"); !ok {
			return f, false
		}
		if f.authzid, ok = scramName(f.authzid); !ok {
			return f, false
		}
	}
	attrs := strings.Split(f.bare, ",") // further attributes are extensions, to be ignored; a mandatory one comes first
	if len(attrs) < 2 {
		return f, false
	}
	name, ok := scramAttr(attrs[0], "n")
	if !ok {
		return f, false
	}
	if f.name, ok = scramName(name); !ok || f.name == "" {
		return f, false
	}
	f.nonce, ok = scramAttr(attrs[1], "r")
	return f, ok && f.nonce != ""
}

// readClientFinal takes the client's last message apart: c=gs2,r=nonce,p=proof.
// It returns the proof, and the message without it.
func readClientFinal(message, gs2, nonce string) (proof []byte, unproven string, ok bool) {
	i := strings.LastIndex(message, ",p=")
	if i < 0 {
		return nil, "", false
	}
	unproven = message[:i]
	proof, err := base64.StdEncoding.DecodeString(message[i+len(",p="):])
	if err != nil {
		return nil, "", false
	}
	attrs := strings.Split(unproven, ",")
	if len(attrs) < 2 || attrs[0] != "c="+base64.StdEncoding.EncodeToString([]byte(gs2)) || attrs[1] != "r="+nonce {
		return nil, "", false
	}
	return proof, unproven, true
}

// scramAttr returns the value of an attribute that must have the given name.
func scramAttr(attr, name string) (string, bool) { return strings.CutPrefix(attr, name+"=") }

// scramName decodes a name: = and the comma are written =3D and =2C.
func scramName(s string) (string, bool) {
	if strings.Count(s, "=") != strings.Count(s, "=2C")+strings.Count(s, "=3D") {
		return "", false
	}
	return strings.NewReplacer("=2C", ",", "=3D", "=").Replace(s), true
}
