// Package signing signs webhooks as Standard Webhooks 1.0 has it
// (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): HMAC-SHA256 over
// id, timestamp and body, with a secret that both sides know.
//
// A [Key] is a secret, read by [Parse] and made by [Generate]. A [Signer] signs with one key or, while
// keys are being exchanged, with several.
//
// A Key never shows itself: it prints as a placeholder, and no error of this package quotes what it was
// read from. The asymmetric scheme of that standard (ed25519, v1a) is not here.
package signing

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The header fields of a webhook, as package http writes names.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Prefix begins every secret.
const Prefix = "whsec_"

// Bounds of a secret in bytes.
const (
	MinBytes = 24
	MaxBytes = 64
)

// Key is a secret. The zero Key is none.
type Key struct{ bytes string }

// Parse reads a secret as it is written: Prefix, and MinBytes to MaxBytes bytes in base64. Its errors don't
// show the text.
func Parse(text string) (Key, error) {
	encoded, ok := strings.CutPrefix(text, Prefix)
	if !ok {
		return Key{}, errors.New("a signing secret begins with " + Prefix)
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder skips
		return Key{}, errors.New("what follows " + Prefix + " in a signing secret must be base64, with = at its end where that belongs")
	}
	if len(raw) < MinBytes || len(raw) > MaxBytes {
		return Key{}, fmt.Errorf("a signing secret has %d to %d bytes before base64; this one has %d", MinBytes, MaxBytes, len(raw))
	}
	return Key{string(raw)}, nil
}

// Generate returns a new random secret of 32 bytes, as it is written.
func Generate() string {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	return Prefix + base64.StdEncoding.EncodeToString(raw)
}

// String returns a placeholder.
func (k Key) String() string { return "[hidden]" }

// Format implements fmt.Formatter: every verb prints the placeholder.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// MarshalText implements encoding.TextMarshaler. The error is always nil.
func (k Key) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Signer makes signatures. Its methods may be called concurrently.
type Signer struct {
	states []*sync.Pool // of *state, one for each key
}

// state is what signing with one key needs again and again.
type state struct {
	mac hash.Hash
	sum [sha256.Size]byte
	in  []byte // id and timestamp
}

// NewSigner returns a Signer with all of the keys; nil if there are none.
func NewSigner(keys []Key) *Signer {
	if len(keys) == 0 {
		return nil
	}
	s := &Signer{}
	for _, key := range slices.Compact(slices.Clone(keys)) {
		s.states = append(s.states, &sync.Pool{New: func() any {
			return &state{mac: hmac.New(sha256.New, []byte(key.bytes))}
		}})
	}
	return s
}

const (
	version = "v1,"
	length  = len(version) + (sha256.Size+2)/3*4 // of a signature
)

// Sign returns the value of HeaderSignature: for each key a signature of id, timestamp and body, with blanks between
// them. The id has no dot, or what was signed could be read in two ways.
func (s *Signer) Sign(id string, timestamp time.Time, body []byte) string {
	out := make([]byte, 0, len(s.states)*(length+1)-1)
	for i, pool := range s.states {
		if i > 0 {
			out = append(out, ' ')
		}
		st := pool.Get().(*state)
		out = st.append(append(out, version...), id, timestamp.Unix(), body)
		pool.Put(st)
	}
	return string(out)
}

// append appends one signature in base64.
func (st *state) append(out []byte, id string, timestamp int64, body []byte) []byte {
	st.in = append(append(st.in[:0], id...), '.')
	st.in = append(strconv.AppendInt(st.in, timestamp, 10), '.')
	st.mac.Reset()
	st.mac.Write(st.in) // a hash never fails
	st.mac.Write(body)
	return base64.StdEncoding.AppendEncode(out, st.mac.Sum(st.sum[:0]))
}
