package access

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// MaxRate is the largest count of a rate and of a burst.
	MaxRate = 1_000_000
	// longestFill bounds how long a burst may take to come back, so that sums of times don't overflow.
	longestFill = 365 * 24 * time.Hour
)

// Rate is how often something may happen: Count times in each Per, and Burst times at once. The
// zero value means that there is no bound.
type Rate struct {
	Count int
	Per   time.Duration // a second, a minute or an hour
	Burst int
}

// rateUnits are the words for times, in the order of their length.
var rateUnits = []struct {
	word string
	per  time.Duration
}{{"s", time.Second}, {"m", time.Minute}, {"h", time.Hour}}

// ParseRate reads a rate, such as 5/s, 60/m or 1000/h. The burst is the count.
func ParseRate(s string) (Rate, error) {
	count, word, _ := strings.Cut(s, "/")
	for _, u := range rateUnits {
		if n, ok := number(count); ok && word == u.word && n > 0 && n <= MaxRate {
			return Rate{Count: n, Per: u.per, Burst: n}, nil
		}
	}
	return Rate{}, fmt.Errorf("%.40q is no rate; write a number up to %d, a slash, and s, m or h, as in 60/m", s, MaxRate)
}

// number reads a number in plain digits.
func number(s string) (int, bool) {
	if strings.Trim(s, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(s)
	return n, err == nil
}

// String returns the rate as ParseRate reads it, without its burst; empty for the zero value.
func (r Rate) String() string {
	for _, u := range rateUnits {
		if u.per == r.Per {
			return strconv.Itoa(r.Count) + "/" + u.word
		}
	}
	return ""
}

// withBurst sets the burst.
func (r Rate) withBurst(n int) (Rate, error) {
	if n < 1 || n > MaxRate {
		return r, fmt.Errorf("%d is no burst; write a number from 1 to %d", n, MaxRate)
	}
	if most := longestFill / r.interval(); time.Duration(n) > most {
		return r, fmt.Errorf("%d would take more than a year to come back at %s; write at most %d", n, r, most)
	}
	r.Burst = n
	return r, nil
}

// interval is the time for which one of them counts.
func (r Rate) interval() time.Duration { return r.Per / time.Duration(r.Count) }

// Bucket counts what happens at a Rate: it holds Burst tokens at first, each event takes
// one, and they come back steadily. It is as the generic cell rate algorithm has it, in one
// word: until when it would take to be full again. Its methods may be called concurrently.
type Bucket struct {
	rate  Rate
	began time.Time // with a monotonic reading, so that a clock that is set does not matter
	full  atomic.Int64
}

// NewBucket returns a full Bucket. The rate is not zero.
func NewBucket(r Rate) *Bucket { return &Bucket{rate: r, began: time.Now()} }

// Level is what is in a Bucket.
type Level struct {
	Left  int           // whole tokens
	Full  time.Duration // until it is full
	Retry time.Duration // until there is a token; 0: there is one
}

// Take takes a token, if there is one: then it is there no more, and ok is true.
func (b *Bucket) Take() (l Level, ok bool) {
	interval, room := int64(b.rate.interval()), int64(b.rate.interval())*int64(b.rate.Burst)
	for {
		now, full := int64(time.Since(b.began)), b.full.Load()
		next := max(full, now) + interval
		if over := next - now - room; over > 0 {
			return Level{Full: time.Duration(full - now), Retry: time.Duration(over)}, false
		}
		if b.full.CompareAndSwap(full, next) {
			return Level{Left: int((room - (next - now)) / interval), Full: time.Duration(next - now)}, true
		}
	}
}

// Policy returns the value of the header field RateLimit-Policy
// (draft-ietf-httpapi-ratelimit-headers-10 §3).
func (r Rate) Policy() string {
	return fmt.Sprintf("%q;q=%d;w=%d", PolicyName, r.Count, int(r.Per/time.Second))
}

// PolicyName is what the rate is called in header fields and in the refusal.
const PolicyName = "credential"

// Header returns the value of the header field RateLimit (§4 there).
func (l Level) Header() string {
	b := make([]byte, 0, len(PolicyName)+32)
	b = append(append(append(b, '"'), PolicyName...), `";r=`...)
	b = strconv.AppendInt(b, int64(l.Left), 10)
	b = append(b, ";t="...)
	return string(strconv.AppendInt(b, int64(math.Ceil(l.Full.Seconds())), 10))
}
