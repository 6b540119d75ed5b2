package gateway

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// switchedLink is a fakeLink that can be down.
type switchedLink struct {
	fakeLink
	upMu sync.Mutex
	isUp bool
	came chan struct{}
	went chan struct{}
	held []heldStanza // lent and not confirmed; guarded by mu
}

// heldStanza is what a switchedLink has lent.
type heldStanza struct {
	st    stanza.Stanza
	owner string
	ctx   context.Context //nolint:containedctx // as a link has it
	done  chan error
}

var errDown = &stanza.Refusal{Reason: stanza.LinkUnavailable, Text: "down"}

func newSwitched() *switchedLink {
	l := &switchedLink{came: make(chan struct{}), went: make(chan struct{})}
	l.down = errDown
	return l
}

func (l *switchedLink) Up() bool {
	l.upMu.Lock()
	defer l.upMu.Unlock()
	return l.isUp
}

func (l *switchedLink) AwaitUp(ctx context.Context) error {
	l.upMu.Lock()
	came, isUp := l.came, l.isUp
	l.upMu.Unlock()
	if isUp {
		return ctx.Err()
	}
	select {
	case <-came:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *switchedLink) AwaitDown(ctx context.Context) error {
	l.upMu.Lock()
	went, isUp := l.went, l.isUp
	l.upMu.Unlock()
	if !isUp {
		return ctx.Err()
	}
	select {
	case <-went:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Send keeps what onSend does not confirm.
func (l *switchedLink) Send(ctx context.Context, st stanza.Stanza) (<-chan error, error) {
	return l.hold(ctx, "send", st, "")
}

// Lend does so too, until Withdraw.
func (l *switchedLink) Lend(ctx context.Context, st stanza.Stanza, owner string) (<-chan error, error) {
	return l.hold(ctx, "lend", st, owner)
}

func (l *switchedLink) hold(ctx context.Context, how string, st stanza.Stanza, owner string) (<-chan error, error) {
	confirmed, err := l.send(how, st)
	if err != nil || confirmed != nil {
		return confirmed, err
	}
	h := heldStanza{st, owner, ctx, make(chan error, 1)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = append(l.held, h)
	return h.done, nil
}

func (l *switchedLink) Withdraw(take func(st stanza.Stanza, owner string, tell func(error))) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down == nil {
		return
	}
	var kept []heldStanza
	for _, h := range l.held {
		switch {
		case h.owner == "":
			kept = append(kept, h)
		case h.ctx.Err() == nil:
			take(h.st, h.owner, func(err error) { h.done <- err })
		}
	}
	l.held = kept
}

// again writes and confirms what was not confirmed and is still wanted.
func (l *switchedLink) again() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, h := range l.held {
		if h.ctx.Err() != nil {
			continue
		}
		l.queued = append(l.queued, h.st)
		h.done <- nil
	}
	l.held = nil
}

// turn switches the link on or off. When it comes up, it first writes again what was lent.
func (l *switchedLink) turn(on bool) {
	if on {
		l.again()
	}
	l.mu.Lock()
	if l.down = errDown; on {
		l.down = nil
	}
	l.mu.Unlock()
	l.upMu.Lock()
	defer l.upMu.Unlock()
	if on && !l.isUp {
		close(l.came)
		l.came = make(chan struct{})
	}
	if !on && l.isUp {
		close(l.went)
		l.went = make(chan struct{})
	}
	l.isUp = on
}

// bodies returns the texts of what was sent, in order.
func (l *switchedLink) bodies() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	texts := make([]string, len(l.queued))
	for i, st := range l.queued {
		texts[i] = st.Body()
	}
	return texts
}

// outboxRig is a component with an outbox, running.
type outboxRig struct {
	*Component
	t       *testing.T
	link    *switchedLink
	journal *journal.Journal
	stop    func()
}

func newOutboxRig(t *testing.T, jo journal.Options, change ...func(*Options)) *outboxRig {
	t.Helper()
	if jo.Path == "" {
		jo.Path = filepath.Join(t.TempDir(), "journal.db")
	}
	j, err := journal.Open(jo)
	if err != nil {
		t.Fatal(err)
	}
	r := &outboxRig{t: t, link: newSwitched(), journal: j}
	change = append(change, func(o *Options) {
		o.Outbox = &OutboxOptions{Journal: j, State: r.link, Lender: r.link}
	})
	r.Component = newComponent(t, r.link, change...)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := j.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

// post submits a message and returns the ID under which it is queued, empty if it is
// not.
func (r *outboxRig) post(text string) string {
	r.t.Helper()
	_, err := r.Submit(r.t.Context(), domain, parse(r.t, `<message to="a@b"><body>`+text+`</body></message>`), SubmitOptions{})
	if err == nil {
		return ""
	}
	q, ok := errors.AsType[*Queued](err)
	if !ok {
		r.t.Fatalf("%s: %v", text, err)
	}
	return q.ID
}

func (r *outboxRig) status(id string) Outgoing {
	r.t.Helper()
	o, found, err := r.Outgoing(r.t.Context(), domain, id)
	if err != nil || !found {
		r.t.Fatalf("%s: %t, %v", id, found, err)
	}
	return o
}

// await waits until a stanza is in a state.
func (r *outboxRig) await(id string, want OutboxState) Outgoing {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	for {
		o := r.status(id)
		if o.State == want {
			return o
		}
		if !sleep(ctx, time.Millisecond) {
			r.t.Fatalf("%s is %s, want %s", id, o.State, want)
		}
	}
}

func TestOutbox_keepsAndSends(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	var ids, want []string
	for i := range 150 {
		text := fmt.Sprint(i)
		want = append(want, text)
		id := r.post(text)
		if id == "" {
			t.Fatalf("%s was not queued", text)
		}
		ids = append(ids, id)
	}
	if _, err := r.Submit(t.Context(), domain, parse(t, ping), SubmitOptions{Wait: -1}); reasonOf(err) != stanza.LinkUnavailable {
		t.Errorf("a query: %v", err)
	}
	if o := r.status(ids[0]); o.State != journal.Queued || o.Expires.Sub(o.Created) < 59*time.Minute || o.Error != nil {
		t.Errorf("got %+v", o)
	}
	r.link.turn(true)
	for i := 150; ; i++ { // until one goes by
		text := fmt.Sprint(i)
		want = append(want, text)
		id := r.post(text)
		if id == "" {
			break
		}
		ids = append(ids, id)
	}
	if got := r.link.bodies(); !slices.Equal(got, want) {
		t.Errorf("sent:\n%v, want\n%v", got, want)
	}
	for _, id := range ids {
		r.await(id, journal.Confirmed)
	}
}

func TestOutbox_strictIsRefused(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	st := parse(t, `<message to="a@b"/>`)
	if _, err := r.Submit(t.Context(), domain, st, SubmitOptions{Strict: true}); !errors.Is(err, errDown) {
		t.Errorf("got %v", err)
	}
	confirm := make(chan error)
	r.link.onSend = func(stanza.Stanza) <-chan error { return confirm }
	id := r.post("x")
	r.link.turn(true)
	r.await(id, journal.Sent)
	if _, err := r.Submit(t.Context(), domain, st, SubmitOptions{Strict: true}); reasonOf(err) != stanza.LinkUnavailable || errors.Is(err, errDown) {
		t.Errorf("while something is queued: %v", err)
	}
	confirm <- nil
	r.await(id, journal.Confirmed)
}

func TestOutbox_full(t *testing.T) {
	r := newOutboxRig(t, journal.Options{OutboxLimit: 2})
	r.post("1")
	last := r.post("2")
	_, err := r.Submit(t.Context(), domain, parse(t, `<presence to="a@b"/>`), SubmitOptions{Async: true})
	later, ok := errors.AsType[*laterError](err)
	if reasonOf(err) != stanza.NotKept || !ok || later.RetryAfter() < time.Second {
		t.Errorf("got %v", err)
	}
	r.link.turn(true)
	r.await(last, journal.Confirmed)
	if id := r.post("3"); id != "" {
		r.await(id, journal.Confirmed)
	}
	if got := r.link.bodies(); got[0] != "1" || got[1] != "2" || got[2] != "3" {
		t.Errorf("sent %v", got)
	}
}

func TestOutbox_async(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	_, err := r.Submit(t.Context(), domain, parse(t, `<presence to="a@b"/>`), SubmitOptions{Async: true})
	q, ok := errors.AsType[*Queued](err)
	if !ok {
		t.Fatal(err)
	}
	r.link.turn(true)
	r.await(q.ID, journal.Confirmed)
}

// An error that comes back is in the status, and goes where errors go that come later.
func TestOutbox_bounced(t *testing.T) {
	receiver := &queue{}
	r := newOutboxRig(t, journal.Options{}, func(o *Options) { o.Receiver = receiver })
	r.link.onSend = func(st stanza.Stanza) <-chan error {
		switch st.Body() {
		case "poison":
			return outcome(&stanza.Refusal{Reason: stanza.Poisonous, Text: "the stream ended"})
		case "bad":
			bounce, _ := st.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound, Text: "who?"})
			r.Receive(bounce)
		}
		return outcome(nil)
	}
	bad, poison, good := r.post("bad"), r.post("poison"), r.post("good")
	r.link.turn(true)
	if e := r.await(bad, journal.Bounced).Error; e == nil || e.Condition != stanza.ItemNotFound || e.Text != "who?" || e.Type != stanza.Cancel {
		t.Errorf("got %+v", e)
	}
	if e := r.await(poison, journal.Bounced).Error; e == nil || e.Condition != stanza.PolicyViolation || e.Text != "the stream ended" {
		t.Errorf("got %+v", e)
	}
	r.await(good, journal.Confirmed)
	if len(receiver.got) != 1 || receiver.got[0].Type() != stanza.TypeError {
		t.Errorf("the receiver got %v", receiver.got)
	}
}

