package gateway

import (
	"context"
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// box is a Collector that keeps the ids of what it takes, limit of them if that is
// not 0.
type box struct {
	limit int
	mu    sync.Mutex
	ids   []string
}

func (b *box) Collect(st stanza.Stanza) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.limit > 0 && len(b.ids) == b.limit {
		return false
	}
	b.ids = append(b.ids, st.ID())
	return true
}

// outcomeOf is what Search returned.
type outcomeOf struct {
	answer stanza.Stanza
	err    error
}

func (o outcomeOf) want(t *testing.T, reason stanza.Reason) {
	t.Helper()
	if reasonOf(o.err) != reason || o.err == nil && o.answer.Type() != stanza.Result {
		t.Errorf("ended with %s, %v; want %q", o.answer, o.err, reason)
	}
}

const room = "room@muc.example.org"

// ask sends an archive query in the background; an empty queryID is left out.
func ask(ctx context.Context, c *Component, id, queryID string, results Collector) <-chan outcomeOf {
	if queryID != "" {
		queryID = ` queryid="` + queryID + `"`
	}
	st, err := stanza.Parse([]byte(`<iq type="set" id="` + id + `" from="bot@rest.example.net" to="` + room + `"><query xmlns="urn:xmpp:mam:2"` + queryID + `/></iq>`))
	if err != nil {
		panic(err)
	}
	done := make(chan outcomeOf, 1)
	go func() {
		answer, err := c.Search(ctx, domain, st, 10*time.Second, results)
		done <- outcomeOf{answer, err}
	}()
	synctest.Wait()
	return done
}

// found is a result as an archive sends it.
func found(id, queryID string) string {
	return `<message id="` + id + `" from="` + room + `" to="bot@rest.example.net"><result xmlns="urn:xmpp:mam:2" queryid="` + queryID + `" id="x"/></message>`
}

func answered(id string) string {
	return `<iq type="result" id="` + id + `" from="` + room + `" to="bot@rest.example.net"><fin xmlns="urn:xmpp:mam:2"/></iq>`
}

// newArchiveTest returns a component for a bubble, what feeds it, and what says
// which stanzas have come to its Receiver.
func newArchiveTest(t *testing.T) (c *Component, receive func(docs ...string), atReceiver func() []string) {
	t.Helper()
	q := &queue{limit: 1000}
	c = newComponent(t, &fakeLink{}, func(o *Options) { o.Receiver = q })
	receive = func(docs ...string) {
		for _, doc := range docs {
			c.Receive(parse(t, doc))
		}
		synctest.Wait()
	}
	atReceiver = func() []string {
		var ids []string
		for _, st := range q.got {
			ids = append(ids, st.ID())
		}
		return ids
	}
	return c, receive, atReceiver
}

func wantIDs(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func TestArchive_whatIsCollected(t *testing.T) {
	for _, tt := range []struct {
		name    string
		queryID string
		message string
		taken   bool
	}{
		{"its queryid", "q", found("m", "q"), true},
		{"another queryid", "q", found("m", "r"), false},
		{"no queryid in the result", "q", found("m", ""), false},
		{"no queryid in the query", "", found("m", "q"), true},
		{"no queryid in either", "", strings.Replace(found("m", ""), ` queryid=""`, "", 1), true},
		{"a spelled-out prefix", "q", `<message id="m" from="` + room + `" to="bot@rest.example.net"><m:result xmlns:m="urn:xmpp&#58;mam:2" queryid="&#113;"/></message>`, true},
		{"behind other children", "q", strings.Replace(found("m", "q"), "<result", `<body>x</body><result xmlns="urn:other"/><result`, 1), true},
		{"the archive in capitals", "q", strings.Replace(found("m", "q"), room, "ROOM@muc.Example.ORG", 1), true},
		{"no result element", "", `<message id="m" from="` + room + `" to="bot@rest.example.net"><body>x</body></message>`, false},
		{"a result of another version", "q", strings.Replace(found("m", "q"), "mam:2", "mam:1", 1), false},
		{"a result deeper down", "q", `<message id="m" from="` + room + `" to="bot@rest.example.net"><x xmlns="y"><result xmlns="urn:xmpp:mam:2" queryid="q"/></x></message>`, false},
		{"from somebody else", "q", strings.Replace(found("m", "q"), room, "eve@example.org", 1), false},
		{"from an occupant", "q", strings.Replace(found("m", "q"), room, room+"/eve", 1), false},
		{"from the archive's domain", "q", strings.Replace(found("m", "q"), room, "muc.example.org", 1), false},
		{"to somebody else", "q", strings.Replace(found("m", "q"), "bot@", "bob@", 1), false},
		{"to another resource", "q", strings.Replace(found("m", "q"), `rest.example.net"`, `rest.example.net/x"`, 1), false},
		{"an error", "q", strings.Replace(found("m", "q"), "<message", `<message type="error"`, 1), false},
		{"a presence", "q", strings.ReplaceAll(found("m", "q"), "message", "presence"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c, receive, atReceiver := newArchiveTest(t)
				b := &box{}
				done := ask(t.Context(), c, "1", tt.queryID, b)
				receive(tt.message, answered("1"))
				(<-done).want(t, "")
				collected, delivered := []string{"m"}, []string(nil)
				if !tt.taken {
					collected, delivered = delivered, collected
				}
				wantIDs(t, "collected", b.ids, collected...)
				wantIDs(t, "at the receiver", atReceiver(), delivered...)
			})
		})
	}
}

