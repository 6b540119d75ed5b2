package config_test

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/restanza/restanza/config"
	"github.com/restanza/restanza/jid"
)

// field is one key of the structs.
type field struct {
	key string
	typ reflect.Type
}

// fields walks the structs of a Config by their TOML names.
func fields(t reflect.Type, prefix string) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		key := strings.TrimPrefix(prefix+"."+f.Tag.Get("toml"), ".")
		typ := f.Type
		if typ.Kind() == reflect.Slice && typ.Elem().Kind() == reflect.Struct {
			typ = typ.Elem()
		}
		if typ.Kind() == reflect.Struct && typ != reflect.TypeFor[jid.JID]() {
			all = append(all, fields(typ, key)...)
		} else {
			all = append(all, field{key, typ})
		}
	}
	return all
}

func keys() []string {
	var all []string
	for _, f := range fields(reflect.TypeFor[config.Config](), "") {
		all = append(all, f.key)
	}
	slices.Sort(all)
	return all
}

func TestSettings_coverEveryKey(t *testing.T) {
	var got []string
	for _, s := range config.Settings() {
		got = append(got, s.Key)
	}
	slices.Sort(got)
	if d := cmp.Diff(keys(), got); d != "" {
		t.Errorf("(-structs +table)\n%s", d)
	}
}

// Keys are the names of the fields in snake case.
func TestConfig_keysAreFieldNames(t *testing.T) {
	words := regexp.MustCompile(`([a-z])([A-Z])|(TLS|IQ|CORS|JSON|API)([A-Z])`)
	var check func(typ reflect.Type)
	check = func(typ reflect.Type) {
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := strings.ReplaceAll(f.Name, "IQs", "Iqs")
			want := strings.ToLower(words.ReplaceAllString(name, "${1}${3}_${2}${4}"))
			inner := f.Type
			if inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct {
				inner, want = inner.Elem(), strings.TrimSuffix(want, "s")
			}
			if got := f.Tag.Get("toml"); got != want {
				t.Errorf("%s.%s has key %q, want %q", typ.Name(), f.Name, got, want)
			}
			if inner.Kind() == reflect.Struct && inner != reflect.TypeFor[jid.JID]() {
				check(inner)
			}
		}
	}
	check(reflect.TypeFor[config.Config]())
}

func TestSettings_typesAndBounds(t *testing.T) {
	types := map[config.Type]reflect.Type{
		config.File: reflect.TypeFor[string](), config.Address: reflect.TypeFor[jid.JID](), config.Time: reflect.TypeFor[config.Duration](),
		config.Number: reflect.TypeFor[int](), config.TextList: reflect.TypeFor[[]string](), config.Text: reflect.TypeFor[string](), config.Boolean: reflect.TypeFor[bool](),
	}
	actual := map[string]reflect.Type{}
	for _, f := range fields(reflect.TypeFor[config.Config](), "") {
		actual[f.key] = f.typ
	}
	seen := map[string]bool{}
	for _, s := range config.Settings() {
		want := types[s.Type]
		switch {
		case s.Secret && s.Type == config.TextList:
			want = reflect.TypeFor[[]config.Secret]()
		case s.Secret:
			want = reflect.TypeFor[config.Secret]()
		}
		if actual[s.Key] != want {
			t.Errorf("%s is a %v; the table says %s, secret: %v", s.Key, actual[s.Key], s.Type, s.Secret)
		}
		if s.Type == config.Number && (s.Min < 0 || s.Max < s.Min || (s.Min == 0) != strings.Contains(s.Usage, "; 0: ")) {
			t.Errorf("%s: bounds %d to %d", s.Key, s.Min, s.Max)
		}
		if s.Type == config.TextList && !s.Secret && len(s.Values) == 0 && s.Key != "http.cors_origins" && !strings.HasPrefix(s.Key, "component.credential.") {
			t.Errorf("%s: a list without a closed set of values", s.Key)
		}
		if seen[s.Flag] || s.Flag == "" || s.Usage == "" {
			t.Errorf("%s: flag %q, usage %q", s.Key, s.Flag, s.Usage)
		}
		seen[s.Flag] = true
	}
}

func TestSetting_EnvAndDefault(t *testing.T) {
	want := map[string][2]string{
		"component":           {"RESTANZA_COMPONENT", ""},
		"callback-timeout":    {"RESTANZA_CALLBACK_TIMEOUT", "30s"},
		"callback-events":     {"RESTANZA_CALLBACK_EVENTS", "bare,full,host"},
		"max-outstanding-iqs": {"RESTANZA_MAX_OUTSTANDING_IQS", "20000"},
		"listen":              {"RESTANZA_LISTEN", "127.0.0.1:5281"},
		"secret":              {"RESTANZA_SECRET", ""},
	}
	for _, s := range config.Settings() {
		if w, ok := want[s.Flag]; ok && (s.Env() != w[0] || s.Default() != w[1]) {
			t.Errorf("%s: %s, %q; want %q", s.Flag, s.Env(), s.Default(), w)
		}
		delete(want, s.Flag)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	base := []string{"RESTANZA_COMPONENT=a.example", "RESTANZA_SECRET=x", "RESTANZA_CREDENTIALS=Bearer x", "RESTANZA_CALLBACK_URL=http://h"}
	for name, c := range map[string]struct{ text, want string }{
		"none":           {"[journal]\npath = 'none'", ""},
		"a file":         {"[journal]\npath = 'x.db'", ""},
		"no folder":      {"[journal]\npath = 'x/y.db'", "restanza.toml:2: journal.path: its folder can't be used: "},
		"a folder":       {"[journal]\npath = '.'", "restanza.toml:2: journal.path: " + dir + " is no file"},
		"too small":      {"[journal]\nmax_bytes = 5", "journal.max_bytes: 5 is out of bounds"},
		"a month":        {"[journal]\ndead_age = '720h'", ""},
		"nothing waits":  {"[component.callback]\nmax_age = '0s'", ""},
		"too old":        {"[component.callback]\nmax_age = '9000h'", "out of bounds: 1ms to 8760h"},
		"at once":        {"[component.callback]\nretry_first = '0s'", "out of bounds"},
		"the wrong way":  {"[component.callback]\nretry_first = '11m'", "11m is more than retry_max, 10m"},
		"the wrong way2": {"[component.callback]\nretry_max = '10ms'", "10ms is less than retry_first, 1s; set that too"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(c.text, "[component.", "[[component]]\n[component.", 1)
			got, _, err := config.Sources{Path: filepath.Join(dir, "restanza.toml"), Data: []byte(text), Environ: base}.Load()
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if want := filepath.Join(dir, "x.db"); name == "a file" && got.Journal.Path != want || name == "none" && got.Journal.Path != config.NoJournal {
				t.Errorf("path %s", got.Journal.Path)
			}
		})
	}
}
