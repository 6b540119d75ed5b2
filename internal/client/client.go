package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/restanza/restanza/stanza"
)

const (
	mediaTypeXMPP = "application/xmpp+xml"

	// accept asks for stanzas as XML, and for error documents that have the most to
	// say. Restanza takes the first it knows. mod_rest knows no problem+json, takes
	// XML for both, and must not find its own JSON before that.
	accept = "application/problem+json, application/xmpp+xml, application/xml;q=0.8, application/json;q=0.7, text/html;q=0.1"

	maxAnswer      = 4 << 20          // bytes of a response's body
	maxHeader      = 64 << 10         // bytes of a response's header
	connectTimeout = 10 * time.Second // for TCP, and again for TLS

	// grace is how long the gateway may take beyond the time in which the answer
	// should be there: it is the one to say that it is not.
	grace = 5 * time.Second
)

// errTooSlow is the cause of a request's end when the gateway says nothing at all.
var errTooSlow = errors.New("the time is over")

// Options say where a gateway is and who asks.
type Options struct {
	URL         string // its base, or the address of /rest itself
	Credentials string // the whole Authorization header; none if empty
	UserAgent   string
	KeepAlive   bool // connections stay open for further requests
}

// Client speaks with one gateway. It may be used concurrently.
type Client struct {
	url       *url.URL
	options   Options
	transport *http.Transport
}

// New returns a client, which connects with its first request. Errors are about the
// options, and show neither a password nor a credential.
func New(o Options) (*Client, error) {
	u, err := endpoint(o.URL)
	if err != nil {
		return nil, err
	}
	if err := checkCredentials(o.Credentials); err != nil {
		return nil, err
	}
	return &Client{url: u, options: o, transport: &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            (&net.Dialer{Timeout: connectTimeout}).DialContext,
		TLSHandshakeTimeout:    connectTimeout,
		MaxResponseHeaderBytes: maxHeader,
		DisableCompression:     true, // an answer is bounded as it comes
	}}, nil
}

// endpoint completes a gateway's URL.
func endpoint(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, errors.New("the URL of the gateway can't be read; write it as http://127.0.0.1:5281")
	case u.User != nil:
		return nil, errors.New("the URL of the gateway holds a name or a password; credentials have a place of their own")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL of the gateway must be http or https, a host, and perhaps a path, such as http://127.0.0.1:5281")
	}
	path := strings.TrimRight(u.Path, "/")
	if path != "/rest" && !strings.HasSuffix(path, "/rest") {
		path += "/rest"
	}
	u.Path, u.RawPath = path, ""
	return u, nil
}

// checkCredentials tells what would be no Authorization header, without showing it.
func checkCredentials(s string) error {
	if s == "" {
		return nil
	}
	scheme, rest, _ := strings.Cut(s, " ")
	bad := scheme == "" || strings.TrimSpace(rest) == ""
	for i := range len(s) {
		bad = bad || s[i] < ' ' || s[i] > '~'
	}
	if bad {
		return errors.New("the credentials are no Authorization header; write 'Bearer TOKEN' or 'Basic BASE64'")
	}
	return nil
}

// URL returns the address that is posted to.
func (c *Client) URL() string { return c.url.String() }

// Exposed reports whether a credential would cross a network unencrypted.
func (c *Client) Exposed() bool {
	if c.options.Credentials == "" || c.url.Scheme == "https" || c.url.Hostname() == "localhost" {
		return false
	}
	ip := net.ParseIP(c.url.Hostname())
	return ip == nil || !ip.IsLoopback()
}

// Request is one stanza on its way.
type Request struct {
	Body    []byte        // the stanza, as XML
	Timeout time.Duration // until the answer must be there; over 0
	Async   bool          // not to wait for the XMPP server's confirmation
	Key     string        // by which the gateway knows a repetition: letters, digits and hyphens; empty: none
	Strict  bool          // an error instead of being queued; the HTTP status of a stanza error fits it
}

// Answer is what came of a request that went well.
type Answer struct {
	Status int           // of HTTP
	Took   time.Duration // from the connection to the whole answer
	Stanza stanza.Stanza // the zero Stanza if there is no body
	Queued string        // where the gateway tells what becomes of the stanza, if it waits for the XMPP server
	XML    string        // the body; several stanzas in an <xmpp> element if mod_rest has collected some
}

// Post sends a stanza and waits for what becomes of it. Errors are *Error. A stanza
// error that comes back is an Error too, whatever its HTTP status.
func (c *Client) Post(ctx context.Context, r Request) (Answer, error) {
	header := http.Header{}
	c.setHeader(header, r)
	resp, err := c.roundTrip(ctx, r.Timeout, http.MethodPost, c.url.String(), header, r.Body)
	if err != nil {
		return Answer{}, err
	}
	answer, err := c.judge(resp)
	answer.Took = resp.took
	return answer, err
}

// response is a response that was read whole.
type response struct {
	status int
	header http.Header
	body   []byte
	took   time.Duration // from the connection on
}

// roundTrip sends a request and reads the whole response. Errors are *Error.
func (c *Client) roundTrip(ctx context.Context, timeout time.Duration, method, url string, header http.Header, body []byte) (response, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, timeout+grace, errTooSlow)
	defer cancel()
	start, connected := time.Now(), false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { start, connected = time.Now(), true },
	})
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return response{}, c.broken(ctx, err, false)
	}
	req.Header = header
	resp, err := c.transport.RoundTrip(req)
	if err != nil {
		return response{}, c.broken(ctx, err, connected)
	}
	defer resp.Body.Close()
	if !c.options.KeepAlive {
		defer c.transport.CloseIdleConnections()
	}
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return response{}, c.broken(ctx, err, true)
	case len(answer) > maxAnswer:
		return response{}, &Error{Kind: Failed, Status: resp.StatusCode, Text: fmt.Sprintf("the answer of %s has more than %d bytes", c.url, maxAnswer)}
	}
	return response{resp.StatusCode, resp.Header, answer, time.Since(start)}, nil
}

func (c *Client) setHeader(h http.Header, r Request) {
	h.Set("Content-Type", mediaTypeXMPP)
	h.Set("Accept", accept)
	h.Set("User-Agent", c.options.UserAgent)
	h.Set("Prosody-Rest-Timeout", strconv.FormatFloat(r.Timeout.Seconds(), 'f', -1, 64))
	var prefer []string
	if r.Strict {
		prefer = append(prefer, "handling=strict")
	}
	if r.Async {
		prefer = append(prefer, "respond-async")
	}
	if len(prefer) > 0 {
		h.Set("Prefer", strings.Join(prefer, ", "))
	}
	if r.Key != "" {
		h.Set("Idempotency-Key", `"`+r.Key+`"`)
	}
	if c.options.Credentials != "" {
		h.Set("Authorization", c.options.Credentials)
	}
}
