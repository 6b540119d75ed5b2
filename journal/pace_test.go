package journal

import (
	"testing"
	"time"
)

// The writer waits so long that with a commit like the last ones an entry is on disk in time, and does not hurry where
// that can't be had.
func TestPace(t *testing.T) {
	const linger = 10 * time.Millisecond
	ms := func(n float64) time.Duration { return time.Duration(n * float64(time.Millisecond)) }
	tests := []struct {
		name    string
		commits []time.Duration
		age     time.Duration
		want    time.Duration
	}{
		{"at first", nil, 0, linger},
		{"after a commit", []time.Duration{ms(1)}, 0, ms(9)},
		{"came during the last one", []time.Duration{ms(4)}, ms(3), ms(3)},
		{"a slow disk", []time.Duration{ms(12)}, 0, ms(2.5)},
		{"a slow disk, and it is late already", []time.Duration{ms(12)}, ms(11), 0},
		{"a slow one counts for a while", []time.Duration{ms(8), ms(1)}, 0, ms(4)},
		{"and not for ever", []time.Duration{ms(8), ms(1), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, 0, ms(9.8)},
		{"came before all", nil, -time.Hour, linger},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var p pace
			for _, took := range tt.commits {
				p.note(took)
			}
			if got := p.company(linger, tt.age); got.Round(ms(.1)) != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}
