package httpd

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/restanza/restanza/gateway"
	"github.com/restanza/restanza/stanza"
)

// keyField is the header field by which a request can be repeated and is carried out
// once (draft-ietf-httpapi-idempotency-key-header), in canonical form.
const keyField = "Idempotency-Key"

// replayedField says that an answer is the one that was given before.
const replayedField = "Idempotency-Replayed"

// longestKey is how many characters a key may have.
const longestKey = 255

// keepTime is how long an answer may take to be on disk.
const keepTime = 10 * time.Second

// hasKey reports whether a request is to be carried out once. Echo sends nothing,
// and a GET is repeated by whoever feels like it.
func hasKey(r *http.Request) bool {
	return r.Header[keyField] != nil && r.Method == http.MethodPost && !isEcho(r.URL.Path)
}

// keyed is submit for a request with a key. What is refused before there is a stanza
// does not use the key, nor does a query to an archive, which changes nothing and whose
// answer can be large.
//
//go:noinline
func (s *Server) keyed(w http.ResponseWriter, r *http.Request, x *Exchange) int {
	plain, done := detached(r)
	defer done()
	g, p := s.keys.authenticate(r)
	if p != nil {
		return s.submit(w, plain, x)
	}
	key, p := parseKey(r.Header[keyField])
	var body []byte
	if p == nil {
		body, p = readBody(nil, r, g.bodyLimit)
	}
	if p != nil {
		x.begin(g, stanza.Stanza{})
		x.fail(p)
		return s.refuse(w, r, p)
	}
	setBody(plain, body)
	st, _, err := s.readStanza(plain, g.bodyLimit)
	setBody(plain, body)
	if err != nil || gateway.IsArchiveQuery(st) {
		plain = plain.WithContext(r.Context())
		return s.submit(w, plain, x)
	}
	x.begin(g, st)
	c, err := s.o.Keys.Begin(r.Context(), g.scope, key, fingerprint(r, body))
	if err != nil {
		x.fail(err)
		if hungUp(r.Context()) {
			return statusHungUp
		}
		return s.fail(w, r, err)
	}
	return s.once(w, plain, x, c, st)
}

// detached returns r without its key, and under a context that does not end when the
// caller hangs up: he will ask again for what came of it. It ends at the end of the
// grace.
func detached(r *http.Request) (plain *http.Request, done func()) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(r.Context()))
	stop := context.AfterFunc(r.Context(), func() {
		if cause := context.Cause(r.Context()); errors.Is(cause, errStopping) {
			cancel(cause)
		}
	})
	plain = r.WithContext(ctx)
	plain.Header = maps.Clone(r.Header)
	delete(plain.Header, keyField)
	return plain, func() {
		stop()
		cancel(nil)
	}
}

func setBody(r *http.Request, body []byte) {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// once answers a request by what is known of its key.
func (s *Server) once(w http.ResponseWriter, r *http.Request, x *Exchange, c *gateway.Claim, st stanza.Stanza) int {
	switch {
	case c.Outcome == gateway.KeyStored:
		x.echo()
		w.Header()[replayedField] = []string{"true"}
		s.giveAnswer(w, c.Answer)
		return c.Answer.Status
	case c.Outcome == gateway.KeyMismatch:
		p := newProblem(http.StatusUnprocessableEntity, stanza.Modify, "conflict",
			"this Idempotency-Key was used for another request: use a new key for each request, and the same one only to repeat it unchanged")
		x.fail(p)
		return s.refuse(w, r, p)
	case c.Outcome == gateway.KeyInterrupted && st.Type() == stanza.Set && st.Kind() == stanza.IQ:
		return s.record(w, r, c, func(rec http.ResponseWriter) int {
			p := newProblem(http.StatusConflict, stanza.Modify, "conflict",
				"the gateway was stopped while it carried out the request with this Idempotency-Key; whether it was is not known: find out, and use a new key to do it again")
			x.fail(p)
			return s.refuse(rec, r, p)
		})
	}
	return s.record(w, r, c, func(rec http.ResponseWriter) int { return s.submit(rec, r, x) })
}

// record has a request answered, keeps the answer, and then gives it. What the gateway
// or the server could not do (5xx) is not kept, so that the next request tries again.
func (s *Server) record(w http.ResponseWriter, r *http.Request, c *gateway.Claim, answer func(http.ResponseWriter) int) int {
	rec := &recorder{header: http.Header{}}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), keepTime)
	defer cancel()
	ended := false
	defer func() {
		if !ended { // it panicked
			_ = c.Abandon(ctx)
		}
	}()
	status := answer(rec)
	ended = true
	var err error
	if status == statusHungUp || status >= http.StatusInternalServerError {
		err = c.Abandon(ctx)
	} else {
		err = c.Finish(ctx, rec.answer())
	}
	if err != nil {
		s.log.Warn("idempotency key not kept: a repetition of the request may be carried out again", slog.Any("error", err))
	}
	if status != statusHungUp {
		s.giveAnswer(w, rec.answer())
	}
	return status
}

