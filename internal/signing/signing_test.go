package signing_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/signing"
)

// The vector of the standard's own libraries.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	id        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var at = time.Unix(1614265330, 0)

func parse(t testing.TB, text string) signing.Key {
	t.Helper()
	key, err := signing.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// encode writes n bytes as a secret.
func encode(n int) string {
	return signing.Prefix + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", n)))
}

func TestSign_vector(t *testing.T) {
	key := parse(t, secret)
	if got := signing.NewSigner([]signing.Key{key}).Sign(id, at, []byte(body)); got != signature {
		t.Errorf("%s, want %s", got, signature)
	}
}

// byHand is HMAC-SHA256 as RFC 2104 §2 writes it down.
func byHand(key, text []byte) []byte {
	if len(key) > 64 {
		sum := sha256.Sum256(key)
		key = sum[:]
	}
	inner, outer := make([]byte, 64), make([]byte, 64)
	for i := range 64 {
		var k byte
		if i < len(key) {
			k = key[i]
		}
		inner[i], outer[i] = k^0x36, k^0x5c
	}
	sum := sha256.Sum256(slices.Concat(inner, text))
	sum = sha256.Sum256(slices.Concat(outer, sum[:]))
	return sum[:]
}

// Signatures with several keys, under load, against another implementation.
func TestSign_severalKeys(t *testing.T) {
	var keys []signing.Key
	var raw [][]byte
	for _, n := range []int{24, 32, 63, 64} {
		keys = append(keys, parse(t, encode(n)))
		raw = append(raw, []byte(strings.Repeat("x", n)))
	}
	signer := signing.NewSigner(keys)
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			for i := range 200 {
				id, body := fmt.Sprintf("m-%d-%d", worker, i), strings.Repeat("é", i*7)
				want := make([]string, len(raw))
				for k, key := range raw {
					text := id + "." + strconv.FormatInt(at.Unix()+int64(i), 10) + "." + body
					want[k] = "v1," + base64.StdEncoding.EncodeToString(byHand(key, []byte(text)))
				}
				if got := signer.Sign(id, at.Add(time.Duration(i)*time.Second), []byte(body)); got != strings.Join(want, " ") {
					t.Errorf("%s: %s, want %s", id, got, want)
				}
			}
		})
	}
	all.Wait()
}

func TestNewSigner_none(t *testing.T) {
	if signing.NewSigner(nil) != nil {
		t.Error("a signer without keys")
	}
}

func TestParse_refused(t *testing.T) {
	const hidden = "TWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJM" // 27 bytes
	for text, want := range map[string]string{
		"":                                     "begins with whsec_",
		hidden:                                 "begins with whsec_",
		"whsk_" + hidden:                       "begins with whsec_",
		"WHSEC_" + hidden:                      "begins with whsec_",
		" whsec_" + hidden:                     "begins with whsec_",
		"whsec_" + hidden + "!":                "base64",
		"whsec_" + hidden + "AA":               "base64", // without ==
		"whsec_" + hidden + "AB==":             "base64", // bits that count for nothing
		"whsec_" + hidden + "\n":               "base64",
		"whsec_-_" + hidden:                    "base64",
		"whsec_":                               "this one has 0",
		encode(23):                             "24 to 64 bytes before base64; this one has 23",
		encode(65):                             "24 to 64 bytes before base64; this one has 65",
		"whsec_" + hidden + " whsec_" + hidden: "base64",
	} {
		_, err := signing.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), hidden[:8]) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	parse(t, encode(24))
	parse(t, encode(64))
}

func TestGenerate(t *testing.T) {
	a, b := signing.Generate(), signing.Generate()
	parse(t, a)
	parse(t, b)
	if a == b {
		t.Errorf("twice %s", a)
	}
}

func TestKey_neverShown(t *testing.T) {
	key := parse(t, encode(32))
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "key", key)
	text, err := json.Marshal(key)
	if err != nil {
		t.Error(err)
	}
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q %x %d", key, key, key, key, key, key, key), fmt.Sprint([]signing.Key{key}), log.String(), string(text)} {
		if strings.Contains(shown, "xxxx") || strings.Contains(shown, "7878") || strings.Contains(shown, "eHh4") {
			t.Errorf("shown: %s", shown)
		}
	}
}

func BenchmarkSign(b *testing.B) {
	stanza := []byte(strings.Repeat("x", 300))
	for _, n := range []int{1, 2} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			signer := signing.NewSigner([]signing.Key{parse(b, encode(32)), parse(b, encode(33))}[:n])
			b.ReportAllocs()
			for b.Loop() {
				signer.Sign(id, at, stanza)
			}
		})
	}
}
