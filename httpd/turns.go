package httpd

import (
	"context"
	"runtime"
)

// largeBody is the size in bytes from which on bodies are decoded a few at a time. A body
// of that size can become some megabytes while it is decoded.
const largeBody = 16 << 10

// turns bounds how many large bodies are decoded at once, and so what that takes in memory.
// It is work for processors: more at once than there are would not be done sooner.
type turns chan struct{}

func newTurns() turns { return make(turns, 2*runtime.GOMAXPROCS(0)) }

// take waits for a turn. The error is the cause of ctx's end.
func (t turns) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turns) giveBack() { <-t }