// giveAnswer writes an answer that was recorded.
func (s *Server) giveAnswer(w http.ResponseWriter, a gateway.KeyAnswer) {
	maps.Copy(w.Header(), a.Header)
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 {
		s.send(w, a.Body)
	}
}

// recorder is a http.ResponseWriter that keeps the answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) { r.status = status }

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (r *recorder) answer() gateway.KeyAnswer {
	return gateway.KeyAnswer{Status: r.status, Header: r.header, Body: r.body.Bytes()}
}

// parseKey reads the field: a string as RFC 9651 §3.3.3 writes it, whose parameters
// mean nothing, or the bare characters, as many programs send them.
func parseKey(lines []string) (string, *problem) {
	if len(lines) != 1 {
		return "", badKey("there is more than one Idempotency-Key")
	}
	value := strings.Trim(lines[0], " \t")
	key := value
	if strings.HasPrefix(value, `"`) {
		var rest string
		var ok bool
		if key, rest, ok = unquoteKey(value[1:]); !ok || rest != "" && rest[0] != ';' {
			return "", badKey("the Idempotency-Key is no string")
		}
	} else if strings.ContainsAny(value, "\" ,;") {
		return "", badKey("the Idempotency-Key has characters that need quotes")
	}
	if key == "" || len(key) > longestKey {
		return "", badKey("the Idempotency-Key is empty or too long")
	}
	for i := range len(key) {
		if c := key[i]; c < ' ' || c > '~' {
			return "", badKey("the Idempotency-Key has characters that are not printable ASCII")
		}
	}
	return key, nil
}

// unquoteKey takes a string up to its end quote.
func unquoteKey(s string) (key, rest string, ok bool) {
	var unescaped []byte
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '"':
			return string(unescaped), strings.TrimLeft(s[i+1:], " "), true
		case '\\':
			if i++; i == len(s) || s[i] != '"' && s[i] != '\\' {
				return "", "", false
			}
			unescaped = append(unescaped, s[i])
		default:
			unescaped = append(unescaped, c)
		}
	}
	return "", "", false
}

func badKey(what string) *problem {
	return newProblem(http.StatusBadRequest, stanza.Modify, "bad-format",
		what+`: write 1 to 255 printable ASCII characters in quotes, as in Idempotency-Key: "8e03978e-40d5-43dd-bc93-6894a57f9324"`)
}

// fingerprint tells requests apart by what they ask for. Credentials are no part of it.
func fingerprint(r *http.Request, body []byte) []byte {
	h := sha256.New()
	addPart(h, []byte(r.Method))
	addPart(h, []byte(r.URL.EscapedPath()))
	addPart(h, []byte(withoutCredentials(r.URL.RawQuery)))
	addPart(h, []byte(r.Header.Get("Content-Type")))
	addPart(h, []byte(r.Header.Get("Content-Encoding")))
	addPart(h, body)
	return h.Sum(nil)
}

// addPart adds a part with its length, so that no other parts make the same sum.
func addPart(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}
