package main

import (
	"fmt"
	"os"
	"os/exec"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

const cliDocument = "../../docs/cli.md"

// wholeTree returns the commands as they are when one is executed, completions included.
func wholeTree() *cobra.Command {
	root := newCommand(process{})
	root.InitDefaultCompletionCmd()
	return root
}

// commandList shows every command with its flags, as docs/cli.md has it.
func commandList() string {
	var b strings.Builder
	eachCommand(wholeTree(), func(cmd *cobra.Command) {
		fmt.Fprintf(&b, "### `%s`\n\n%s.\n\n", synopsis(cmd), cmd.Short)
		lines := flagLines(cmd)
		if len(lines) == 0 {
			return
		}
		b.WriteString("| flag | meaning |\n|---|---|\n")
		for _, f := range lines {
			name := ""
			if f[0] != "" {
				name = "`" + f[0] + "`"
			}
			fmt.Fprintf(&b, "| %s | %s |\n", name, f[1])
		}
		b.WriteString("\n")
	})
	return strings.ReplaceAll(b.String(), "..\n", ".\n")
}

// The document has each command, flag and default, and no other: that part is written
// from the commands.
func TestCLIDocument_commands(t *testing.T) {
	parts := map[string]string{"codes": "```text\n" + clientExitCodes + "\n```\n", "commands": commandList()}
	raw, err := os.ReadFile(cliDocument)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	text := generated.ReplaceAllStringFunc(string(raw), func(part string) string {
		groups := generated.FindStringSubmatch(part)
		seen++
		return groups[1] + parts[groups[2]] + groups[4]
	})
	if seen != len(parts) {
		t.Errorf("%d generated parts, want %d", seen, len(parts))
	}
	if text == string(raw) {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date: go test ./cmd/restanza -update", cliDocument)
	}
	if err := os.WriteFile(cliDocument, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// What the document calls a flag or a variable is one.
func TestCLIDocument_namesExist(t *testing.T) {
	raw, err := os.ReadFile(cliDocument)
	if err != nil {
		t.Fatal(err)
	}
	commands := commandList()
	for _, name := range regexp.MustCompile("`--[a-z][a-z-]+").FindAllString(string(raw), -1) {
		if !strings.Contains(commands, "| "+name) {
			t.Errorf("the document has %s, which no command has", name)
		}
	}
	for _, name := range regexp.MustCompile(`RESTANZA_[A-Z_]+`).FindAllString(string(raw), -1) {
		if name != urlVariable && name != credentialsVariable && name != adminVariable {
			t.Errorf("the document has %s, which is no variable of the client's", name)
		}
	}
}

// The document has every member of what --json prints.
func TestCLIDocument_members(t *testing.T) {
	raw, err := os.ReadFile(cliDocument)
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range []struct {
		prefix string
		of     any
	}{{"", report{}}, {"error.", reportedError{}}, {"", client.Result{}}, {"", client.Identity{}}, {"", client.Item{}}, {"", build{}}} {
		of := reflect.TypeOf(object.of)
		for i := range of.NumField() {
			member, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ",")
			if member != "error" && !strings.Contains(string(raw), "`"+object.prefix+member+"`") {
				t.Errorf("the document has no member %s%s", object.prefix, member)
			}
		}
	}
}

// The page has every command, flag and exit code, and troff has nothing to complain of.
func TestMan_everyCommand(t *testing.T) {
	page := call(t, "", nil, "man")
	page.expect(t, exitOK, ".TH RESTANZA 1", "")
	eachCommand(wholeTree(), func(cmd *cobra.Command) {
		if cmd.HasParent() && !strings.Contains(page.stdout, ".SS "+roffArgument(synopsis(cmd))+"\n") {
			t.Errorf("no section %s", synopsis(cmd))
		}
		for _, f := range flagLines(cmd) {
			if f[0] != "" && !strings.Contains(page.stdout, ".B "+roff(f[0])+"\n"+roff(f[1])+"\n") {
				t.Errorf("%s: no %s", cmd.CommandPath(), f[0])
			}
		}
	})
	for line := range strings.Lines(clientExitCodes) {
		if !strings.Contains(page.stdout, roff(strings.TrimSuffix(line, "\n"))) {
			t.Errorf("no %s", line)
		}
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Log("groff is not here to read the page")
		return
	}
	cmd := exec.CommandContext(t.Context(), groff, "-man", "-Tutf8", "-ww")
	cmd.Stdin = strings.NewReader(page.stdout)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Run(); err != nil || complaints.Len() > 0 {
		t.Errorf("groff: %v\n%s", err, complaints.String())
	}
}

func TestRoff_escapes(t *testing.T) {
	for line, want := range map[string]string{
		".TH x": `\&.TH x`, `a\b`: `a\eb`, "--url": `\-\-url`, "'quoted'": `\(aqquoted\(aq`, "~/.config": `\(ti/.config`,
	} {
		if got := roff(line); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}
