package callback

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/format"
	"github.com/restanza/restanza/internal/signing"
)

const (
	idleTimeout    = 30 * time.Second // after which an unused connection is closed; many servers are quicker
	maxHeaderBytes = 64 << 10         // of an answer's header
	startTag       = 256              // bytes that a body has, as a rule at most, beyond its stanza's content
)

// newTransport returns the way to a callback over the network: HTTP/1.1, as many
// kept-alive connections as there can be requests, no compression.
// Redirects are not its business: they are answers like others. Where the environment
// names a proxy, that is what is dialled.
//
// Of its own accord it repeats a POST only if no byte of it was written.
func newTransport(connections int, d *dialer) *http.Transport {
	t := &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            d.dial,
		TLSHandshakeTimeout:    dialTimeout,
		MaxIdleConns:           connections,
		MaxIdleConnsPerHost:    connections,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		DisableCompression:     true,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	return t
}

// headers are the header fields that all requests of a Callback have. Requests
// share the slices; nobody changes them.
type headers struct {
	accept        []string
	userAgent     []string
	authorization []string            // nil without credentials
	further       []field             // that the operator wants
	contentType   map[string][]string // by the media type that it is
}

// field is a header field of the operator's.
type field struct {
	name   string // in canonical form
	values []string
}

func newHeaders(t *target, o *Options) headers {
	h := headers{
		accept:      []string{format.Names()},
		userAgent:   []string{"Restanza/" + cmp.Or(token(o.Version), "0")},
		contentType: make(map[string][]string, len(format.All())),
	}
	for _, f := range format.All() {
		h.contentType[f.MediaType] = []string{f.MediaType}
	}
	if value := cmp.Or(o.Authorization, t.authorization); value != "" {
		h.authorization = []string{value}
	}
	for name, values := range o.Header {
		h.further = append(h.further, field{http.CanonicalHeaderKey(name), slices.Clone(values)})
	}
	return h
}

// most is how many header fields a request has beside those that the operator wants.
const most = 8

// common returns the header fields of a request without a body. Nothing that the operator wants
// stands in the way of a field that has to be there.
func (h *headers) common() http.Header {
	header := make(http.Header, most+len(h.further))
	for _, f := range h.further {
		header[f.name] = f.values
	}
	header["Accept"] = h.accept
	header["User-Agent"] = h.userAgent
	if h.authorization != nil {
		header["Authorization"] = h.authorization
	}
	return header
}

// post makes the request for a stanza.
func (c *Callback) post(ctx context.Context, d delivery) (*http.Response, error) {
	f, st := c.format.Load(), d.stanza
	header := c.headers.common()
	header["Content-Type"] = c.headers.contentType[f.MediaType] // without parameters, as mod_rest
	if lang := token(st.Lang()); lang != "" {
		header["Content-Language"] = []string{lang}
	}
	body := f.Append(make([]byte, 0, len(st.Content())+startTag), st)
	c.identify(header, d.id, body)
	return c.request(ctx, http.MethodPost, stanzaFields(st), header, body)
}

// identify sets the header fields of Standard Webhooks 1.0: the id always, and, if there is a secret, the time of this
// attempt and the signature of both and the body.
func (c *Callback) identify(header http.Header, id string, body []byte) {
	if c.signer == nil {
		header[signing.HeaderID] = []string{id}
		return
	}
	now := time.Now()
	values := []string{id, strconv.FormatInt(now.Unix(), 10), c.signer.Sign(id, now, body)}
	header[signing.HeaderID] = values[0:1:1]
	header[signing.HeaderTimestamp] = values[1:2:2]
	header[signing.HeaderSignature] = values[2:3:3]
}

// request makes a request. It does so again only if the request was to go over
// a kept-alive connection that turned out to be closed, and no byte of it was
// written; that ends with a new connection at the latest.
func (c *Callback) request(ctx context.Context, method string, f fields, header http.Header, body []byte) (*http.Response, error) {
	url := c.target.url(f)
	for {
		var a attempt
		req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, a.trace()), method, url, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header = header
		resp, err := c.client.RoundTrip(req)
		if err == nil && resp.StatusCode == http.StatusSwitchingProtocols {
			resp.Body.Close() // it is the connection itself, whose end nobody knows and ctx does not bring about
			resp.Body, resp.ContentLength = http.NoBody, 0
		}
		if err == nil || !a.untouched() || ctx.Err() != nil {
			return resp, err
		}
	}
}

// token returns a text that may stand in a header field as one word, and else
// the empty string. A language tag comes from whoever sent the stanza, and one
// with a line feed would make the request impossible.
func token(text string) string {
	const punctuation = "!#$%&'*+-.^_`|~" // RFC 9110 §5.6.2
	for i := range len(text) {
		c := text[i]
		alphanumeric := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !alphanumeric && !strings.Contains(punctuation, string(c)) {
			return ""
		}
	}
	return text
}

var (
	errTooLarge = errors.New("the answer is too large")
	errEncoded  = errors.New("the answer is compressed, though the request did not allow it")
)

// readBody reads the body of an answer: errTooLarge if it has more than limit
// bytes, in which case its connection is closed, not drained.
func readBody(resp *http.Response, limit int) ([]byte, error) {
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, errEncoded
	}
	if n := resp.ContentLength; n >= 0 && n <= int64(limit) {
		body := make([]byte, n)
		_, err := io.ReadFull(resp.Body, body)
		return body, err
	}
	var body []byte
	var err error
	if resp.ContentLength < 0 {
		body, err = io.ReadAll(io.LimitReader(resp.Body, int64(limit)+1))
		if err != nil || len(body) <= limit {
			return body, err
		}
	}
	resp.Body.Close()
	return nil, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
}