func TestArchive_onlyWhileAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		b := &box{}
		receive(found("before", "q"))
		done := ask(t.Context(), c, "1", "q", b)
		receive(found("a", "q"), found("b", "q"), answered("1"), found("after", "q"))
		(<-done).want(t, "")
		wantIDs(t, "collected", b.ids, "a", "b")
		wantIDs(t, "at the receiver", atReceiver(), "before", "after")
		if n := c.archives.running.Load(); n != 0 || len(c.archives.table) != 0 {
			t.Errorf("%d queries are left, the table has %d", n, len(c.archives.table))
		}
	})
}

// A query that is only submitted collects nothing, nor does one that does not wait.
func TestArchive_notSearched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		done := submitLater(t, c, `<iq type="set" id="1" from="bot@rest.example.net" to="`+room+`"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>`)
		receive(found("a", "q"), answered("1"))
		if got := <-done; got != answered("1") {
			t.Errorf("answered with %s", got)
		}
		st := parse(t, `<iq type="set" from="bot@rest.example.net" to="`+room+`"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>`)
		if _, err := c.Search(t.Context(), domain, st, 0, &box{}); reasonOf(err) != stanza.AnswerTimeout {
			t.Errorf("a query that does not wait: %v", err)
		}
		receive(found("b", "q"))
		wantIDs(t, "at the receiver", atReceiver(), "a", "b")
	})
}

func TestArchive_severalQueries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		one, two, any1, any2 := &box{}, &box{}, &box{}, &box{}
		dones := []<-chan outcomeOf{
			ask(t.Context(), c, "1", "one", one), ask(t.Context(), c, "2", "two", two),
			ask(t.Context(), c, "3", "", any1), ask(t.Context(), c, "4", "", any2),
		}
		receive(found("a", "two"), found("b", "one"), found("c", ""), found("d", "two"), found("e", "else"),
			answered("3"), found("f", ""), answered("1"), answered("2"), answered("4"), found("late", "one"))
		for _, done := range dones {
			(<-done).want(t, "")
		}
		wantIDs(t, "one", one.ids, "b")
		wantIDs(t, "two", two.ids, "a", "d")
		wantIDs(t, "the first without queryid", any1.ids, "c", "e")
		wantIDs(t, "the second without queryid", any2.ids, "f")
		wantIDs(t, "at the receiver", atReceiver(), "late")
	})
}

// The wait bounds a silence, not the whole transfer.
func TestArchive_waitCountsFromTheLastResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		began := time.Now()
		b := &box{}
		done := ask(t.Context(), c, "1", "q", b)
		for range 5 {
			<-time.After(9 * time.Second)
			receive(found("a", "q"))
		}
		o := <-done
		o.want(t, stanza.AnswerTimeout)
		if took := time.Since(began); took != 55*time.Second {
			t.Errorf("ended after %s, want 10 s after the last of 5 results", took)
		}
		if !strings.Contains(o.err.Error(), "fell silent") {
			t.Errorf("%q", o.err)
		}
		// The archive was only slow. What it still sends is nobody's.
		receive(found("b", "q"))
		<-time.After(59 * time.Second)
		receive(found("c", "q"))
		<-time.After(61 * time.Second)
		synctest.Wait()
		receive(found("d", "q"))
		wantIDs(t, "at the receiver", atReceiver(), "d")
	})
}

