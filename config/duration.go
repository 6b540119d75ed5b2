package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Duration is a time.Duration that is written as in "90s", "1m30s" or "500ms".
type Duration time.Duration

const (
	second = Duration(time.Second)
	minute = Duration(time.Minute)
	day    = 24 * 60 * minute
)

// Std returns d as package time has it.
func (d Duration) Std() time.Duration { return time.Duration(d) }

// String returns the shortest form that UnmarshalText reads back, such as "2m" or "1m30s".
func (d Duration) String() string {
	s := d.Std().String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// MarshalText implements encoding.TextMarshaler. The error is always nil.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. The error says what to write instead.
func (d *Duration) UnmarshalText(text []byte) error {
	s := string(text)
	parsed, err := time.ParseDuration(s)
	if err == nil && s != "0" { // which ParseDuration takes without a unit
		*d = Duration(parsed)
		return nil
	}
	if _, err := strconv.ParseUint(s, 10, 32); err == nil {
		return fmt.Errorf("%q is no duration; write %q", s, s+"s")
	}
	return fmt.Errorf("%q is no duration; write a number and a unit, as in \"30s\", \"2m\" or \"500ms\"", s)
}