// A caller whose stanza has the id and addressee of one that was queued gets his own
// error.
func TestOutbox_bouncesWithOneID(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	st := parse(t, `<message id="m" to="a@b"/>`)
	_, err := r.Submit(t.Context(), domain, st, SubmitOptions{})
	q, ok := errors.AsType[*Queued](err)
	if !ok {
		t.Fatal(err)
	}
	r.link.onSend = func(st stanza.Stanza) <-chan error {
		bounce, _ := st.ErrorReply(&stanza.Error{Type: stanza.Cancel, Condition: stanza.ItemNotFound})
		r.Receive(bounce)
		return outcome(nil)
	}
	r.link.turn(true)
	r.await(q.ID, journal.Bounced)
	for {
		answer, err := r.Submit(t.Context(), domain, st, SubmitOptions{})
		if err == nil {
			if answer.Type() != stanza.TypeError {
				t.Errorf("got %v", answer)
			}
			return
		}
	}
}

// What was not confirmed is sent again, in order and before what comes after it.
func TestOutbox_unconfirmed(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	failures := 2
	r.link.onSend = func(st stanza.Stanza) <-chan error {
		switch {
		case st.Body() == "1" && failures > 0:
			failures--
			return outcome(errDown)
		case st.Body() == "2" && failures > 0:
			return nil
		}
		return outcome(nil)
	}
	var last string
	for i := range 4 {
		last = r.post(fmt.Sprint(i))
	}
	r.link.turn(true)
	r.await(last, journal.Confirmed)
	if got := strings.Join(r.link.bodies(), ""); !strings.HasPrefix(got, "01") || !strings.HasSuffix(got, "123") || strings.Count(got, "0") != 1 {
		t.Errorf("sent %s", got)
	}
}

