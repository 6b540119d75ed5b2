package devhost

import (
	"sync"
	"time"

	"github.com/restanza/restanza/jid"
)

// Limits of failed logins.
const (
	freeTries  = 3                      // that are answered at once
	tryDelay   = 500 * time.Millisecond // of the answer to the next one; twice as long for each further one
	maxDelays  = 8                      // times tryDelay: the longest delay
	forgetting = 5 * time.Minute        // without a failure, after which all is forgotten
	maxTriers  = 1000                   // that are remembered
)

// throttle slows down who tries passwords. It remembers failures by network
// address and account, whether there is such an account or not.
type throttle struct {
	delay time.Duration // the first one, tryDelay but in tests

	mu     sync.Mutex
	triers map[trier]*failures
}

type trier struct {
	peer    string
	account jid.JID
}

type failures struct {
	count int
	last  time.Time
}

// failed notes a failed login and returns how long its answer is to wait.
func (t *throttle) failed(peer string, account jid.JID, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.triers == nil {
		t.triers = map[trier]*failures{}
	}
	who := trier{peer, account}
	f := t.triers[who]
	if f == nil {
		if len(t.triers) >= maxTriers {
			t.makeRoom(now)
		}
		f = &failures{}
		t.triers[who] = f
	}
	if now.Sub(f.last) > forgetting {
		f.count = 0
	}
	f.count++
	f.last = now
	if f.count <= freeTries {
		return 0
	}
	return t.delay * time.Duration(min(maxDelays, 1<<min(f.count-freeTries-1, 10)))
}

// makeRoom forgets who has not failed for long, and the oldest in any case.
func (t *throttle) makeRoom(now time.Time) {
	var oldest trier
	var since time.Time
	for who, f := range t.triers {
		if now.Sub(f.last) > forgetting {
			delete(t.triers, who)
		} else if since.IsZero() || f.last.Before(since) {
			oldest, since = who, f.last
		}
	}
	if len(t.triers) >= maxTriers {
		delete(t.triers, oldest)
	}
}

// succeeded forgets the failures.
func (t *throttle) succeeded(peer string, account jid.JID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.triers, trier{peer, account})
}
