package jsonmap

import (
	"math"
	"strconv"
	"strings"
)

// readNumber reads a text as mod_rest does: a decimal number, with blanks around it
// and as hexadecimal too. It returns the number as JSON writes it, empty if it is
// none, and whether that is the text itself.
func readNumber(s string) (literal string, same bool) {
	if isInteger(s) {
		if _, err := strconv.ParseInt(s, 10, 64); err == nil {
			return s, s != "-0"
		}
	}
	trimmed := strings.Trim(s, " \t\r\n")
	if digits, ok := cutHex(trimmed); ok {
		n, err := strconv.ParseUint(digits, 16, 63)
		if err != nil {
			return "", false
		}
		return strconv.FormatUint(n, 10), false
	}
	if !isDecimal(trimmed) {
		return "", false
	}
	if n, err := strconv.ParseInt(trimmed, 10, 64); err == nil {
		return strconv.FormatInt(n, 10), false
	}
	x, err := strconv.ParseFloat(trimmed, 64)
	if err != nil || math.IsInf(x, 0) || math.IsNaN(x) {
		return "", false
	}
	if isJSONNumber(s) {
		return s, true // 7.0 stays 7.0
	}
	return strconv.FormatFloat(x, 'g', -1, 64), false
}

// isInteger reports whether s is an integer in its one canonical form.
func isInteger(s string) bool {
	digits := strings.TrimPrefix(s, "-")
	if digits == "" || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return true
}

func cutHex(s string) (digits string, ok bool) {
	if digits, ok = strings.CutPrefix(s, "0x"); !ok {
		digits, ok = strings.CutPrefix(s, "0X")
	}
	return digits, ok && !strings.ContainsAny(digits, "_+-")
}

// isDecimal reports whether s has only what decimal numbers consist of:
// strconv.ParseFloat takes more.
func isDecimal(s string) bool {
	return s != "" && strings.Trim(s, "0123456789+-.eE") == "" && strings.ContainsAny(s, "0123456789")
}

// isJSONNumber reports whether s, which strconv.ParseFloat takes, is a number in
// JSON's grammar (RFC 8259 §6).
func isJSONNumber(s string) bool {
	rest := strings.TrimPrefix(s, "-")
	whole := strings.TrimLeft(rest, "0123456789")
	digits := rest[:len(rest)-len(whole)]
	if digits == "" || digits[0] == '0' && len(digits) > 1 {
		return false
	}
	if fraction, ok := strings.CutPrefix(whole, "."); ok {
		after := strings.TrimLeft(fraction, "0123456789")
		if len(after) == len(fraction) {
			return false
		}
		whole = after
	}
	if whole == "" {
		return true
	}
	if whole[0] != 'e' && whole[0] != 'E' {
		return false
	}
	exponent := whole[1:]
	if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
		exponent = exponent[1:]
	}
	return exponent != "" && strings.Trim(exponent, "0123456789") == ""
}

func within(literal string, low, high int64) bool {
	n, err := strconv.ParseInt(literal, 10, 64)
	return err == nil && low <= n && n <= high
}

// readBoolean reads the value of an attribute. Anything that is not clearly false is
// true. Same tells whether the value is the one that is written for it.
func readBoolean(s string, words bool) (literal string, same bool) {
	switch s {
	case "true", "1":
		return "true", words == (s == "true")
	case "false", "0":
		return "false", words == (s == "false")
	}
	return "true", false
}

// integer makes the text of a number that must be whole; ok is false if it is not,
// or does not fit in 64 bits.
func integer(literal string) (s string, ok bool) {
	if _, err := strconv.ParseInt(literal, 10, 64); err == nil {
		return strings.TrimPrefix(literal, "+"), true
	}
	const exact = 1 << 53 // up to which floating-point numbers tell whole numbers apart
	x, err := strconv.ParseFloat(literal, 64)
	if err != nil || x != math.Trunc(x) || math.Abs(x) > exact {
		return "", false
	}
	return strconv.FormatInt(int64(x), 10), true
}
