package callback

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/format"
)

// site is a callback that can be down, and may not care for OPTIONS.
type site struct {
	down     atomic.Bool
	noProbes atomic.Bool // OPTIONS gets no answer
	probes   atomic.Int32
	last     atomic.Pointer[http.Request] // the last probe
	status   int
	accept   []string
}

func (s *site) RoundTrip(r *http.Request) (*http.Response, error) {
	probe := r.Method == http.MethodOptions
	if probe {
		s.probes.Add(1)
		s.last.Store(r)
	}
	if s.down.Load() || probe && s.noProbes.Load() {
		return nil, errRefused
	}
	if !probe {
		return respond(200, textType, "Yes"), nil
	}
	resp := respond(s.status, "", "")
	resp.Header["Accept"] = s.accept
	return resp, nil
}

func TestProbe_request(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		site := &site{status: 200, accept: []string{xmlType}}
		begin(t, newServer(), over(site), to("http://user:password@h/{kind}/{type}?{to}&{from}"))
		synctest.Wait()
		r := site.last.Load()
		if got, want := r.URL.String(), "http://h/meta/info?rest.example.net&rest.example.net"; got != want {
			t.Errorf("probed %s, want %s", got, want)
		}
		for name, want := range map[string]string{
			"Accept": format.Names(), "Authorization": "Basic dXNlcjpwYXNzd29yZA==", "User-Agent": "Restanza/1.2", "Content-Type": "",
		} {
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
	})
}

// Whatever the probe is answered, stanzas are posted as XML as long as there is
// no other format, and the log does not cry.
func TestProbe_answers(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		accept []string
		says   string
	}{
		{"format", 200, []string{"text/plain, Application/XMPP+xml;q=0.1"}, "it wants this format"},
		{"several lines", 200, []string{"application/json", xmlType}, "it wants this format"},
		{"no format", 200, nil, "does not say"},
		{"foreign format", 200, []string{"application/yaml, */*"}, "no format in particular"},
		{"not allowed", 405, []string{xmlType}, "status 405"},
		{"crash", 500, nil, "status 500"},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var l logs
				s := newServer()
				cb, _ := begin(t, s, over(&site{status: c.status, accept: c.accept}), logging(&l))
				synctest.Wait()
				if n := l.count("level=INFO", c.says); n != 1 {
					t.Errorf("%d lines say %q:\n%s", n, c.says, l.String())
				}
				if n := l.count("level=WARN"); n != 0 {
					t.Errorf("%d warnings:\n%s", n, l.String())
				}
				deliver(t, cb, parse(t, aMessage))
				s.next(t)
			})
		})
	}
}

// A callback that is down from the start: one warning, stanzas are answered at
// once, and one line when it comes up, though no stanza comes.
func TestProbe_downFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logs
		s := newServer()
		site := &site{status: 200, accept: []string{xmlType}}
		site.down.Store(true)
		c, _ := begin(t, s, over(site), to("http://user:s3cret@h/path"), logging(&l))
		for range 100 {
			deliver(t, c, parse(t, aMessage))
			unavailableReply(t, s.next(t))
		}
		time.Sleep(10 * time.Minute)
		if n := l.count("level=WARN"); n != 1 || l.count("level=WARN", "gives no answer", "callback=http://h ", errRefused.Error()) != 1 {
			t.Errorf("%d warnings:\n%s", n, l.String())
		}
		if n := site.probes.Load(); n < 10 || n > 40 {
			t.Errorf("%d probes in ten minutes", n)
		}
		site.down.Store(false)
		time.Sleep(2 * maxDelay)
		if n := l.count("level=INFO", "answers again"); n != 1 || l.count("level=INFO") != 2 {
			t.Errorf("%d lines:\n%s", n, l.String())
		}
		if strings.Contains(l.String(), "s3cret") || strings.Contains(l.String(), "path") {
			t.Errorf("the log shows the URL:\n%s", l.String())
		}
	})
}

// A callback that goes away and comes back: one line each, the second one when
// a stanza is answered, and the probe asks for the format again.
func TestProbe_goesAndComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logs
		s := newServer()
		site := &site{status: 200, accept: []string{xmlType}}
		c, _ := begin(t, s, over(site), logging(&l))
		send := func() { deliver(t, c, parse(t, aMessage)); s.next(t); synctest.Wait() }
		time.Sleep(time.Minute)
		if n := site.probes.Load(); n != 1 {
			t.Errorf("%d probes of a callback that answers", n)
		}
		for round := 1; round <= 3; round++ {
			site.down.Store(true)
			for range 10 {
				send()
			}
			if n := l.count("level=WARN"); n != round {
				t.Errorf("%d warnings in round %d:\n%s", n, round, l.String())
			}
			site.down.Store(false)
			before := site.probes.Load()
			for range 10 {
				send()
			}
			if n := l.count("level=INFO", "answers again"); n != round {
				t.Errorf("%d lines in round %d:\n%s", n, round, l.String())
			}
			if site.probes.Load() != before+1 {
				t.Errorf("%d probes after the return", site.probes.Load()-before)
			}
			time.Sleep(time.Minute)
		}
	})
}

// A callback that gives no answer to OPTIONS but answers stanzas is not down.
func TestProbe_unanswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logs
		s := newServer()
		site := &site{}
		site.noProbes.Store(true)
		c, _ := begin(t, s, over(site), logging(&l))
		for range 100 {
			deliver(t, c, parse(t, aMessage))
			s.next(t)
			time.Sleep(time.Second)
		}
		if n := l.count("level=WARN"); n > 1 {
			t.Errorf("%d warnings:\n%s", n, l.String())
		}
		if n := site.probes.Load(); n > 3 {
			t.Errorf("%d probes", n)
		}
	})
}

// A callback that hangs with single stanzas is not down either; that is told,
// but not for each of them.
func TestProbe_singleStanzas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logs
		s := newServer()
		flaky := fake(func(r *http.Request) (*http.Response, error) {
			if strings.Contains(r.URL.Path, "iq") {
				return nil, errRefused
			}
			return respond(202, "", ""), nil
		})
		c, _ := begin(t, s, over(flaky), to("http://h/{kind}"), logging(&l))
		for range 100 {
			deliver(t, c, parse(t, aMessage), parse(t, aQuery))
			unavailableReply(t, s.next(t))
			time.Sleep(100 * time.Millisecond)
		}
		if l.count("gives no answer:") != 0 {
			t.Errorf("it is thought to be down:\n%s", l.String())
		}
		if n := l.count("level=WARN", "no answer to a stanza"); n < 1 || n > 2 {
			t.Errorf("%d warnings:\n%s", n, l.String())
		}
	})
}

// The probe waits no longer than it must, and delays no stanza.
func TestProbe_hangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l logs
		s := newServer()
		c, _ := begin(t, s, logging(&l), over(whole(func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodOptions {
				<-r.Context().Done()
				return nil, r.Context().Err()
			}
			return respond(200, textType, "Yes"), nil
		})))
		began := time.Now()
		deliver(t, c, parse(t, aMessage))
		s.next(t)
		if took := time.Since(began); took != 0 {
			t.Errorf("the first stanza took %v", took)
		}
		time.Sleep(probeTimeout + time.Second)
		if n := l.count("level=WARN"); n != 0 {
			t.Errorf("%d warnings, though a stanza was answered:\n%s", n, l.String())
		}
	})
}
