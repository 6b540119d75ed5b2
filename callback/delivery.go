package callback

import (
	"crypto/rand"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/restanza/restanza/journal"
	"github.com/restanza/restanza/stanza"
)

// delivery is a stanza on its way to the callback.
type delivery struct {
	// id is sent as webhook-id. It is the same for all attempts, and no other delivery has it, be
	// it of another component or of another process. It has no dot (Standard Webhooks 1.0).
	// That of an entry is made when it is needed.
	id     string
	stanza stanza.Stanza
	entry  *journal.Entry            // nil: it is in memory only, and posted once
	reply  func(stanza.Stanza) error // instead of Options.Reply, unless nil
}

// expired reports whether the time of a stanza in the journal is over.
func (d *delivery) expired() bool { return d.entry != nil && d.entry.Expired() }

// ids makes the ids of deliveries: those of one ids differ by their count, those of others by
// when these began, and by chance.
type ids struct {
	prefix string
	count  atomic.Uint64
}

func newIDs() *ids {
	began := strconv.FormatInt(time.Now().UnixMilli(), 36)
	return &ids{prefix: began + strings.ToLower(rand.Text()[:10]) + "-"}
}

// next returns an id of about 21 letters, digits and a hyphen. It may be called concurrently.
func (i *ids) next() string {
	var room [48]byte
	return string(strconv.AppendUint(append(room[:0], i.prefix...), i.count.Add(1), 10))
}
