package callback

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/internal/signing"
)

// deliveryID is what ids of deliveries look like: no dot, and nothing that a header could not hold.
var deliveryID = regexp.MustCompile(`^[a-z0-9]{16,24}-[1-9][0-9]*$`)

// aKeysBytes are those of aSecret.
func aKeysBytes(n int) []byte { return []byte(strings.Repeat(string(rune('a'+n)), 24+n)) }

func aSecret(n int) string { return signing.Prefix + base64.StdEncoding.EncodeToString(aKeysBytes(n)) }

// signed is what a receiver gets.
type signed struct {
	method string
	header http.Header
	body   string
}

// signature is what the standard asks for.
func (s signed) signature(key int) string {
	mac := hmac.New(sha256.New, aKeysBytes(key))
	_, _ = io.WriteString(mac, s.header.Get("webhook-id")+"."+s.header.Get("webhook-timestamp")+"."+s.body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// recorder is a transport that records requests and answers 202.
type recorder struct {
	mu   sync.Mutex
	seen []signed
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, signed{req.Method, req.Header, string(body)})
	return respond(http.StatusAccepted, "", ""), err
}

// posts returns the requests for stanzas.
func (r *recorder) posts() (posts []signed) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.seen {
		if s.method == http.MethodPost {
			posts = append(posts, s)
		}
	}
	return posts
}

// Each stanza is signed with each key, in their order; probes are not.
func TestSigning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, _ := begin(t, newServer(), over(&r), func(o *Options) { o.SigningSecrets = []string{aSecret(1), aSecret(2)} })
		time.Sleep(1234 * time.Millisecond)
		deliver(t, c, parse(t, aMessage), parse(t, aPresence), parse(t, aQuery), parse(t, anError))
		synctest.Wait()
		posts := r.posts()
		if len(posts) != 4 || len(r.seen) != 5 {
			t.Fatalf("%d posts of %d requests", len(posts), len(r.seen))
		}
		ids := map[string]bool{}
		for _, p := range posts {
			ids[p.header.Get("webhook-id")] = true
			if got, want := p.header.Get("webhook-timestamp"), strconv.FormatInt(time.Now().Unix(), 10); got != want {
				t.Errorf("timestamp %s, want %s", got, want)
			}
			if got, want := p.header.Get("webhook-signature"), p.signature(1)+" "+p.signature(2); got != want {
				t.Errorf("%s: signature\n%s, want\n%s", p.body, got, want)
			}
		}
		if len(ids) != 4 {
			t.Errorf("ids: %v", ids)
		}
		for _, s := range r.seen {
			if s.method == http.MethodOptions && s.header.Get("webhook-id")+s.header.Get("webhook-signature") != "" {
				t.Errorf("the probe has %v", s.header)
			}
		}
	})
}

// Without a key a request has an id and no more.
func TestSigning_none(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, _ := begin(t, newServer(), over(&r))
		deliver(t, c, parse(t, aMessage))
		synctest.Wait()
		h := r.posts()[0].header
		if !deliveryID.MatchString(h.Get("webhook-id")) || h.Get("webhook-timestamp") != "" || h.Get("webhook-signature") != "" {
			t.Errorf("%v", h)
		}
	})
}