// A query that got nothing in time: what comes later is an ordinary stanza, as its
// late answer is.
func TestArchive_nothingInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		o := <-ask(t.Context(), c, "1", "q", &box{})
		o.want(t, stanza.AnswerTimeout)
		if want := room + " did not answer within 10s"; o.err.Error() != want {
			t.Errorf("%q, want %q", o.err, want)
		}
		receive(found("late", "q"), answered("1"))
		wantIDs(t, "at the receiver", atReceiver(), "late", "1")
	})
}

func TestArchive_callerTooSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		b := &box{limit: 2}
		done := ask(t.Context(), c, "1", "q", b)
		// All in one go: the answer may be there before the caller knows, or else it
		// is a late one.
		receive(found("a", "q"), found("b", "q"), found("c", "q"), found("d", "q"), answered("1"))
		(<-done).want(t, stanza.CallerTooSlow)
		wantIDs(t, "collected", b.ids, "a", "b")
		late := slices.DeleteFunc(atReceiver(), func(id string) bool { return id == "1" })
		if len(late) > 0 {
			t.Errorf("at the receiver: %q", late)
		}
		seen := len(atReceiver())

		b = &box{limit: 1}
		done = ask(t.Context(), c, "2", "q", b)
		receive(found("e", "q"), found("f", "q"))
		(<-done).want(t, stanza.CallerTooSlow)
		receive(found("g", "q"), answered("2"), found("h", "q"))
		wantIDs(t, "at the receiver", atReceiver()[seen:], "2", "h")
	})
}

// A caller that hangs up leaves the rest of the results to nobody, and in nobody's
// way.
func TestArchive_callerGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, receive, atReceiver := newArchiveTest(t)
		ctx, cancel := context.WithCancel(t.Context())
		first, second := &box{}, &box{}
		done := ask(ctx, c, "1", "q", first)
		cancel()
		if o := <-done; o.err != context.Canceled { //nolint:errorlint // this very value is the contract
			t.Errorf("ended with %v", o.err)
		}
		receive(found("a", "q"))
		done = ask(t.Context(), c, "2", "q", second)
		receive(found("b", "q"), answered("1"), answered("2"))
		(<-done).want(t, "")
		wantIDs(t, "the first", first.ids)
		wantIDs(t, "the second", second.ids, "b")
		wantIDs(t, "at the receiver", atReceiver(), "1")
		if len(c.archives.table) != 0 || c.archives.abandoned != 0 || c.archives.running.Load() != 0 {
			t.Errorf("something is left: %v", c.archives.table)
		}
	})
}

// What is kept in mind of abandoned queries is bounded.
func TestArchive_manyAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _, _ := newArchiveTest(t)
		for i := range maxAbandoned + 10 {
			ctx, cancel := context.WithCancel(t.Context())
			done := ask(ctx, c, fmt.Sprint(i), "q", &box{})
			cancel()
			<-done
		}
		count := func() (abandoned, running int) {
			c.archives.mu.Lock()
			defer c.archives.mu.Unlock()
			return c.archives.abandoned, int(c.archives.running.Load())
		}
		if abandoned, running := count(); abandoned != maxAbandoned || running != maxAbandoned {
			t.Errorf("%d abandoned of %d, want %d", abandoned, running, maxAbandoned)
		}
		<-time.After(lingering + time.Second)
		synctest.Wait()
		if abandoned, running := count(); abandoned != 0 || running != 0 {
			t.Errorf("a minute later there are %d abandoned of %d", abandoned, running)
		}
	})
}

// An archive query of type get is not written twice either: its results would come
// twice.
func TestArchive_sentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &fakeLink{}
		c := newComponent(t, l)
		l.onSend = func(st stanza.Stanza) <-chan error {
			c.Receive(st.Result(`<fin xmlns="urn:xmpp:mam:2"/>`))
			return outcome(nil)
		}
		st := parse(t, `<iq type="get" id="1" to="a@b"><query xmlns="urn:xmpp:mam:2"/></iq>`)
		if _, err := c.Search(t.Context(), domain, st, -1, &box{}); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, "written", l.log(), `once <iq type="get" id="1" from="rest.example.net" to="a@b"><query xmlns="urn:xmpp:mam:2"/></iq>`)
	})
}

