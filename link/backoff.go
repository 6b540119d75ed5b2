package link

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/restanza/restanza/stream"
)

const (
	firstDelay  = 100 * time.Millisecond
	maxDelay    = time.Minute
	slowDelay   = 30 * time.Second // the least delay where only a person can help; the most is maxDelay
	blamedDelay = time.Second      // the most while it is being found out which stanza ends the stream
	settled     = 10 * time.Second // time up after which a link counts as working
	grace       = time.Minute      // after a working link broke, in which a refusal may be the server's confusion
	graceTries  = 6                // quick attempts within the grace
)

// backoff says how long to wait before the next attempt to connect.
type backoff struct {
	failures  int       // since the link last worked for a while
	refusals  int       // quick attempts made in the grace
	malformed int       // streams in a row that ended for content which was not ours
	worked    time.Time // when the last connection that was up ended
}

// attempt is how an attempt to connect, or the connection that it made, ended.
type attempt struct {
	err    error
	up     time.Duration // how long stanzas flowed; 0: the connection was not made
	resend int           // stanzas that are to be written again
	blamed bool          // the end was laid to a stanza of ours, or to one of several
}

// next returns the delay before the next attempt: exponential with jitter, or
// long if the server refuses us for a reason that only a person can remove.
func (b *backoff) next(a attempt, now time.Time) time.Duration {
	slow := b.needsPerson(a, now)
	if a.up > 0 {
		b.worked = now
	}
	if a.up >= settled {
		b.failures, b.refusals = 0, 0
	}
	if slow {
		return slowDelay + rand.N(maxDelay-slowDelay) //nolint:gosec // jitter is no secret
	}
	delay := maxDelay
	if b.failures < 10 { // 100 ms << 10 is over a minute
		delay = min(maxDelay, firstDelay<<b.failures)
	}
	b.failures++
	if a.blamed {
		delay = min(delay, blamedDelay) // the stanza is found in a few attempts; the others wait
	}
	return delay/2 + rand.N(delay/2) //nolint:gosec // jitter is no secret
}

// needsPerson reports whether a quick attempt would be in vain.
func (b *backoff) needsPerson(a attempt, now time.Time) bool {
	condition := conditionOf(a.err)
	if a.up > 0 && contentCauses(condition) {
		if a.blamed {
			b.malformed = 0
			return false
		}
		b.malformed++
		return b.malformed > 1
	}
	b.malformed = 0
	switch condition {
	case stream.Conflict, stream.NotAuthorized, stream.HostUnknown, stream.InvalidNamespace:
		if a.up > 0 {
			return true // the server ended a working connection on purpose
		}
		// Soon after a connection broke, the server may not have noticed, or may
		// have restarted and not be ready.
		if now.Sub(b.worked) < grace && b.refusals < graceTries {
			b.refusals++
			return false
		}
		return true
	}
	return false
}

// conditionOf returns the condition of the stream error in err's chain, or
// nothing.
func conditionOf(err error) stream.Condition {
	if e, ok := errors.AsType[*stream.Error](err); ok {
		return e.Condition
	}
	return ""
}

// contentCauses reports whether a server ends a stream with this condition for
// something that stood in a stanza.
func contentCauses(c stream.Condition) bool {
	switch c {
	case stream.BadFormat, stream.BadNamespacePrefix, stream.ImproperAddressing, stream.InternalServerError,
		stream.InvalidFrom, stream.InvalidNamespace, stream.InvalidXML, stream.NotWellFormed,
		stream.PolicyViolation, stream.RestrictedXML, stream.UndefinedCondition, stream.UnsupportedEncoding,
		stream.UnsupportedStanzaType:
		return true
	}
	return false
}