// A component that comes back finds what was queued, and what was sent and not confirmed,
// and sends it again.
func TestOutbox_restart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.db")
	r := newOutboxRig(t, journal.Options{Path: path})
	r.link.onSend = func(st stanza.Stanza) <-chan error {
		if st.Body() == "0" {
			return outcome(nil)
		}
		return nil // never confirmed
	}
	ids := []string{r.post("0"), r.post("1"), r.post("2")}
	r.link.turn(true)
	r.await(ids[2], journal.Sent)
	ids = append(ids, r.post("3"))
	if ids[3] == "" {
		t.Fatal("it overtook what was sent")
	}
	r.stop()

	r = newOutboxRig(t, journal.Options{Path: path})
	if id := r.post("4"); id == "" {
		t.Error("the link is down")
	} else {
		ids = append(ids, id)
	}
	r.link.turn(true)
	for _, id := range ids {
		r.await(id, journal.Confirmed)
	}
	if got := strings.Join(r.link.bodies(), ""); !strings.HasSuffix(got, "1234") {
		t.Errorf("sent %s", got)
	}
}

func TestOutbox_expires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newOutboxRig(t, journal.Options{})
		defer r.stop()
		id := r.post("old")
		time.Sleep(DefaultOutboxAge - time.Second)
		young := r.post("young")
		time.Sleep(time.Second)
		if o := r.status(id); o.State != journal.Expired {
			t.Errorf("it is %s", o.State)
		}
		r.link.turn(true)
		for r.status(young).State != journal.Confirmed {
			time.Sleep(time.Millisecond)
		}
		if row, err := r.journal.Outgoing(t.Context(), id); err != nil || row.State != journal.Expired {
			t.Errorf("%+v, %v", row, err)
		}
		if got := r.link.bodies(); len(got) != 1 || got[0] != "young" {
			t.Errorf("sent %v", got)
		}
	})
}