func TestArchive_metrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		c := newComponent(t, &fakeLink{}, func(o *Options) { o.Metrics = registry })
		done := ask(t.Context(), c, "1", "q", &box{limit: 2})
		for range 5 {
			c.Receive(parse(t, found("a", "q")))
		}
		(<-done).want(t, stanza.CallerTooSlow)
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]float64{}
		for _, family := range families {
			if family.GetName() != "restanza_archive_results_total" {
				continue
			}
			for _, m := range family.GetMetric() {
				got[m.GetLabel()[0].GetValue()] = m.GetCounter().GetValue()
			}
		}
		if diff := cmp.Diff(map[string]float64{"collected": 2, "dropped": 3}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzArchive states that a message is collected exactly if encoding/xml finds the
// query's result in it, from the address asked to the one that asked.
func FuzzArchive(f *testing.F) {
	for _, queryID := range []string{"", "q", "a&b"} {
		f.Add(found("m", queryID), queryID)
		f.Add(found("m", "other"), queryID)
	}
	f.Add(`<message from="`+room+`" to="bot@rest.example.net"><r:result xmlns:r="urn:xmpp:mam:2" r:queryid="q"/></message>`, "q")
	f.Add(`<message type="error" from="`+room+`" to="bot@rest.example.net"><result xmlns="urn:xmpp:mam:2"/></message>`, "")
	own, asked := jid.MustParse("bot@rest.example.net"), jid.MustParse(room)
	f.Fuzz(func(t *testing.T, doc, queryID string) {
		st, err := stanza.Parse([]byte(doc))
		if err != nil {
			return
		}
		query, err := stanza.Parse([]byte(`<iq type="set" id="1" from="` + own.String() + `" to="` + asked.String() +
			`"><query xmlns="urn:xmpp:mam:2" queryid="` + stanza.Escape(queryID) + `"/></iq>`))
		if err != nil {
			return
		}
		b := &box{}
		table := archives{counted: func(bool) {}}
		col := newCollection(query, time.Hour, b, func(error) {})
		defer col.silence.Stop()
		table.add(col)
		taken := table.take(st)
		if taken != (len(b.ids) == 1) {
			t.Fatalf("taken: %v, collected: %d", taken, len(b.ids))
		}
		want := st.Kind() == stanza.Message && st.Type() != stanza.TypeError &&
			st.From().FoldKey() == asked.FoldKey() && st.To().FoldKey() == own.FoldKey() && hasResult(t, st, query.PayloadAttr("queryid"))
		if taken != want {
			t.Fatalf("collected: %v, want %v: %s for the queryid %q", taken, want, st, queryID)
		}
	})
}

// hasResult is what FuzzArchive compares with.
func hasResult(t *testing.T, st stanza.Stanza, queryID string) bool {
	t.Helper()
	var doc struct {
		Results []struct {
			Attrs []xml.Attr `xml:",any,attr"`
		} `xml:"urn:xmpp:mam:2 result"`
	}
	if err := xml.Unmarshal(st.XML(), &doc); err != nil {
		t.Skip(err) // encoding/xml is not for everything that is well-formed
	}
	if len(doc.Results) == 0 {
		return false
	}
	if queryID == "" {
		return true
	}
	for _, a := range doc.Results[0].Attrs {
		if a.Name.Space == "" && a.Name.Local == "queryid" {
			return a.Value == queryID
		}
	}
	return false
}

// BenchmarkReceive_archive is what a result costs that is collected, and what any
// message costs while an archive is asked, or is not.
func BenchmarkReceive_archive(b *testing.B) {
	text := parse(b, `<message id="m" from="a@example.org" to="bot@rest.example.net"><body>`+strings.Repeat("x", 500)+`</body></message>`)
	res := parse(b, strings.Replace(found("m", "q"), `/></message>`, `><body xmlns="jabber:client">`+strings.Repeat("x", 500)+`</body></result></message>`, 1))
	for _, bb := range []struct {
		name  string
		asked bool
		st    stanza.Stanza
	}{{"nothing asked", false, text}, {"another message", true, text}, {"a result", true, res}} {
		b.Run(bb.name, func(b *testing.B) {
			table := archives{counted: func(bool) {}}
			if bb.asked {
				query := parse(b, `<iq type="set" id="1" from="bot@rest.example.net" to="`+room+`"><query xmlns="urn:xmpp:mam:2" queryid="q"/></iq>`)
				col := newCollection(query, time.Hour, nowhere{}, func(error) {})
				defer col.silence.Stop()
				table.add(col)
			}
			b.ReportAllocs()
			for b.Loop() {
				table.take(bb.st)
			}
		})
	}
}

// nowhere is a Collector that keeps nothing.
type nowhere struct{}

func (nowhere) Collect(stanza.Stanza) bool { return true }
