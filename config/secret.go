package config

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that is used but never shown: a password, a credential, a URL that may
// hold one. It prints as a placeholder in fmt (whatever the verb), JSON, XML and slog; an
// empty one prints as nothing, so that it can be seen to be missing.
//
// Two things can't be helped. Package fmt does not call the methods of a value in an
// unexported field, so keep Secrets out of those. And go-toml up to 2.4.3 passes over MarshalText
// of types that are strings (its pull request 1114), so don't write a Config as TOML.
type Secret string

// placeholder stands for a secret wherever one would be printed.
const placeholder = "[hidden]"

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// String returns a placeholder, or nothing if the secret is empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return placeholder
}

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return fmt.Sprintf("config.Secret(%q)", s.String()) }

// Format implements fmt.Formatter: every verb prints the placeholder.
func (s Secret) Format(f fmt.State, verb rune) {
	text := s.String()
	if verb == 'v' && f.Flag('#') {
		text = s.GoString()
	}
	_, _ = io.WriteString(f, text) // fmt takes note of errors itself
}

// MarshalText implements encoding.TextMarshaler. The error is always nil.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON implements json.Marshaler.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
