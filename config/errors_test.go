package config_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/restanza/restanza/config"
)

// in returns minimal with lines added to its component, whose table begins in line 2.
func in(lines string) string {
	return strings.Replace(minimal, "secret = \"s3cret\"\n", "secret = \"s3cret\"\n"+lines+"\n", 1)
}

// Added lines begin in line 5.
var wrongFiles = map[string]struct{ text, want string }{
	// Syntax.
	"no TOML":         {"a = \nb", `restanza.toml:1:5: unexpected character U+000A at start of value`},
	"duplicate key":   {in("domain = \"b\""), `restanza.toml:5:1: key domain is already defined`},
	"unquoted secret": {in("secret_file = hunter2"), `restanza.toml:5:15: unexpected character U+0068 'h' at start of value`},
	"not UTF-8":       {"#\xff", `restanza.toml:1:2: invalid UTF-8 character in comment`},

	// Keys.
	"unknown key":           {in("srever = \"h\""), `restanza.toml:5:1: component.srever: unknown key; did you mean server?`},
	"hyphen":                {in("iq-timeout = \"1s\""), `restanza.toml:5:1: component.iq-timeout: unknown key; did you mean iq_timeout?`},
	"key of another table":  {"  listen = \":1\"\n" + minimal, `restanza.toml:1:3: listen: unknown key; did you mean http.listen?`},
	"unknown without guess": {"colour = 1\n" + minimal, `restanza.toml:1:1: colour: unknown key`},
	"unknown table":         {minimal + "[component.calback]\nurl = 1\n", `restanza.toml:7:12: component.calback: unknown key; did you mean callback?`},
	"unknown list":          {"[[components]]\ndomain = 1\n" + minimal, `restanza.toml:1:3: components: unknown key; did you mean component?`},
	"unknown dotted":        {"http.lisen = 1\n" + minimal, `restanza.toml:1:6: http.lisen: unknown key; did you mean listen?`},
	"unknown inline":        {"log = { levle = 'info' }\n" + minimal, `restanza.toml:1:9: log.levle: unknown key; did you mean level?`},
	"several unknown": {
		"a = 1\n" + minimal + "[component.callback]\nb = 1\n",
		"restanza.toml:1:1: a: unknown key\nrestanza.toml:9:1: component.callback.b: unknown key",
	},
	"column in characters": {"\"ä\" = { b = 1 }\nlog = { \"ß\" = 1, x = 2 }\n" + minimal, "restanza.toml:1:1: ä: unknown key\nrestanza.toml:2:9: log.ß: unknown key\nrestanza.toml:2:18: log.x: unknown key"},

	// Tables.
	"single brackets":     {"[component]\ndomain = 'a'\n", `restanza.toml:1:2: component: there may be several; write [[component]], with double brackets`},
	"table before list":   {"[component.callback]\n", `restanza.toml:1:2: component: there may be several; write [[component]], with double brackets`},
	"double brackets":     {"[[http]]\n" + minimal, `restanza.toml:1:3: http: there is only one; write [http], with single brackets`},
	"setting as table":    {"[log.level]\n" + minimal, `restanza.toml:1:6: log.level: this is a setting and no table; write level = …`},
	"address as table":    {minimal + "[component.domain.x]\n", `restanza.toml:4:1`},
	"list as parts":       {"component.domain = 'a'\n", `restanza.toml:1:1: component: this has no parts`},
	"setting with parts":  {"log.level.x = 1\n" + minimal, `restanza.toml:1:5: log.level: this has no parts`},
	"table as setting":    {"http = 1\n" + minimal, `restanza.toml:1:1: http: this is a number; write a table: [http]`},
	"list as setting":     {"component = 'a'", `restanza.toml:1:1: component: this is text; write a table: [[component]]`},
	"list of no tables":   {"component = ['a']", `restanza.toml:1:1: component: the list holds text; write a table: [[component]]`},
	"domain is no struct": {in("identity = {}"), `restanza.toml:5:1: component.identity: unknown key; did you mean component.credential.identity?`},

	// Types.
	"duration without unit":  {minimal + "[component.callback]\nurl = 'http://h'\n\n\n\ntimeout = \"30\"", `restanza.toml:12: component.callback.timeout: "30" is no duration; write "30s"`},
	"duration as number":     {in("iq_timeout = 30"), `restanza.toml:5: component.iq_timeout: 30 is no duration; write "30s"`},
	"duration as words":      {in("iq_timeout = \"5 min\""), `restanza.toml:5: component.iq_timeout: "5 min" is no duration; write a number and a unit, as in "30s", "2m" or "500ms"`},
	"duration as fraction":   {in("iq_timeout = 1.5"), `restanza.toml:5: component.iq_timeout: this is a number; write a duration in quotes, as in "30s"`},
	"duration zero":          {in("iq_timeout = \"0\""), `restanza.toml:5: component.iq_timeout: "0" is no duration; write "0s"`},
	"number as text":         {in("stanza_size_limit = \"5\""), `restanza.toml:5: component.stanza_size_limit: this is text; write a whole number, without quotes`},
	"number as fraction":     {in("stanza_size_limit = 1e5"), `restanza.toml:5: component.stanza_size_limit: this is a number; write a whole number, without quotes`},
	"truth as text":          {"http.api_docs = 'yes'\n" + minimal, `restanza.toml:1: http.api_docs: this is text; write true or false, without quotes`},
	"text as number":         {"[log]\nlevel = 1\n" + minimal, `restanza.toml:2: log.level: this is a number; write text in quotes`},
	"text as table":          {"[log]\nlevel = {a = 1}\n" + minimal, `restanza.toml:2: log.level: this is a table; write text in quotes`},
	"text as date":           {"[log]\nlevel = 2020-01-01\n" + minimal, `restanza.toml:2: log.level: this is a date or time; write text in quotes`},
	"text as truth":          {"[log]\nlevel = true\n" + minimal, `restanza.toml:2: log.level: this is true or false; write text in quotes`},
	"secret as number":       {"[[component]]\nsecret = 4711\n", `restanza.toml:2: component.secret: this is a number; write text in quotes`},
	"address":                {"[[component]]\ndomain = \"a b\"\n", `restanza.toml:2: component.domain: domain "a b": blank not allowed`},
	"empty address":          {"[[component]]\ndomain = \"\"\n", `restanza.toml:2: component.domain: empty; an address is needed`},
	"list as text":           {minimal + "[component.callback]\nevents = \"bare\"\n", `restanza.toml:8: component.callback.events: this is text; write a list of texts, as in ["a", "b"]`},
	"list of numbers":        {minimal + "[component.callback]\nevents = [1]\n", `restanza.toml:8: component.callback.events: the list holds a number; write a list of texts, as in ["a", "b"]`},
	"all wrong types in one": {in("server = 1\niq_timeout = 1"), "restanza.toml:5: component.server: this is a number; write text in quotes\nrestanza.toml:6: component.iq_timeout: 1 is no duration; write \"1s\""},

	// Bounds and closed sets.
	"negative":             {in("iq_timeout = \"-1s\""), `restanza.toml:5: component.iq_timeout: -1s is out of bounds: 1ms to 24h`},
	"too small":            {in("stanza_size_limit = 1023"), `restanza.toml:5: component.stanza_size_limit: 1023 is out of bounds: 1024 to 10485760`},
	"too large":            {in("stanza_size_limit = 10485761"), `restanza.toml:5: component.stanza_size_limit: 10485761 is out of bounds: 1024 to 10485760`},
	"zero":                 {in("max_outstanding_iqs = 0"), `restanza.toml:5: component.max_outstanding_iqs: 0 is out of bounds: 1 to 1000000`},
	"word":                 {"log.level = 'warning'\n" + minimal, `restanza.toml:1: log.level: "warning" is none of debug, info, warn, error`},
	"word with guess":      {"log.level = 'eror'\n" + minimal, `restanza.toml:1: log.level: "eror" is none of debug, info, warn, error; did you mean error?`},
	"empty list":           {minimal + "[component.callback]\nurl = 'http://h'\nstanzas = []\n", `restanza.toml:9: component.callback.stanzas: empty; at least one of message, presence, iq is needed`},
	"word in list":         {minimal + "[component.callback]\nurl = 'http://h'\nstanzas = ['messages']\n", `restanza.toml:9: component.callback.stanzas: "messages" is none of message, presence, iq; did you mean message?`},
	"twice in list":        {minimal + "[component.callback]\nurl = 'http://h'\nevents = ['bare', 'bare']\n", `restanza.toml:9: component.callback.events: "bare" stands there twice`},
	"iq_timeout too long":  {in("iq_timeout = '10m'"), `restanza.toml:5: component.iq_timeout: 10m is more than iq_max_timeout, 5m`},
	"iq_max_timeout short": {in("iq_max_timeout = '1m'"), `restanza.toml:5: component.iq_max_timeout: 1m is less than iq_timeout, 2m; set that too`},

	// What belongs together.
	"nothing":           {"", `restanza.toml: component: missing; name one by [[component]] in the file, by --component or by RESTANZA_COMPONENT`},
	"empty component":   {"\n[[component]]\n", "restanza.toml:2: component.domain: missing; the domain of the component, as the XMPP server knows it\nrestanza.toml:2: component.secret: missing; set it, or secret_file\nrestanza.toml:2: component.credential: missing; without a credential nobody can send, and without callback.url nothing is received"},
	"bare address":      {"[[component]]\ndomain = 'a@b.example'\nsecret = 'x'\n[[component.credential]]\nauthorization = 'Bearer x'\n", `restanza.toml:2: component.domain: "a@b.example" is an address; write its domain, "b.example"`},
	"receiving only":    {"[[component]]\ndomain = 'b.example'\nsecret = 'x'\ncallback.url = 'http://h'\n", `restanza.toml: component.credential: missing; without any nobody can send`},
	"foreign identity":  {minimal + "identity = 'bot@example.net'\n", `restanza.toml:7: component.credential.identity: "bot@example.net" is not in the domain "rest.example.net"`},
	"no authorization":  {minimal + "[[component.credential]]\nidentity = 'a@rest.example.net'\n", `restanza.toml:7: component.credential.authorization: missing; set it, or authorization_file, or user and password`},
	"same domain":       {minimal + "[[component]]\ndomain = 'REST.example.net'\nsecret = 'x'\ncredential = [{authorization = 'Bearer y'}]\n", `restanza.toml:8: component.domain: "rest.example.net" is another component's domain already (line 3)`},
	"same credential":   {minimal + "[[component]]\ndomain = 'b.example'\nsecret = 'x'\ncredential = [{authorization = 'bearer  xyz'}]\n", `restanza.toml:10: component.credential.authorization: this is another credential's value already (line 6); each needs its own, since it tells callers apart`},
	"admin not whole":   {"http.admin_authorization = 'xyz'\n" + minimal, `restanza.toml:1: http.admin_authorization: the scheme is missing; write the complete Authorization value, as in "Bearer xyz"`},
	"admin who sends":   {"http.admin_authorization = 'bearer  xyz'\n" + minimal, `restanza.toml:1: http.admin_authorization: this is a credential's value already (line 7); operating needs one of its own`},
	"admin, both":       {"http.admin_authorization = 'Bearer x'\nhttp.admin_authorization_file = 'f'\n" + minimal, `restanza.toml:2: http.admin_authorization_file: admin_authorization is set too; leave one of them out`},
	"half of TLS":       {"http.tls_key = 'k'\n" + minimal, `restanza.toml: http.tls_certificate: missing; tls_key needs it`},
	"other half of TLS": {"\n[http]\ntls_certificate = 'c'\n" + minimal, `restanza.toml:2: http.tls_key: missing; tls_certificate needs it`},
	"no TLS files":      {"[http]\ntls_certificate = 'none.pem'\ntls_key = 'k'\n" + minimal, `restanza.toml:2: http.tls_certificate: open none.pem: no such file or directory`},
	"both secrets":      {in("secret_file = 'x'"), `restanza.toml:5: component.secret_file: secret is set too; leave one of them out`},
	"no secret file":    {minimal + "[[component.credential]]\nauthorization_file = 'none'\n", `restanza.toml:8: component.credential.authorization_file: open none: no such file or directory`},

	// Addresses of the network.
	"server without host": {in("server = ':5347'"), `restanza.toml:5: component.server: ":5347" has no proper host`},
	"server as URL":       {in("server = 'xmpp://h'"), `restanza.toml:5: component.server: "xmpp://h" has no proper port: a number from 1 to 65535`},
	"server port":         {in("server = 'h:0'"), `restanza.toml:5: component.server: "h:0" has no proper port: a number from 1 to 65535`},
	"listen without port": {"http.listen = 'h'\n" + minimal, `restanza.toml:1: http.listen: "h" is no host:port`},
	"listen port":         {"http.listen = 'h:65536'\n" + minimal, `restanza.toml:1: http.listen: "h:65536" has no proper port: a number from 0 to 65535`},
}

