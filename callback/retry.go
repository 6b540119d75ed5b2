package callback

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// jitter is by how much, up or down, a delay differs from what it should be, so that those who wait do not come together.
const jitter = 0.2

// delayAfter returns how long to wait after that many failures, at least one.
func (o *Options) delayAfter(failures int) time.Duration {
	delay := o.RetryFirst
	for range failures - 1 {
		if delay >= o.RetryMax {
			break
		}
		delay *= 2
	}
	delay = min(delay, o.RetryMax)
	return time.Duration(float64(delay) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // jitter needs no secrecy
}

// longestAfter is what seconds without end mean.
const longestAfter = math.MaxInt32 * time.Second

// retryAfter reads when an answer asks to be tried again (RFC 9110 §10.2.3): after seconds, however many, or at a time.
func retryAfter(header http.Header, now time.Time) (at time.Time, ok bool) {
	text := strings.TrimSpace(header.Get("Retry-After"))
	if text == "" {
		return time.Time{}, false
	}
	switch seconds, err := strconv.ParseUint(text, 10, 31); {
	case err == nil:
		return now.Add(time.Duration(seconds) * time.Second), true
	case errors.Is(err, strconv.ErrRange):
		return now.Add(longestAfter), true
	}
	at, err := http.ParseTime(text)
	return at, err == nil
}
