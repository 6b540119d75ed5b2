package journal

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Conversation names the stanzas between the same two bare addresses at one
// component. It is comparable.
type Conversation struct {
	Component jid.JID // domain
	From, To  jid.JID // bare
}

// conversationOf returns the conversation of a stanza.
func conversationOf(component jid.JID, st stanza.Stanza) Conversation {
	return Conversation{Component: component, From: st.From().Bare(), To: st.To().Bare()}
}

// Has reports whether deliveries of a conversation wait on disk. What was added
// within the last Linger may be missing, and what was settled may still count. It
// costs a query unless nothing waits at all.
func (j *Journal) Has(ctx context.Context, c Conversation) (bool, error) {
	if j.waiting.Load() == 0 {
		return false, nil
	}
	if err := j.read(ctx); err != nil {
		return false, err
	}
	found, err := j.store.has(ctx, c)
	return found, wrap(err)
}

// Due is a conversation with deliveries on disk whose time has come.
type Due struct {
	Conversation Conversation
	Place        Place
}

// Place is where a conversation stands among those that are due. The zero Place comes
// before all.
type Place struct{ notBefore, row int64 }

// Due returns conversations of a component with deliveries on disk, whose time
// has come, at most limit, those that have been due for longest first. It does not
// know which of them are being delivered: that is for the caller to leave out.
func (j *Journal) Due(ctx context.Context, component jid.JID, limit int) ([]Conversation, error) {
	due, err := j.DueAfter(ctx, component, Place{}, limit)
	found := make([]Conversation, len(due))
	for i := range due {
		found[i] = due[i].Conversation
	}
	return found, err
}

// DueAfter is Due for those that come after a place. One that becomes due anew comes
// after all that were due before.
func (j *Journal) DueAfter(ctx context.Context, component jid.JID, after Place, limit int) ([]Due, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	found, err := j.store.due(ctx, component.String(), j.now(), after, limit)
	return found, wrap(err)
}

// NextDue returns when the next conversation of a component is due, a time in the
// past if one is. It returns the zero time if none has deliveries on disk.
func (j *Journal) NextDue(ctx context.Context, component jid.JID) (time.Time, error) {
	return j.NextDueAfter(ctx, component, time.UnixMilli(math.MinInt64))
}

// NextDueAfter is NextDue for the conversations that are not due at t yet.
func (j *Journal) NextDueAfter(ctx context.Context, component jid.JID, t time.Time) (time.Time, error) {
	if err := j.read(ctx); err != nil {
		return time.Time{}, err
	}
	at, found, err := j.store.nextDue(ctx, component.String(), t.UnixMilli())
	if err != nil || !found {
		return time.Time{}, wrap(err)
	}
	return time.UnixMilli(at), nil
}

// SetNotBefore sets when the next attempt in a conversation may be. It does not
// wait for the disk, and does nothing if the conversation has nothing there.
func (j *Journal) SetNotBefore(c Conversation, at time.Time) {
	j.push(op{kind: opNotBefore, more: &more{conversation: c, at: at.UnixMilli()}})
}

// Load returns the deliveries of a conversation that are on disk and come after a
// Seq (0: all), in order, at most limit. What was settled or buried before the call
// is not among them. A conversation has one owner: entries that another holds are
// returned again, as other entries. Stanzas that can't be read are buried.
func (j *Journal) Load(ctx context.Context, c Conversation, after int64, limit int) (entries []*Entry, err error) {
	for len(entries) < limit {
		p, err := j.LoadMany(ctx, c.Component, []Want{{c, after}}, limit-len(entries), math.MaxInt)
		if err != nil {
			return nil, err
		}
		entries = append(entries, p[0].Entries...)
		if after = p[0].Last; p[0].All {
			break
		}
	}
	return entries, nil
}

// Want asks for the deliveries of a conversation that come after a Seq; 0: for all.
type Want struct {
	Conversation Conversation
	After        int64
}

// Portion is what was read of a conversation.
type Portion struct {
	Entries []*Entry // in order; none if all that was read has been settled or buried
	Last    int64    // Seq up to which the conversation was read; 0: there is nothing
	All     bool     // nothing comes after that
}

