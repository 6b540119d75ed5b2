package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/restanza/restanza/internal/client"
)

// Exit codes of the commands that speak with a gateway, beyond those of all commands.
const (
	exitRefused  = 3
	exitReturned = 4
	exitNoAnswer = 5
)

// clientExitCodes is the part of their help that explains them.
const clientExitCodes = `Exit codes:
  0  all is well
  1  the gateway can't be reached, or it failed: HTTP 5xx, a link that is down
  2  the usage or the configuration is wrong
  3  the gateway refuses the request: HTTP 4xx
  4  the recipient, or a server, returned an error
  5  no answer in time`

// report is the object that --json prints. Its members are part of the interface:
// docs/cli.md describes them.
type report struct {
	OK     bool           `json:"ok"`
	Status int            `json:"status,omitempty"`
	ID     string         `json:"id,omitempty"`
	Millis float64        `json:"milliseconds,omitempty"`
	Queued string         `json:"queued,omitempty"`
	Stanza string         `json:"stanza,omitempty"`
	Result any            `json:"result,omitempty"`
	Error  *reportedError `json:"error,omitempty"`
}

// reportedError says what went wrong.
type reportedError struct {
	Kind      string `json:"kind"`
	Code      int    `json:"exit_code"`
	Condition string `json:"condition,omitempty"`
	Type      string `json:"type,omitempty"`
	Text      string `json:"text"`
	Hint      string `json:"hint,omitempty"`
}

// reporting makes a subcommand's function one that tells what came of it: in words, or
// with --json as one object, whether it went well or not.
func reporting(f func(cmd *cobra.Command, args []string, r *report) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		r := report{}
		err := f(cmd, args, &r)
		asJSON := isJSON(cmd)
		if err == nil && !asJSON {
			return nil
		}
		code := exitOK
		if err != nil {
			code = r.fail(err)
		}
		r.OK = err == nil
		if !asJSON {
			return &failure{code: code, err: err}
		}
		if werr := printJSON(cmd.OutOrStdout(), r); werr != nil {
			return &failure{code: exitFailure, err: werr}
		}
		if err != nil {
			return &failure{code: code, err: err, told: true}
		}
		return nil
	}
}

// fail notes an error in the report and returns its exit code. What is no error of the
// gateway or from behind it is wrong usage, unless it was marked as a failure.
func (r *report) fail(err error) int {
	e, ok := errors.AsType[*client.Error](err)
	if !ok {
		code, kind := exitUsage, "usage"
		if failed, ok := errors.AsType[*failure](err); ok {
			code, kind = failed.code, "failed"
		}
		r.Error = &reportedError{Kind: kind, Code: code, Text: err.Error()}
		return code
	}
	code := exitFailure
	switch e.Kind {
	case client.Refused:
		code = exitRefused
	case client.Returned:
		code = exitReturned
	case client.NoAnswer:
		code = exitNoAnswer
	case client.Failed, client.Unreachable:
	}
	r.Status, r.Stanza = e.Status, e.XML
	r.Error = &reportedError{string(e.Kind), code, e.Condition, e.Type, e.Text, e.Hint}
	return code
}

// printJSON writes v as one line. Markup stays readable.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printXML writes XML that came from outside. Control characters that XML allows and a
// terminal obeys become character references.
func printXML(w io.Writer, xml string) error {
	var b strings.Builder
	for _, c := range strings.TrimRight(xml, " \t\r\n") {
		if unicode.IsControl(c) && c != '\t' && c != '\n' && c != '\r' {
			fmt.Fprintf(&b, "&#x%X;", c)
			continue
		}
		b.WriteRune(c)
	}
	_, err := io.WriteString(w, b.String()+"\n")
	return atOutput(err)
}

// atOutput makes an error of standard output one that is no wrong usage.
func atOutput(err error) error {
	if err == nil {
		return nil
	}
	return &failure{code: exitFailure, err: err}
}