// A stanza that waits for its callback keeps its id; the time is that of the attempt.
func TestSigning_patience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		var tried []signed
		start := time.Now().Add(3 * time.Second)
		transport := whole(func(req *http.Request) (*http.Response, error) {
			if time.Now().Before(start) {
				if req.Method == http.MethodPost {
					body, _ := io.ReadAll(req.Body)
					tried = append(tried, signed{req.Method, req.Header, string(body)})
				}
				return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
			}
			return r.RoundTrip(req)
		})
		var exchanged Exchange
		c, _ := begin(t, newServer(), over(transport), patient(time.Minute), func(o *Options) {
			o.SigningSecrets = []string{aSecret(1)}
			o.Observe = func(x Exchange) { exchanged = x }
		})
		began := time.Now().Unix()
		deliver(t, c, parse(t, aMessage))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		all := append(tried, r.posts()...)
		if len(all) < 5 {
			t.Fatalf("%d attempts", len(all))
		}
		for i, p := range all {
			if p.header.Get("webhook-id") != all[0].header.Get("webhook-id") {
				t.Errorf("attempt %d has the id %s, the first %s", i, p.header.Get("webhook-id"), all[0].header.Get("webhook-id"))
			}
			if p.header.Get("webhook-signature") != p.signature(1) {
				t.Errorf("attempt %d: wrong signature", i)
			}
		}
		if first, last := all[0].header.Get("webhook-timestamp"), all[len(all)-1].header.Get("webhook-timestamp"); first != strconv.FormatInt(began, 10) || last != strconv.FormatInt(began+3, 10) {
			t.Errorf("timestamps from %s to %s, begun at %d", first, last, began)
		}
		if exchanged.ID != all[0].header.Get("webhook-id") {
			t.Errorf("observed with the id %q", exchanged.ID)
		}
	})
}

// Over the network, where net/http writes the header, and connections end between requests.
func TestSigning_staleConnection(t *testing.T) {
	requests := make(chan signed, 100)
	closed := make(chan struct{}, 100)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		if r.Method == http.MethodPost {
			requests <- signed{r.Method, r.Header, string(body)}
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	srv.Config.IdleTimeout = time.Millisecond
	srv.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	srv.Start()
	defer srv.Close()
	c, _ := begin(t, newServer(), to(srv.URL), func(o *Options) { o.SigningSecrets = []string{aSecret(3)} })
	<-closed // the probe's
	ids := map[string]bool{}
	for range 10 {
		deliver(t, c, parse(t, aMessage))
		r := <-requests
		ids[r.header.Get("webhook-id")] = true
		if r.header.Get("webhook-signature") != r.signature(3) {
			t.Errorf("wrong signature: %v", r.header)
		}
		<-closed
	}
	if len(ids) != 10 {
		t.Errorf("10 stanzas have %d ids", len(ids))
	}
}

// A wrong secret is an error at once, which does not show it.
func TestNew_signingSecrets(t *testing.T) {
	o := Options{URL: "http://h/", Domain: at(t, "rest.example.net"), Reply: newServer().reply, SigningSecrets: []string{aSecret(1), "whsec_hunter2"}}
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "signing secret 2") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// Ids are distinct within a Callback, and from those of another one.
func TestIDs(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		ids := newIDs()
		for range 100 {
			id := ids.next()
			if !deliveryID.MatchString(id) || seen[id] {
				t.Fatalf("%q, seen before: %v", id, seen[id])
			}
			seen[id] = true
		}
	}
}

// Authorization and further fields go with every request, probes included; what the package sets
// itself stays.
func TestRequest_furtherHeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r recorder
		c, _ := begin(t, newServer(), over(&r), func(o *Options) {
			o.Authorization = "Bearer xyz"
			o.Header = http.Header{"x-token": {"s3cret"}, "Webhook-Id": {"forged"}, "Content-Type": {"text/html"}, "User-Agent": {"x"}}
		})
		deliver(t, c, parse(t, aMessage))
		synctest.Wait()
		for _, s := range r.seen {
			h := s.header.Clone()
			if s.method == http.MethodPost && (h.Get("Webhook-Id") == "forged" || h.Get("Content-Type") != xmlType) {
				t.Errorf("%v", h)
			}
			got := []string{h.Get("Authorization"), h.Get("X-Token"), h.Get("User-Agent")}
			if diff := cmp.Diff([]string{"Bearer xyz", "s3cret", "Restanza/1.2"}, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", s.method, diff)
			}
		}
		if len(r.seen) != 2 {
			t.Errorf("%d requests", len(r.seen))
		}
	})
}

// The probe of a single Probe has the credentials, too.
func TestProbe_authorization(t *testing.T) {
	var r recorder
	o := Options{URL: "http://u:p@h/", Domain: at(t, "rest.example.net"), Transport: &r, Authorization: "Bearer xyz"}
	if _, err := Probe(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	if got := r.seen[0].header.Get("Authorization"); got != "Bearer xyz" {
		t.Errorf("Authorization: %s", got)
	}
}