// LoadMany is Load for several conversations of a component at once, of each about as
// many as each says. It returns one Portion for each of the first wants, until their
// stanzas have that many bytes, and at least for the first of them.
func (j *Journal) LoadMany(ctx context.Context, component jid.JID, wants []Want, each, bytes int) ([]Portion, error) {
	if err := j.read(ctx); err != nil || len(wants) == 0 {
		return nil, err
	}
	each = max(1, each)
	// As long as this is held, no removal is forgotten that the query has not seen.
	j.removal.RLock()
	defer j.removal.RUnlock()
	rows, ended, err := j.store.load(ctx, component.String(), wants, each, bytes)
	if err != nil {
		return nil, wrap(err)
	}
	portions, n := make([]Portion, len(wants)), make([]int, len(wants))
	for i := range rows {
		r := &rows[i]
		p := &portions[r.want]
		p.Last = r.seq
		n[r.want]++
		if e := j.entryOrBury(&r.deliveryRow); e != nil {
			p.Entries = append(p.Entries, e)
		}
	}
	if ended {
		portions = portions[:rows[len(rows)-1].want+1]
	}
	for i := range portions {
		portions[i].All = n[i] < each && (!ended || i < len(portions)-1)
	}
	return portions, nil
}

// Expired returns deliveries of a component that are on disk and past their time,
// at most limit, oldest first; none while the clock can't be trusted, see [Journal.Over]. Those whose conversation is being delivered are
// among them: leaving them out is for the caller, by their IDs.
func (j *Journal) Expired(ctx context.Context, component jid.JID, limit int) ([]*Entry, error) {
	now := j.now() // before it is found out whether that can be believed
	if !j.trustsClock() {
		return nil, j.read(ctx)
	}
	return j.entries(ctx, limit, func(n int) ([]deliveryRow, error) {
		return j.store.expired(ctx, component.String(), now, n)
	})
}

// entries makes entries of what a query finds, without those that are being removed.
func (j *Journal) entries(ctx context.Context, limit int, query func(limit int) ([]deliveryRow, error)) ([]*Entry, error) {
	if err := j.read(ctx); err != nil || limit <= 0 {
		return nil, err
	}
	// As long as this is held, no removal is forgotten that the query has not seen.
	j.removal.RLock()
	defer j.removal.RUnlock()
	rows, err := query(limit)
	if err != nil {
		return nil, wrap(err)
	}
	entries := j.present(rows, limit)
	if leaving := j.queue.countLeaving(); len(entries) < limit && len(rows) == limit && leaving > 0 {
		if rows, err = query(limit + leaving); err != nil {
			return nil, wrap(err)
		}
		entries = j.present(rows, limit)
	}
	return entries, nil
}

// present makes entries of rows, without those that are being removed, at most limit. Rows that can't be read are buried.
func (j *Journal) present(rows []deliveryRow, limit int) []*Entry {
	entries := make([]*Entry, 0, min(len(rows), limit))
	for i := range rows {
		if len(entries) == limit {
			break
		}
		if e := j.entryOrBury(&rows[i]); e != nil {
			entries = append(entries, e)
		}
	}
	return entries
}

// entryOrBury makes an entry of what is stored. It returns nil if that is being
// removed, or is no stanza: then it is a dead letter.
func (j *Journal) entryOrBury(r *deliveryRow) *Entry {
	if j.queue.isLeaving(r.seq) {
		return nil
	}
	e, err := j.entryOf(r)
	if err != nil {
		e.Bury(err.Error())
		return nil
	}
	return e
}

// entryOf makes an entry of what is stored. Beside an error it returns an entry
// that can only be buried.
func (j *Journal) entryOf(r *deliveryRow) (*Entry, error) {
	e := &Entry{
		j: j, seq: r.seq, id: r.id, component: r.conversation.Component,
		received: r.received, expires: r.expires, attempts: r.attempts,
	}
	e.state.Store(written)
	if r.attempts > 0 {
		e.last = &Attempt{At: time.UnixMilli(r.lastAt), Status: int(r.lastStatus), Error: r.lastError}
	}
	st, err := stanza.ParseStored(r.stanza)
	if err != nil {
		return e, fmt.Errorf("what is stored is no stanza: %w", err)
	}
	e.st = st
	return e, nil
}

// wrap names the package in an error of the store.
func wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("journal: %w", err)
}
