package config_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"github.com/restanza/restanza/config"
)

// Parse never panics, each of its errors names a line that is there, and what it accepts the
// library decodes to the same values.
func FuzzParse(f *testing.F) {
	f.Add([]byte(config.Example()))
	f.Add([]byte(withDefaults()))
	f.Add([]byte(minimal))
	for _, test := range wrongFiles {
		f.Add([]byte(test.text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := config.Parse("f", data)
		if err != nil {
			checkLines(t, err, 1+bytes.Count(data, []byte("\n")))
			return
		}
		var want config.Config
		d := toml.NewDecoder(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff")))).DisallowUnknownFields()
		if err := d.Decode(&want); err != nil {
			t.Fatalf("the library refuses it: %v", err)
		}
		compareSet(t, reflect.ValueOf(want), reflect.ValueOf(got), "")
	})
}

func checkLines(t *testing.T, err error, lines int) {
	t.Helper()
	all, ok := errors.AsType[config.Errors](err)
	if !ok || len(all) == 0 {
		t.Fatalf("%T: %v", err, err)
	}
	for _, e := range all {
		if e.Line < 1 || e.Line > lines || e.Reason == "" || !strings.HasPrefix(e.Error(), "f:") {
			t.Errorf("%#v in a file of %d lines: %v", e, lines, e)
		}
	}
}

// compareSet compares what the library has set; the rest are our defaults.
func compareSet(t *testing.T, want, got reflect.Value, path string) {
	t.Helper()
	switch {
	case want.IsZero():
	case want.Kind() == reflect.Struct && want.Type().PkgPath() == reflect.TypeFor[config.Config]().PkgPath():
		for i := range want.NumField() {
			compareSet(t, want.Field(i), got.Field(i), path+"."+want.Type().Field(i).Name)
		}
	case want.Kind() == reflect.Slice && want.Len() == got.Len():
		for i := range want.Len() {
			compareSet(t, want.Index(i), got.Index(i), path+"[]")
		}
	default:
		if !reflect.DeepEqual(want.Interface(), got.Interface()) {
			t.Errorf("%s: %v, the library has %v", path, got, want)
		}
	}
}
