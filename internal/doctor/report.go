package doctor

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Name is the name of a step. The set is closed: see Names.
type Name string

// The steps. The first five concern the whole gateway, the others a component.
const (
	Configuration Name = "configuration"   // it can be read and has no errors
	SecretFiles   Name = "secret files"    // only their owner can read them
	Listener      Name = "HTTP listener"   // the address is free, or held by a running gateway
	Certificate   Name = "certificate"     // the HTTP door's: valid now, and for the right names
	Journal       Name = "journal"         // there is a place for it, which can be written and has room, or it opens
	Credentials   Name = "credentials"     // there are some, and they can't be guessed
	Callback      Name = "callback"        // it answers an OPTIONS request
	Resolution    Name = "name resolution" // of the XMPP server
	Connection    Name = "TCP connection"  // to each of the server's addresses
	Handshake     Name = "handshake"       // the server takes the component and its secret
	Ping          Name = "ping"            // the server routes a ping back, which is what confirms stanzas
	Clock         Name = "clock"           // it agrees with the server's, or the callback's
)

// Names returns the closed set of steps, in their order.
func Names() []Name {
	return []Name{
		Configuration, SecretFiles, Listener, Certificate, Journal,
		Credentials, Callback, Resolution, Connection, Handshake, Ping, Clock,
	}
}

// Status is how a step ended.
type Status string

// The statuses.
const (
	OK      Status = "ok"
	Warning Status = "warning" // it works, but may not be meant so
	Failed  Status = "failed"  // the gateway would not work like this
	Skipped Status = "skipped" // it was not tried
)

// Statuses returns the closed set of statuses.
func Statuses() []Status { return []Status{OK, Warning, Failed, Skipped} }

// Result is what a whole report says.
type Result string

// The results.
const (
	ResultOK            Result = "ok"
	ResultWarning       Result = "warning"       // nothing failed, but there are warnings
	ResultFailed        Result = "failed"        // a step failed
	ResultMisconfigured Result = "misconfigured" // the configuration is wrong, so that nothing else was tried
	ResultInterrupted   Result = "interrupted"   // it was ended before all steps were tried
)

// Results returns the closed set of results.
func Results() []Result {
	return []Result{ResultOK, ResultWarning, ResultFailed, ResultMisconfigured, ResultInterrupted}
}

// Report is all that was found, ready to be written as JSON.
type Report struct {
	Result Result `json:"result"`
	Steps  []Step `json:"steps"`
}

// Step is one thing that was tried.
type Step struct {
	Name         Name     `json:"name"`
	Component    string   `json:"component,omitempty"` // the component's domain; empty: the step concerns the whole gateway
	Status       Status   `json:"status"`
	Detail       string   `json:"detail"`       // what was found, in one line
	Try          []string `json:"try"`          // what is wrong in particular, and what to do about it; may be empty
	Milliseconds int64    `json:"milliseconds"` // that it took
}

// resultOf sums steps up.
func resultOf(steps []Step) Result {
	result := ResultOK
	for _, s := range steps {
		switch s.Status {
		case Failed:
			return ResultFailed
		case Warning:
			result = ResultWarning
		case OK, Skipped:
		}
	}
	return result
}

// finding is what a step has found.
type finding struct {
	status Status
	detail string
	try    []string
}

func ok(detail string) finding { return finding{status: OK, detail: detail} }

func skipped(why string) finding { return finding{status: Skipped, detail: why} }

func warning(detail string, try ...string) finding { return finding{Warning, detail, try} }

func failed(detail string, try ...string) finding { return finding{Failed, detail, try} }

// warningIf is a warning if there is something to try, and else all right.
func warningIf(detail string, try []string) finding {
	if len(try) > 0 {
		return warning(detail, try...)
	}
	return ok(detail)
}

// clean makes a text fit for one line of a terminal, since parts of it may come
// from whoever answers at an address.
func clean(text string) string {
	const most = 1000 // bytes
	text = strings.ToValidUTF8(text, string(utf8.RuneError))
	if len(text) > most {
		cut := most
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.In(r, unicode.Cf) || r == '\u2028' || r == '\u2029' {
			return utf8.RuneError
		}
		return r
	}, text)
}
