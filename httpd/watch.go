package httpd

import (
	"context"
	"log/slog"
	"time"
)

const (
	// watchEvery is how often it is looked whether the time of a credential is over that somebody reads
	// with. The clock may be set at any time, so that no timer would do.
	watchEvery = time.Second / 2
	// noteUseEvery is how often it is written down which tokens were used.
	noteUseEvery = time.Minute
	// noteUseTime is how long that may take.
	noteUseTime = 10 * time.Second
)

// watch does what is due because time goes by, until ctx ends.
func (s *Server) watch(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	noted := time.Now()
	for {
		select {
		case <-ctx.Done():
			s.noteUse(context.WithoutCancel(ctx))
			return
		case <-tick.C:
		}
		s.readings.expire(s.now())
		if time.Since(noted) >= noteUseEvery {
			noted = time.Now()
			s.noteUse(ctx)
		}
	}
}

// noteUse writes down which tokens were used. What can't be written now is written later.
func (s *Server) noteUse(ctx context.Context) {
	if s.keys.tokens == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, noteUseTime)
	defer cancel()
	if err := s.keys.tokens.noteUse(ctx); err != nil {
		s.log.Debug("use of tokens not noted", slog.Any("error", err))
	}
}
