package main

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
)

const document = "../../docs/configuration.md"

var update = flag.Bool("update", false, "write the generated parts of docs/configuration.md")

// generated finds the parts of the document that are made from the table of settings.
var generated = regexp.MustCompile(`(?s)(<!-- begin ([a-z]+) -->\n\n)(.*?)(\n<!-- end -->)`)

// keyTable shows keys, types, defaults and meanings.
func keyTable() string {
	var b strings.Builder
	b.WriteString("| key | type | default | meaning |\n|---|---|---|---|\n")
	for _, s := range config.Settings() {
		kind, fallback := string(s.Type), ""
		if s.Default() != "" {
			fallback = "`" + s.Default() + "`"
		}
		if s.Type == config.Number {
			kind = fmt.Sprintf("number, %d to %d", s.Min, s.Max)
		}
		if s.Secret {
			kind += ", secret"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", s.Key, kind, fallback, usage(s))
	}
	return b.String()
}

// nameTable shows the flag and the variable of each key.
func nameTable() string {
	var b strings.Builder
	b.WriteString("| key | flag | variable |\n|---|---|---|\n")
	for _, s := range config.Settings() {
		fmt.Fprintf(&b, "| `%s` | `--%s` | `%s` |\n", s.Key, s.Flag, s.Env())
	}
	return b.String()
}

func TestDocument_tables(t *testing.T) {
	tables := map[string]string{"keys": keyTable(), "names": nameTable(), "codes": "```text\n" + exitCodes + "\n```\n"}
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	text := generated.ReplaceAllStringFunc(string(raw), func(part string) string {
		groups := generated.FindStringSubmatch(part)
		seen++
		return groups[1] + tables[groups[2]] + groups[4]
	})
	if seen != len(tables) {
		t.Errorf("%d generated parts, want %d", seen, len(tables))
	}
	if text == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: go test ./cmd/restanza -update", document)
	}
	if err := os.WriteFile(document, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What the document calls a flag or a variable is one, and the help has every flag
// that the document has.
func TestDocument_namesExist(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	help := call(t, "", nil, "serve", "--help").stdout
	for _, name := range regexp.MustCompile(`--[a-z][a-z-]+`).FindAllString(string(raw), -1) {
		if !strings.Contains(help, " "+name+" ") {
			t.Errorf("the document has %s, the help of serve has not", name)
		}
	}
	known := []string{config.ConfigEnv}
	for _, s := range config.Settings() {
		known = append(known, s.Env())
	}
	for _, name := range regexp.MustCompile(`RESTANZA_[A-Z_]+`).FindAllString(string(raw), -1) {
		if !slices.Contains(known, name) {
			t.Errorf("the document has %s, which is no variable", name)
		}
	}
}

// The help has every setting with its meaning and its default.
func TestHelp_everySetting(t *testing.T) {
	for _, command := range [][]string{{"serve"}, {"config", "check"}} {
		help := call(t, "", nil, append(command, "--help")...).stdout
		for _, s := range config.Settings() {
			want := usage(s)
			if s.Default() != "" && s.Default() != "false" && s.Default() != "0" { // the help takes that for granted
				want += " (default " + s.Default() + ")"
			}
			line := regexp.MustCompile(`(?m)^ +--` + s.Flag + ` ` + string(s.Type) + ` +` + regexp.QuoteMeta(want) + `$`)
			if !line.MatchString(help) {
				t.Errorf("%s: no line %s", command, line)
			}
		}
		if !strings.Contains(help, exitCodes) {
			t.Errorf("%s: no exit codes", command)
		}
	}
}

// The examples of the document are configurations without an error.
func TestDocument_examples(t *testing.T) {
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```toml\n(.*?)```").FindAllStringSubmatch(string(raw), -1)
	if len(blocks) < 2 {
		t.Fatalf("%d examples", len(blocks))
	}
	dir := t.TempDir()
	for name, text := range map[string]string{"secret": "x\n", "bridge-token": "Bearer bridge\n"} {
		if err := os.WriteFile(dir+"/"+name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i, block := range blocks {
		path := fmt.Sprintf("%s/%d.toml", dir, i)
		if err := os.WriteFile(path, []byte(block[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		call(t, "", nil, "config", "check", path).expect(t, exitOK, "ok: ", "")
	}
}