// The link breaks just when a stanza is sent: nothing was written, so it is queued.
func TestOutbox_linkBreaksBefore(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	r.link.turn(true)
	for r.post("x") != "" {
	}
	r.link.mu.Lock()
	r.link.down = errDown // and Up does not know it yet
	r.link.mu.Unlock()
	if id := r.post("y"); id == "" {
		t.Error("not queued")
	}
	st := parse(t, `<message to="a@b"/>`)
	r.link.turn(false)
	for _, kind := range []string{`<message type="error" to="a@b"/>`, `<presence to="a@b"/>`} {
		if _, err := r.Submit(t.Context(), domain, parse(t, kind), SubmitOptions{}); err == nil || reasonOf(err) != "" {
			t.Errorf("%s: %v", kind, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Submit(ctx, domain, st, SubmitOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What the link has not taken is queued, not sent.
func TestOutbox_linkBreaksAmid(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	hold := make(chan error)
	r.link.onSend = func(st stanza.Stanza) <-chan error {
		if st.Body() != "1" {
			return outcome(nil)
		}
		r.link.turn(false)
		return hold
	}
	ids := []string{r.post("0"), r.post("1"), r.post("2"), r.post("3")}
	r.link.turn(true)
	r.await(ids[1], journal.Sent)
	hold <- nil
	r.await(ids[0], journal.Confirmed)
	r.await(ids[1], journal.Confirmed)
	r.await(ids[2], journal.Queued)
	r.await(ids[3], journal.Queued)
	r.link.turn(true)
	r.await(ids[3], journal.Confirmed)
	if got := strings.Join(r.link.bodies(), ""); got != "0123" {
		t.Errorf("sent %s", got)
	}
}

func TestOutbox_closedJournal(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	_ = r.journal.Close()
	_, err := r.Submit(t.Context(), domain, parse(t, `<message to="a@b"/>`), SubmitOptions{})
	if reasonOf(err) != stanza.LinkUnavailable {
		t.Errorf("got %v", err)
	}
}

// Only who has queued a stanza sees its status.
func TestOutgoing_foreign(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	id := r.post("x")
	for _, identity := range []string{"bot@rest.example.net", "rest.example.net/x"} {
		if _, found, err := r.Outgoing(t.Context(), jid.MustParse(identity), id); found || err != nil {
			t.Errorf("%s: %t, %v", identity, found, err)
		}
	}
	other := newComponent(t, r.link, func(o *Options) {
		o.Domain = jid.MustParse("other.example.net")
		o.Outbox = &OutboxOptions{Journal: r.journal, State: r.link}
	})
	if _, found, err := other.Outgoing(t.Context(), domain, id); found || err != nil {
		t.Errorf("another component: %t, %v", found, err)
	}
	if _, found, err := r.Outgoing(t.Context(), domain, "nothing"); found || err != nil {
		t.Errorf("nothing: %t, %v", found, err)
	}
	if _, found, err := newComponent(t, r.link).Outgoing(t.Context(), domain, id); found || err != nil {
		t.Errorf("without an outbox: %t, %v", found, err)
	}
}

// Whatever the link does, each sender's messages leave in the order in which he has got
// his answers, and all of them leave.
func TestOutbox_order(t *testing.T) {
	r := newOutboxRig(t, journal.Options{})
	stop := make(chan struct{})
	var flapping, senders sync.WaitGroup
	flapping.Go(func() {
		tick := time.NewTicker(3 * time.Millisecond)
		defer tick.Stop()
		for on := true; ; on = !on {
			r.link.turn(on)
			select {
			case <-stop:
				r.link.turn(true)
				return
			case <-tick.C:
			}
		}
	})
	const each = 60
	for sender := range 4 {
		senders.Go(func() {
			for n := range each {
				st, err := stanza.Parse(fmt.Appendf(nil, `<message to="a@b"><body>%d %d</body></message>`, sender, n))
				if err != nil {
					t.Error(err)
				}
				_, err = r.Submit(t.Context(), domain, st, SubmitOptions{})
				if _, queued := errors.AsType[*Queued](err); err != nil && !queued {
					t.Errorf("%d %d: %v", sender, n, err)
				}
			}
		})
	}
	senders.Wait()
	close(stop)
	flapping.Wait()
	for r.post("end") != "" {
	}
	first := map[int][]int{} // of each sender, in the order in which they left first
	for _, text := range r.link.bodies() {
		var sender, n int
		if _, err := fmt.Sscanf(text, "%d %d", &sender, &n); err == nil && !slices.Contains(first[sender], n) {
			first[sender] = append(first[sender], n)
		}
	}
	for sender := range 4 {
		if got := first[sender]; len(got) != each || !slices.IsSorted(got) {
			t.Errorf("sender %d: %d messages: %v", sender, len(got), got)
		}
	}
}
