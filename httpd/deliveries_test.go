package httpd

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "modernc.org/sqlite"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const adminSecret = "Bearer operator"

// stored is a journal with deliveries, and a Server through which they are operated.
type stored struct {
	t      testing.TB
	path   string
	now    time.Time
	j      *journal.Journal
	server *Server
	notes  []journal.Change
}

// storeSome opens a journal and adds to it, from the oldest on: a message and a presence
// that wait at bot.example.net, a message that waits at other.example.net, and two dead
// letters. It returns their ids in that order.
func storeSome(t testing.TB) (s *stored, ids []string) {
	t.Helper()
	s = &stored{t: t, path: filepath.Join(t.TempDir(), "journal.db"), now: time.Now()}
	var err error
	s.j, err = journal.Open(journal.Options{Path: s.path, Notify: func(c journal.Change) { s.notes = append(s.notes, c) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.j.Close() }) // some tests close it before
	s.server = newTestServer(t, newFake(), func(o *Options) { o.Admin, o.Deliveries = adminSecret, s.j })
	const bot, other = "bot.example.net", "other.example.net"
	ids = []string{
		s.add(bot, message3("alice@example.org/home", "bot.example.net", "one"), 5*time.Hour, false),
		s.add(bot, `<presence type="subscribe" from="bob@example.org" to="bot.example.net"/>`, 4*time.Hour, false),
		s.add(other, message3("carol@example.com", "x@other.example.net", "three"), 3*time.Hour, false),
		s.add(bot, message3("alice@example.org", "bot.example.net", "four"), 2*time.Hour, true),
		s.add(bot, message3("bob@example.org", "bot.example.net", "five"), time.Hour, true),
	}
	if err := s.j.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, ids
}

func message3(from, to, body string) string {
	return fmt.Sprintf(`<message type="chat" from="%s" to="%s"><body>%s</body></message>`, from, to, body)
}

// add adds a stanza that came a while ago and was tried once.
func (s *stored) add(component, xml string, ago time.Duration, dies bool) string {
	s.t.Helper()
	received := s.now.Add(-ago)
	e, err := s.j.Add(jid.MustParse(component), mustParse(xml), received, received.Add(24*time.Hour))
	if err != nil {
		s.t.Fatal(err)
	}
	e.Attempted(journal.Attempt{
		At: received, Took: 1500 * time.Microsecond, Status: http.StatusBadGateway, Answer: []byte("no \x1b[31m luck\xff"), Error: "HTTP 502 from " + component,
	}, s.now.Add(time.Hour))
	if dies {
		e.Bury("it was not accepted in time")
	}
	return e.ID()
}

// ask sends a request of an operator.
func (s *stored) ask(method, target string) *httptest.ResponseRecorder {
	return do(s.server, operatorRequest(method, target))
}

func operatorRequest(method, target string) *http.Request {
	r := httptest.NewRequest(method, target, nil)
	r.Header.Set("Authorization", adminSecret)
	return r
}

// want sends a request and returns its answer's body, whose status must be that.
func (s *stored) want(method, target string, status int) string {
	s.t.Helper()
	w := s.ask(method, target)
	if w.Code != status {
		s.t.Fatalf("%s %s: %d, want %d: %s", method, target, w.Code, status, w.Body)
	}
	return w.Body.String()
}

// page asks for a list.
func (s *stored) page(target string) (p deliveryPage) {
	s.t.Helper()
	if err := json.Unmarshal([]byte(s.want(http.MethodGet, target, http.StatusOK)), &p); err != nil {
		s.t.Fatal(err)
	}
	return p
}

// ids asks for a list and returns its ids.
func (s *stored) ids(target string) []string {
	s.t.Helper()
	ids := []string{}
	for _, d := range s.page(target).Deliveries {
		ids = append(ids, d.ID)
	}
	return ids
}

func TestDeliveries_list(t *testing.T) {
	s, ids := storeSome(t)
	at := url.QueryEscape(s.now.Add(-210 * time.Minute).Format(time.RFC3339))
	tests := []struct {
		query         string
		waiting, dead []string
	}{
		{"", ids[:3], ids[3:]},
		{"?component=bot.example.net", ids[:2], ids[3:]},
		{"?from=alice@example.org", ids[:1], ids[3:4]},
		{"?from=alice@example.org/elsewhere", ids[:1], ids[3:4]},
		{"?from=example.org", ids[:2], ids[3:]},
		{"?to=x@other.example.net", ids[2:3], nil},
		{"?kind=presence", ids[1:2], nil},
		{"?kind=iq", nil, nil},
		{"?older_than=210m", ids[:2], nil}, // a dead letter's age is the time since it died
		{"?before=" + at, ids[:2], nil},
		{"?older_than=0s", ids[:3], ids[3:]},
		{"?error=from+OTHER", ids[2:3], nil},
		{"?error=%25", nil, nil},
		{"?from=example.org&kind=message&limit=500&after=0", ids[:1], ids[3:]},
	}
	pass(20 * time.Millisecond) // so that the dead are older than nothing
	for _, tt := range tests {
		for path, want := range map[string][]string{"/deliveries": tt.waiting, "/dead-letters": tt.dead} {
			if diff := cmp.Diff(append([]string{}, want...), s.ids(path+tt.query)); diff != "" {
				t.Errorf("%s%s (-want +got):\n%s", path, tt.query, diff)
			}
		}
	}
}

func TestDeliveries_paging(t *testing.T) {
	s, ids := storeSome(t)
	var got []string
	for next := ""; ; {
		p := s.page("/deliveries?limit=2&after=0" + next)
		for _, d := range p.Deliveries {
			got = append(got, d.ID)
		}
		if len(p.Deliveries) > 2 {
			t.Fatalf("%d in a page of 2", len(p.Deliveries))
		}
		if next = p.Next; next == "" {
			break
		}
	}
	if !slices.Equal(got, ids[:3]) {
		t.Errorf("got %v", got)
	}
	if p := s.page("/dead-letters?limit=2"); p.Next != "" || len(p.Deliveries) != 2 {
		t.Errorf("a page that holds all: %+v", p)
	}
}

func TestDeliveries_document(t *testing.T) {
	s, ids := storeSome(t)
	second := func(d time.Duration) time.Time { return s.now.Add(d).UTC().Truncate(time.Millisecond) }
	want := delivery{
		ID: ids[0], State: "waiting", Component: "bot.example.net", From: "alice@example.org", To: "bot.example.net", Kind: "message",
		Received: second(-5 * time.Hour), Expires: second(19 * time.Hour), NextAttempt: second(time.Hour),
		Attempts: 1, LastStatus: 502, LastError: "HTTP 502 from bot.example.net",
	}
	got := s.page("/deliveries?limit=1").Deliveries[0]
	want.Size = got.Size
	if diff := cmp.Diff(want, got); diff != "" || got.Size < 50 {
		t.Errorf("waiting (-want +got):\n%s", diff)
	}
	deadLetter := s.page("/dead-letters?limit=1").Deliveries[0]
	if deadLetter.State != "dead" || deadLetter.Reason != "it was not accepted in time" || time.Since(deadLetter.Died) > time.Minute || !deadLetter.NextAttempt.IsZero() {
		t.Errorf("dead: %+v", deadLetter)
	}
}

func TestDeliveries_show(t *testing.T) {
	s, ids := storeSome(t)
	var got deliveryDetail
	if err := json.Unmarshal([]byte(s.want("GET", "/deliveries/"+ids[0], http.StatusOK)), &got); err != nil {
		t.Fatal(err)
	}
	var st map[string]any
	if err := json.Unmarshal(got.Stanza, &st); err != nil || st["body"] != "one" || st["from"] != "alice@example.org/home" {
		t.Errorf("stanza %s", got.Stanza)
	}
	want := []attempt{{s.now.Add(-5 * time.Hour).UTC().Truncate(time.Millisecond), 1.5, 502, "no \x1b[31m luck\uFFFD", "HTTP 502 from bot.example.net"}}
	if diff := cmp.Diff(want, got.History); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	if got.ID != ids[0] || got.Attempts != 1 {
		t.Errorf("got %+v", got)
	}
	r := operatorRequest("GET", "/dead-letters/"+ids[3])
	r.Header.Set("Accept", "application/xmpp+xml")
	w := do(s.server, r)
	if w.Code != 200 || w.Header().Get("Content-Type") != "application/xmpp+xml" || !strings.Contains(w.Body.String(), "<body>four</body>") {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := s.ask("HEAD", "/deliveries/"+ids[0]); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
}

func TestDeliveries_retry(t *testing.T) {
	s, ids := storeSome(t)
	for target, want := range map[string]string{
		"/deliveries/" + ids[0] + "/retry": `"count": 1`,
		"//deliveries/retry?kind=presence": `"count": 1`,
		"/deliveries/retry?all=true":       `"count": 3`,
		"/deliveries/retry?to=nobody.net":  `"count": 0`,
	} {
		if got := s.want("POST", target, http.StatusOK); !strings.Contains(got, want) {
			t.Errorf("%s: %s", target, got)
		}
	}
	for _, d := range s.page("/deliveries").Deliveries {
		if d.NextAttempt.After(time.Now()) {
			t.Errorf("%s is not due before %s", d.ID, d.NextAttempt)
		}
	}
	if len(s.notes) != 3 || s.notes[0].Kind != journal.Retried {
		t.Errorf("notified of %+v", s.notes)
	}
}

// What is replayed keeps its id and its attempts, and waits again: as long as what comes to its component, or for a day.
func TestDeliveries_replay(t *testing.T) {
	s, ids := storeSome(t)
	ages := map[jid.JID]time.Duration{jid.MustParse("bot.example.net"): 72 * time.Hour}
	s.server.o.ReplayAge = func(component jid.JID) time.Duration { return ages[component] }
	if got := s.want("POST", "/dead-letters/"+ids[3]+"/replay", http.StatusOK); !strings.Contains(got, `"count": 1`) {
		t.Error(got)
	}
	got := s.page("/deliveries?from=alice@example.org").Deliveries
	if len(got) != 2 || got[1].ID != ids[3] || got[1].Attempts != 1 || time.Until(got[1].Expires).Round(time.Hour) != 72*time.Hour {
		t.Errorf("got %+v", got)
	}
	clear(ages)
	if got := s.want("POST", "/dead-letters/replay?error=502", http.StatusOK); !strings.Contains(got, `"count": 1`) {
		t.Error(got)
	}
	got = s.page("/deliveries?from=bob@example.org").Deliveries
	if at := len(got) - 1; got[at].ID != ids[4] || time.Until(got[at].Expires).Round(time.Hour) != DefaultReplayAge {
		t.Errorf("got %+v", got)
	}
	if got := s.ids("/dead-letters"); len(got) > 0 {
		t.Errorf("still dead: %v", got)
	}
	if len(s.notes) != 2 || s.notes[0].Kind != journal.Replayed {
		t.Errorf("notified of %+v", s.notes)
	}
}

// Dropping in one place leaves the other alone.
func TestDeliveries_drop(t *testing.T) {
	s, ids := storeSome(t)
	s.want("DELETE", "/deliveries/"+ids[0], http.StatusOK)
	s.want("DELETE", "/deliveries?from=example.org", http.StatusOK)
	if got := s.ids("/deliveries"); !slices.Equal(got, ids[2:3]) {
		t.Errorf("left are %v", got)
	}
	if got := s.want("DELETE", "/dead-letters?all=true", http.StatusOK); !strings.Contains(got, `"count": 2`) {
		t.Error(got)
	}
	if got := append(s.ids("/deliveries"), s.ids("/dead-letters")...); !slices.Equal(got, ids[2:3]) {
		t.Errorf("left are %v", got)
	}
}

func TestDeliveries_refusals(t *testing.T) {
	s, ids := storeSome(t)
	tests := []struct {
		method, target string
		status         int
		text           string
	}{
		{"GET", "/deliveries?form=x", 400, `no parameter \"form\" here; there are component, from,`},
		{"GET", "/deliveries?all=true", 400, `no parameter \"all\"`},
		{"DELETE", "/deliveries?limit=1", 400, `no parameter \"limit\"`},
		{"GET", "/deliveries?from=a@@b", 400, "from: this is no XMPP address"},
		{"DELETE", "/deliveries?from=", 400, "from: it has no value"},
		{"DELETE", "/deliveries?from=a&from=b", 400, "from stands there twice"},
		{"GET", "/deliveries?kind=chat", 400, "message, presence and iq"},
		{"GET", "/deliveries?older_than=-1s", 400, "duration"},
		{"GET", "/deliveries?before=yesterday", 400, "2026-01-31T12:00:00Z"},
		{"GET", "/deliveries?older_than=1s&before=2026-01-31T12:00:00Z", 400, "leave one of them out"},
		{"GET", "/deliveries?limit=501", 400, "1 to 500"},
		{"GET", "/deliveries?limit=0", 400, "1 to 500"},
		{"GET", "/deliveries?after=x", 400, "no cursor"},
		{"GET", "/deliveries?error=%ff", 400, "no UTF-8"},
		{"GET", "/deliveries?a=%zz", 400, "percent"},
		{"GET", "/deliveries?from=a;to=b", 400, "&"},
		{"GET", "/deliveries/" + ids[0] + "?limit=1", 400, "no parameters"},
		{"DELETE", "/deliveries", 400, "nothing says which ones"},
		{"POST", "/deliveries/retry", 400, "all=true"},
		{"POST", "/dead-letters/replay?all=yes", 400, `all: the only value`},
		{"POST", "/dead-letters/replay?all=true&kind=iq", 400, "leave one of them out"},
		{"GET", "/deliveries/nothing", 404, "nothing with this id"},
		{"GET", "/deliveries/" + ids[3], 404, "it is at /dead-letters/" + ids[3]},
		{"DELETE", "/deliveries/" + ids[3], 404, "it is at /dead-letters/"},
		{"POST", "/dead-letters/" + ids[0] + "/replay", 404, "it is at /deliveries/"},
		{"GET", "/deliveries/", 404, "GET /deliveries, GET /dead-letters"},
		{"GET", "/deliveries/a/b", 404, "there is nothing here"},
		{"POST", "/dead-letters/" + ids[3] + "/retry", 404, "there is nothing here"},
		{"GET", "/deliveriesx", 404, "there is nothing here"},
		{"POST", "/deliveries", 405, "DELETE"},
		{"GET", "/deliveries/retry", 405, "POST"},
		{"PUT", "/dead-letters/" + ids[3], 405, "GET, HEAD, DELETE"},
	}
	for _, tt := range tests {
		if got := s.want(tt.method, tt.target, tt.status); !strings.Contains(got, tt.text) {
			t.Errorf("%s %s: %s", tt.method, tt.target, got)
		}
	}
	r := operatorRequest("POST", "/deliveries/retry?all=true")
	r.Body, r.ContentLength = http.NoBody, -1
	if w := do(s.server, r); w.Code != 400 || !strings.Contains(w.Body.String(), "no body") {
		t.Errorf("with a body: %d %s", w.Code, w.Body)
	}
	if got := append(s.ids("/deliveries"), s.ids("/dead-letters")...); !slices.Equal(got, ids) || len(s.notes) > 0 {
		t.Errorf("left are %v, changes %v", got, s.notes)
	}
}

// The operator's credential operates and nothing else, and no other does.
func TestDeliveries_credentials(t *testing.T) {
	s, _ := storeSome(t)
	ask := func(method, target string, authorization ...string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, target, nil)
		r.Header["Authorization"] = authorization
		return do(s.server, r)
	}
	tests := []struct {
		method, target string
		authorization  []string
		status         int
		text           string
	}{
		{"GET", "/deliveries", nil, 401, "credential for operating"},
		{"GET", "/deliveries?access_token=operator", nil, 401, ""},
		{"GET", "/deliveries?form=x", nil, 401, ""},
		{"GET", "/deliveries", []string{testSecret}, 403, "this credential lacks the right"},
		{"DELETE", "/dead-letters?all=true", []string{"Bearer x"}, 403, ""},
		{"GET", "/deliveries", []string{adminSecret, testSecret}, 400, "more than once"},
		{"GET", "/deliveries", []string{"bearer  operator"}, 200, ""},
		{"POST", "/rest/message/chat/user@example.org", []string{adminSecret}, 403, "for operating the gateway, not for sending"},
		{"GET", "/rest/outbox/x", []string{adminSecret}, 403, ""},
		{"POST", "/rest/message/chat/user@example.org?access_token=operator", nil, 403, "in the query"},
	}
	for _, tt := range tests {
		w := ask(tt.method, tt.target, tt.authorization...)
		if w.Code != tt.status || !strings.Contains(w.Body.String(), tt.text) {
			t.Errorf("%s %s with %q: %d %s", tt.method, tt.target, tt.authorization, w.Code, w.Body)
		}
		if challenge := w.Header().Get("Www-Authenticate"); (challenge == `Bearer realm="restanza operator"`) != (tt.status == 401) {
			t.Errorf("%s %s: challenge %q", tt.method, tt.target, challenge)
		}
	}
	for _, admin := range []string{testSecret, "Bearer", "Bearer x\n"} {
		_, err := New(Options{Credentials: []Credential{{Authorization: testSecret, Component: newFake()}}, Admin: admin})
		if err == nil || !strings.Contains(err.Error(), "credential for operating") {
			t.Errorf("%q: %v", admin, err)
		}
	}
}

func TestDeliveries_notThere(t *testing.T) {
	for text, change := range map[string]func(*Options){
		"set http.admin_authorization": func(*Options) {},
		"no journal; set journal.path": func(o *Options) { o.Admin = adminSecret },
	} {
		s := newTestServer(t, newFake(), change)
		for _, target := range []string{"/deliveries", "/dead-letters/x"} {
			if w := do(s, operatorRequest("GET", target)); w.Code != 404 || !strings.Contains(w.Body.String(), text) {
				t.Errorf("%s: %d %s", target, w.Code, w.Body)
			}
		}
	}
}

func TestDeliveries_unwritable(t *testing.T) {
	s, ids := storeSome(t)
	other, err := sql.Open("sqlite", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	other.SetMaxOpenConns(1)
	if _, err := other.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	w := s.ask("DELETE", "/deliveries/"+ids[0])
	if w.Code != 503 || w.Header().Get("Retry-After") != "5" || !strings.Contains(w.Body.String(), "can't be written") || strings.Contains(w.Body.String(), s.path) {
		t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	if got := s.ids("/deliveries"); len(got) != 3 {
		t.Errorf("reading goes on: %v", got)
	}
	if _, err := other.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	if err := s.j.Close(); err != nil {
		t.Fatal(err)
	}
	for _, method := range []string{"GET", "DELETE"} {
		s.want(method, "/deliveries/"+ids[0], http.StatusServiceUnavailable)
	}
}

// Whatever stands in a query: no panic and no 500; a list has what a filter chooses, and a
// change without a filter changes nothing.
func FuzzDeliveryQuery(f *testing.F) {
	for _, query := range []string{
		"", "all=true", "from=alice@example.org&limit=1", "error=%ff", "older_than=1h&kind=message", "before=2026-01-31T12:00:00Z",
		"after=9223372036854775807", "component=%00", "from=%E2%80%AE@x", "to=[::1]", "limit=99999999999999999999", "a;b", "error='", "%",
	} {
		f.Add("/deliveries", query)
		f.Add("/dead-letters/x", query)
	}
	s, ids := storeSome(f)
	f.Fuzz(func(t *testing.T, path, query string) {
		r := operatorRequest("GET", "/")
		r.URL = &url.URL{Path: path, RawQuery: query}
		w := do(s.server, r)
		if w.Code >= 500 {
			t.Fatalf("GET: %d %s", w.Code, w.Body)
		}
		q, err := parseDeliveryQuery(query, false, time.Now())
		if err != nil {
			if p := s.server.journalProblem(err); p.status != 400 {
				t.Fatalf("%v", err)
			}
			return
		}
		if q.filtered == (q.filter == journal.Filter{}) {
			t.Errorf("%q chooses %+v, filtered is %t", query, q.filter, q.filtered)
		}
		if q.filtered || q.all {
			return
		}
		r.Method, r.URL.Path = "DELETE", "/dead-letters"
		w = do(s.server, r)
		if found, err := s.j.List(t.Context(), journal.Filter{}, 0, 10); w.Code != 400 || len(found) != len(ids) || err != nil {
			t.Errorf("DELETE: %d %s, and %d are left", w.Code, w.Body, len(found))
		}
	})
}

// A stanza that can't be read does not hide the rest.
func TestDetailOf_unreadable(t *testing.T) {
	doc := encodeJSON(detailOf(&journal.Detail{Delivery: journal.Delivery{ID: "x", State: journal.Dead, Kind: stanza.Message}}))
	if strings.Contains(string(doc), "stanza") || !strings.Contains(string(doc), `"history": []`) {
		t.Errorf("%s", doc)
	}
}
