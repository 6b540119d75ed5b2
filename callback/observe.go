package callback

import (
	"cmp"
	"time"

	"github.com/restanza/restanza/stanza"
)

// Exchange is a stanza that was posted, or whose time was over, and what came of it.
type Exchange struct {
	ID     string // of the delivery: what the callback got as webhook-id
	Stanza stanza.Stanza
	Reply  stanza.Stanza   // that was sent in answer, perhaps an error; zero if there is none
	More   []stanza.Stanza // that were sent after it, if the answer was a list
	Status int             // of the callback's answer; 0: it gave none
	Took   time.Duration   // from the first attempt to the end of the answer
	Again  bool            // it waits in the journal, and is tried again
	Err    error           // why there was no answer, or why its body can't be used, says nothing or was changed; else nil
}

// observe tells Options.Observe about an exchange.
func (c *Callback) observe(d delivery, v verdict, took time.Duration) {
	if c.o.Observe == nil {
		return
	}
	c.guard(d.stanza, func() {
		c.o.Observe(Exchange{ID: d.id, Stanza: d.stanza, Reply: v.reply, More: v.more, Status: v.status, Took: took, Again: v.kept, Err: cmp.Or(v.flaw, v.unread, v.spoilt)})
	})
}
