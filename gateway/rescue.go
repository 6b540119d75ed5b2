package gateway

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

const (
	// rescueGrace is how long the link may be down before callers that wait for a
	// confirmation are told that their stanzas are queued. A link that is back before
	// writes them again, and they are confirmed as usual. It is longer than the link takes
	// to connect again while it finds out for which stanza the server ends the stream:
	// then the caller is to be told, too.
	rescueGrace = 2 * time.Second
	rescueBatch = 256                  // stanzas that come into the journal together
	calmPause   = 5 * time.Millisecond // between two looks whether stanzas are still on their way by the outbox
)

// watch brings what was on its way by the outbox into it whenever the link breaks and is
// not back soon, until ctx ends.
func (b *outbox) watch(ctx context.Context) {
	for b.o.State.AwaitDown(ctx) == nil {
		short, cancel := context.WithTimeout(ctx, rescueGrace)
		err := b.o.State.AwaitUp(short)
		cancel()
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return
		}
		b.rescue(context.WithoutCancel(ctx))
		if b.o.State.AwaitUp(ctx) != nil {
			return
		}
	}
}

// withdrawn is a stanza that the link has given back.
type withdrawn struct {
	unconfirmed journal.Unconfirmed
	tell        func(error)
}

// rescue takes back what the link has not had confirmed, and puts it into the journal as
// sent: so it goes before what has been queued since. Its callers are told. That is not done
// when a caller's time is over, and not one by one, because their order would be lost.
func (b *outbox) rescue(ctx context.Context) {
	b.rescuing.Lock()
	defer b.rescuing.Unlock()
	if b.lent.Load() == 0 {
		return
	}
	b.enterAnyway() // nothing must overtake it if the link comes back just now
	defer b.leave()
	var list []withdrawn
	b.o.Lender.Withdraw(func(st stanza.Stanza, owner string, tell func(error)) {
		list = append(list, withdrawn{journal.Unconfirmed{Credential: owner, Stanza: st}, tell})
	})
	for batch := range slices.Chunk(list, rescueBatch) {
		b.keepSent(ctx, batch)
	}
}

// keepSent puts stanzas into the journal as sent, and tells their callers.
func (b *outbox) keepSent(ctx context.Context, batch []withdrawn) {
	rows := make([]journal.Unconfirmed, len(batch))
	for i := range batch {
		rows[i] = batch[i].unconfirmed
	}
	ids, err := b.o.Journal.EnqueueSent(ctx, b.component, rows, time.Now().Add(b.o.MaxAge))
	if err != nil {
		b.log.Warn("stanzas lost that were not confirmed when the link broke: their senders are told so", slog.Int("stanzas", len(batch)), slog.Any("error", err))
		err = notKept(ctx, "the connection to the XMPP server broke before the stanza was confirmed, and the journal can't be written, so it was not queued; "+
			"it may have been delivered or not", err)
		for _, w := range batch {
			w.tell(err)
		}
		return
	}
	b.log.Info("stanzas that were not confirmed when the link broke are queued", slog.Int("stanzas", len(batch)))
	for i, w := range batch {
		w.tell(&Queued{ID: ids[i]})
	}
}

// calm waits until everything that has gone by the outbox is confirmed or in the journal:
// what is in there came later, and must not be on its way together with it.
func (b *outbox) calm(ctx context.Context) {
	for b.lentNow() > 0 && !b.open.Load() && b.o.State.Up() && sleep(ctx, calmPause) {
	}
}

// lentNow returns how many stanzas have gone by and are not confirmed, when no rescue is
// under way.
func (b *outbox) lentNow() int64 {
	b.rescuing.Lock()
	defer b.rescuing.Unlock()
	return b.lent.Load()
}
