package config_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
)

func TestSecret_neverShown(t *testing.T) {
	c := whole(component())
	c.Components[0].Secret = "hunter2"
	c.Components[0].Credentials[0].Authorization = "Bearer hunter2"
	c.Components[0].Callback.URL = "http://u:hunter2@h"
	c.Components[0].Callback.SigningSecrets = []config.Secret{"whsec_hunter2", "hunter2"}
	c.Components[0].Callback.Headers = []config.Secret{"X-Token: hunter2"}
	c.Components[0].Callback.Authorization = "Bearer hunter2"
	secret := c.Components[0].Secret
	shown := map[string]string{}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%10.3s"} {
		for name, v := range map[string]any{"config": c, "pointer": &c, "secret": secret, "slice": []config.Secret{secret}, "map": map[string]config.Secret{"": secret}} {
			shown[verb+" of "+name] = fmt.Sprintf(verb, v)
		}
	}
	if text, err := json.Marshal(c); err != nil {
		t.Error(err)
	} else {
		shown["JSON"] = string(text)
	}
	if text, err := xml.Marshal(c.Components[0].Credentials[0].Authorization); err != nil {
		t.Error(err)
	} else {
		shown["XML"] = string(text)
	}
	if text, err := secret.MarshalText(); err != nil || len(text) == 0 {
		t.Errorf("MarshalText: %q, %v", text, err)
	} else {
		shown["MarshalText"] = string(text)
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "config", c, "secret", secret)
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "config", c, "secret", secret)
	shown["slog"] = log.String()
	shown["error"] = fmt.Sprint(fmt.Errorf("x: %v", secret))
	for how, text := range shown {
		for _, form := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
			if strings.Contains(text, form) {
				t.Errorf("%s shows the secret: %s", how, text)
			}
		}
	}
	if secret.Reveal() != "hunter2" {
		t.Errorf("Reveal: %q", secret.Reveal())
	}
	if config.Secret("").String() != "" {
		t.Error("an empty secret can't be seen to be missing")
	}
}

func TestDuration_text(t *testing.T) {
	for text, want := range map[string]string{
		"120s": "2m", "3600s": "1h", "90s": "1m30s", "1h1s": "1h0m1s", "500ms": "500ms", "0s": "0s", "10m": "10m", "-2m": "-2m",
	} {
		var d, again config.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != want {
			t.Errorf("%s: %s, %v; want %s", text, d, err, want)
		}
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Errorf("%s: printed as %s, read back as %s, %v", text, d, again, err)
		}
	}
}
