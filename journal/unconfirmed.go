package journal

import (
	"context"
	"time"

	"github.com/restanza/restanza/jid"
	"github.com/restanza/restanza/stanza"
)

// Unconfirmed is a stanza that was given to a link which broke before the server had
// confirmed it.
type Unconfirmed struct {
	Credential string // the name of the one that posted it
	Stanza     stanza.Stanza
}

// EnqueueSent keeps stanzas in the state Sent, in their order, and returns their IDs: in
// that state they go before all that is Queued. Options.OutboxLimit does not count for
// them. Either all are kept or none; at most 1024 at a time may be. Errors are those of
// Flush; after the end of ctx they may be kept all the same.
func (j *Journal) EnqueueSent(ctx context.Context, component jid.JID, list []Unconfirmed, expires time.Time) ([]string, error) {
	now := j.now()
	ids := make([]string, len(list))
	err := j.requestNumbers(ctx, int64(len(list)), func(c changes, first int64) error {
		for i, u := range list {
			seq := first + int64(i)
			ids[i] = j.newID(seq)
			err := c.enqueue(outboxRow{
				seq: seq, id: ids[i], component: component.String(), credential: u.Credential, state: Sent,
				created: now, updated: now, expires: millis(expires), stanza: u.Stanza.XML(),
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return ids, nil
}
