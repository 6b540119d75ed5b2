package httpd

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/jid"
)

func TestCredentials_values(t *testing.T) {
	long := "Bearer " + strings.Repeat("x", 3000)
	s := newTestServer(t, newFake(), func(o *Options) {
		o.Credentials = append(o.Credentials, Credential{Authorization: long, Component: newFake()})
	})
	tests := []struct {
		name   string
		values []string
		want   int
	}{
		{"right", []string{testSecret}, http.StatusAccepted},
		{"scheme in lower case", []string{strings.Replace(testSecret, "Bearer", "bearer", 1)}, http.StatusAccepted},
		{"several blanks", []string{strings.Replace(testSecret, " ", "   ", 1)}, http.StatusAccepted},
		{"long", []string{long}, http.StatusAccepted},
		{"none", nil, http.StatusUnauthorized},
		{"empty", []string{""}, http.StatusForbidden},
		{"scheme only", []string{"Bearer"}, http.StatusForbidden},
		{"scheme and blank", []string{"Bearer "}, http.StatusForbidden},
		{"token in another case", []string{strings.ToUpper(testSecret)}, http.StatusForbidden},
		{"token cut short", []string{testSecret[:len(testSecret)-1]}, http.StatusForbidden},
		{"token and more", []string{testSecret + "x"}, http.StatusForbidden},
		{"another scheme", []string{strings.Replace(testSecret, "Bearer", "Basic", 1)}, http.StatusForbidden},
		{"unknown scheme", []string{"Digest x"}, http.StatusForbidden},
		{"two headers", []string{testSecret, testSecret}, http.StatusBadRequest},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newPost(message)
			delete(r.Header, "Authorization")
			if tt.values != nil {
				r.Header["Authorization"] = tt.values
			}
			w := do(s, r)
			if w.Code != tt.want {
				t.Errorf("got %d, want %d", w.Code, tt.want)
			}
			if challenged := w.Header()["Www-Authenticate"] != nil; challenged != (tt.want == http.StatusUnauthorized) {
				t.Errorf("challenge: %v", w.Header())
			}
		})
	}
}

func TestCredentials_challenges(t *testing.T) {
	other := newFake()
	other.domain = jid.MustParse("other.example.net")
	tests := []struct {
		name        string
		credentials []Credential
		realm       string
		want        []string
	}{
		{
			"one",
			[]Credential{{Authorization: "Bearer a", Component: newFake()}},
			"",
			[]string{`Bearer realm="rest.example.net/rest"`},
		},
		{
			"one for each scheme",
			[]Credential{
				{Authorization: "Bearer a", Component: newFake()},
				{Authorization: "bearer b", Component: newFake()},
				{Authorization: "Basic c", Component: newFake()},
			},
			"",
			[]string{`Bearer realm="rest.example.net/rest"`, `Basic realm="rest.example.net/rest", charset="UTF-8"`},
		},
		{
			"two domains",
			[]Credential{
				{Authorization: "Bearer a", Component: newFake()},
				{Authorization: "Bearer b", Component: other},
				{Authorization: "Bearer c", Component: newFake()},
			},
			"",
			[]string{`Bearer realm="restanza"`},
		},
		{
			"named",
			[]Credential{{Authorization: "Bearer a", Component: newFake()}},
			`the "gate"`,
			[]string{`Bearer realm="the \"gate\""`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newTestServer(t, nil, func(o *Options) { o.Credentials, o.Realm = tt.credentials, tt.realm })
			r := newPost(message)
			r.Header.Del("Authorization")
			w := do(s, r)
			if diff := cmp.Diff(tt.want, w.Header()["Www-Authenticate"]); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestNew_refusesCredentials(t *testing.T) {
	const secret = "s3cret"
	tests := []struct {
		name        string
		credentials []Credential
		want        string
	}{
		{"none", nil, "no credentials"},
		{"no scheme", []Credential{{Authorization: secret, Component: newFake()}}, "a scheme, a blank"},
		{"empty", []Credential{{Component: newFake()}}, "a scheme, a blank"},
		{"line feed", []Credential{{Authorization: "Bearer " + secret + "\n", Component: newFake()}}, "a scheme, a blank"},
		{"no component", []Credential{{Authorization: "Bearer " + secret}}, "no component"},
		{"foreign identity", []Credential{{Authorization: "Bearer " + secret, Component: newFake(), Identity: jid.MustParse("a@b.example")}}, "no address of"},
		{"twice", []Credential{
			{Authorization: "Bearer " + secret, Component: newFake()},
			{Authorization: "bearer  " + secret, Component: newFake()},
		}, "credential 2: the same"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := New(Options{Credentials: tt.credentials})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestCredentials_neverShown(t *testing.T) {
	c := Credential{Authorization: testSecret, Component: newFake(), Identity: jid.MustParse(testDomain)}
	logger, log := logTo()
	logger.Info("a credential", slog.Any("credential", c), slog.Any("list", []Credential{c}))

	s := newTestServer(t, newFake(), func(o *Options) { o.Logger = logger })
	r := newPost(message)
	do(s, r)
	r = newPost(message)
	r.Header.Set("Authorization", testSecret+"x")
	answer := do(s, r).Body.String()

	token := strings.TrimPrefix(testSecret, "Bearer ")
	for _, shown := range []string{fmt.Sprintf("%v %+v %#v %s %q", c, c, c, c, []Credential{c}), log.String(), answer} {
		if strings.Contains(shown, token) {
			t.Errorf("the secret is shown in %s", shown)
		}
	}
	if !strings.Contains(log.String(), "http request") {
		t.Error("nothing was logged: the test says nothing")
	}
}