func TestLoad_wrongFiles(t *testing.T) {
	for name, test := range wrongFiles {
		t.Run(name, func(t *testing.T) {
			_, _, err := file(test.text).Load()
			if err == nil {
				t.Fatalf("no error; want %s", test.want)
			}
			if got := err.Error(); got != test.want && (name != "address as table" || !strings.HasPrefix(got, "restanza.toml:7:")) {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if _, ok := errors.AsType[config.Errors](err); !ok {
				t.Errorf("a %T", err)
			}
		})
	}
}

func TestLoad_wrongAuthorization(t *testing.T) {
	for value, want := range map[string]string{
		"xyz":             `the scheme is missing; write the complete Authorization value, as in "Bearer xyz"`,
		" xyz":            `the scheme is missing`,
		"a=b c":           `the scheme is missing`,
		"Bearer":          `the scheme stands there alone; write it with its value, as in "Bearer xyz"`,
		"Bearer xyz ":     `it ends with a blank`,
		"Bearer xyz\\n":   `only visible ASCII characters and blanks`,
		"Bearer \\u00e4":  `only visible ASCII characters and blanks`,
		"Bearer\\txyzzyz": `only visible ASCII characters and blanks`,
	} {
		_, _, err := file(strings.Replace(minimal, "Bearer xyz", value, 1)).Load()
		if err == nil || !strings.HasPrefix(err.Error(), "restanza.toml:6: component.credential.authorization: "+want) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

func TestLoad_wrongURL(t *testing.T) {
	for url, want := range map[string]string{
		"h/x":                     `the URL must begin with http:// or https://`,
		"ftp://h/":                `the URL must begin with http:// or https://`,
		"http://":                 `the URL has no host`,
		"http://user:hunter2":     `this is no URL; write one as in "http://127.0.0.1:8080/stanzas"`,
		"http://u:hunter2@h:p/":   `this is no URL`,
		"http://h:/":              `the URL has a colon without a port`,
		"http://h/#x":             `the URL has a part behind #`,
		"http://h/{id}":           `{id} is no placeholder; there are {kind} {type} {to} {from}`,
		"http://h/{type?word}":    `{type?word} is no placeholder`,
		"http://h/{kind":          `{ without } is no placeholder`,
		"http://{to}/":            `placeholders may stand in the path and the query only`,
		"http://u:{to}@h?x={to}/": `placeholders may stand in the path and the query only`,
	} {
		_, _, err := file(minimal + "[component.callback]\nurl = \"" + url + "\"\n").Load()
		if err == nil || !strings.HasPrefix(err.Error(), "restanza.toml:8: component.callback.url: "+want) {
			t.Errorf("%q: %v", url, err)
		}
	}
	for _, url := range []string{"http://h", "https://u:p@h:1/a/{kind}/{type}?x={to}&y={from}", "http://[::1]:80/", "http://h?to={to}"} {
		if _, _, err := file(minimal + "[component.callback]\nurl = \"" + url + "\"\n").Load(); err != nil {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestLoad_wrongFlagsAndVariables(t *testing.T) {
	base := []string{"RESTANZA_COMPONENT=a.example", "RESTANZA_SECRET=x", "RESTANZA_CREDENTIALS=Bearer x"}
	for name, test := range map[string]struct {
		env   string
		flags map[string]string
		want  string
	}{
		"duration":      {flags: map[string]string{"callback-timeout": "30"}, want: `--callback-timeout: "30" is no duration; write "30s"`},
		"truth":         {env: "RESTANZA_API_DOCS=yes", want: `RESTANZA_API_DOCS: "yes" is neither true nor false`},
		"number":        {env: "RESTANZA_CALLBACK_CONCURRENCY=many", want: `RESTANZA_CALLBACK_CONCURRENCY: "many" is no whole number`},
		"bounds":        {env: "RESTANZA_CALLBACK_CONCURRENCY=0", want: `RESTANZA_CALLBACK_CONCURRENCY: 0 is out of bounds: 1 to 10000`},
		"list":          {env: "RESTANZA_CALLBACK_STANZAS=message,iqs", want: `RESTANZA_CALLBACK_STANZAS: "iqs" is none of message, presence, iq; did you mean iq?`},
		"address":       {flags: map[string]string{"component": ""}, want: `--component: empty; an address is needed`},
		"authorization": {flags: map[string]string{"credentials": "xyz"}, want: `--credentials: the scheme is missing; write the complete Authorization value, as in "Bearer xyz"`},
		"both secrets":  {flags: map[string]string{"secret": "x", "secret-file": "f"}, want: `--secret-file: secret is set too; leave one of them out`},
		"no file":       {flags: map[string]string{"secret-file": "/nonexistent/f"}, want: `--secret-file: open /nonexistent/f: no such file or directory`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := config.Sources{Environ: append(base, test.env), Flags: test.flags}.Load()
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
	_, _, err := config.Sources{}.Load()
	if err == nil || !strings.HasPrefix(err.Error(), "component: missing; ") {
		t.Errorf("without anything: %v", err)
	}
}

func TestLoad_flagForOneOfSeveral(t *testing.T) {
	s := file(minimal + strings.ReplaceAll(strings.ReplaceAll(minimal, "rest", "b"), "xyz", "y"))
	s.Flags = map[string]string{"secret": "x", "log-level": "warn"}
	s.Environ = []string{"RESTANZA_CALLBACK_URL=http://h"}
	_, _, err := s.Load()
	want := "RESTANZA_CALLBACK_URL: restanza.toml has 2 components, and a variable can't tell which one is meant; set this in the file\n" +
		"--secret: restanza.toml has 2 components, and a flag can't tell which one is meant; set this in the file"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}

	s = file(minimal + "[[component.credential]]\nauthorization = 'Bearer 2'\n")
	s.Flags = map[string]string{"identity": "a@rest.example.net"}
	_, _, err = s.Load()
	want = "--identity: restanza.toml has 2 credentials, and a flag can't tell which one is meant; set this in the file"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestLoad_wrongSecretFiles(t *testing.T) {
	dir := t.TempDir()
	for name, want := range map[string]string{
		write(t, filepath.Join(dir, "empty"), "\n", 0o600):                           "is empty",
		write(t, filepath.Join(dir, "big"), strings.Repeat("x", 1<<16+1), 0o600):     "more than 65536 bytes",
		write(t, filepath.Join(dir, "two"), "Bearer one\nBearer two hunter2", 0o600): "only visible ASCII",
	} {
		s := file(strings.Replace(minimal, "authorization = \"Bearer xyz\"", "authorization_file = '"+name+"'", 1))
		_, _, err := s.Load()
		if err == nil || !strings.HasPrefix(err.Error(), "restanza.toml:") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the error shows the secret: %v", err)
		}
	}
}
