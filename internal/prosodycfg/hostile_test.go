package prosodycfg_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/restanza/restanza/internal/prosodycfg"
)

// bounded calls f and fails if it takes long, or allocates what would hurt a small machine.
func bounded(t *testing.T, f func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	f()
	took := time.Since(began)
	runtime.ReadMemStats(&after)
	if took > time.Minute { // less than one second without the race detector on a quiet machine, but not all are
		t.Errorf("it took %v", took)
	}
	if all := after.TotalAlloc - before.TotalAlloc; all > 1<<30 {
		t.Errorf("it allocated %d MiB in all", all>>20)
	}
}

// What goes on for ever, or takes all memory, ends with an error.
func TestImport_endless(t *testing.T) {
	for name, text := range map[string]string{
		"loop":            `while true do end`,
		"repeat":          `repeat until false`,
		"goto":            `::a:: goto a`,
		"for":             `for i = 1, 1e18 do local x = i end`,
		"recursion":       `local function f() return 1 + f() end f()`,
		"tail calls":      `local function f() return f() end f()`,
		"mutual":          `local a, b function a() b() end function b() a() end a()`,
		"concat":          `local s = "x" while true do s = s .. s end`,
		"concat chain":    `local s = ("x"):rep(1e6) local t = s .. s .. s .. s .. s .. s .. s`,
		"rep":             `x = string.rep("x", 1e9)`,
		"rep method":      `x = ("x"):rep(1e18)`,
		"rep overflow":    `x = ("xx"):rep(2^62)`,
		"rep negative":    `x = ("x"):rep(-1) while true do end`,
		"rep in table":    `local t = {} for i = 1, 1e6 do t[i] = ("x"):rep(1e5) end`,
		"format":          `x = string.format("%99d", 1):rep(1e9)`,
		"format width":    `x = string.format("%999999999d", 1)`,
		"format star":     `x = string.format("%*d", 1e6, 1)`,
		"gsub":            `local s = ("x"):rep(1000) while true do s = s:gsub("x", "xxxxxxxxxx") end`,
		"gsub capture":    `local s = ("x"):rep(3000) x = s:gsub("(.*)", ("%1"):rep(2000))`,
		"gsub function":   `x = ("x"):rep(100):gsub("x", function() return "y" end)`,
		"backtracking":    `x = ("a"):rep(3000):find("a*a*a*a*a*a*a*a*b")`,
		"backtracking 2":  `while true do x = ("a"):rep(200):match("a*a*b") end`,
		"pattern":         `x = ("a"):find(("("):rep(1e5))`,
		"array gap":       `local t = {} t[67000000] = 1`,
		"array gaps":      `while true do local t = {} t[100000] = 1 end`,
		"array new":       `local t = { [67000000] = 1 }`,
		"insert gap":      `local t = {} table.insert(t, 67000000, 1)`,
		"insert front":    `local t = {} while true do table.insert(t, 1, 1) end`,
		"concat table":    `local s = ("x"):rep(1e6) x = table.concat({ s, s, s, s, s, s, s })`,
		"concat range":    `x = table.concat({}, "x", 1, 1e9)`,
		"unpack":          `x = unpack({}, 1, 1e9)`,
		"unpack negative": `x = unpack({}, -1e9, 1)`,
		"unpack table":    `x = table.unpack({}, 1, 1e8)`,
		"select":          `x = select(1e18, 1)`,
		"sort":            `table.sort({ 3, 1, 2 }, function() while true do end end)`,
		"sort bad":        `local t = {} for i = 1, 1000 do t[i] = i end table.sort(t, function() return true end) while true do end`,
		"iterator":        `for x in function() return 1 end do end`,
		"pairs":           `local t = {} for i = 1, 1e6 do t[i] = {} end`,
		"closures":        `local t = {} for i = 1, 1e6 do t[i] = function() return t end end`,
		"string keys":     `local x = {} for i = 1, 1e6 do x["a" .. i] = i end`,
		"options":         `for i = 1, 1e6 do VirtualHost("h")({ ["o" .. i] = i }) end`,
		"hosts":           `for i = 1, 1e6 do VirtualHost("h" .. i .. ".example") end`,
		"notes":           `for i = 1, 1e6 do RunScript("x") end while true do end`,
		"variables":       `for i = 1, 1e6 do os.getenv("x" .. i) end`,
		"include":         `for i = 1, 1e6 do Include("x" .. i) end`,
		"number":          `local s = ("1"):rep(1e6) while true do x = tonumber(s) end`,
		"error value":     `error(("x"):rep(1e6))`,
		"error table":     `error({})`,
		"error nil":       `error()`,
	} {
		t.Run(name, func(t *testing.T) {
			bounded(t, func() {
				if _, err := read(t, text); err == nil {
					t.Error("no error")
				} else if len(err.Error()) > 2000 || strings.Contains(err.Error(), "\n") {
					t.Errorf("the error is long: %.200q…", err)
				} else {
					t.Log(err)
				}
			})
		})
	}
}

// What would cost the parser or the compiler too much is refused, or read in time.
func TestImport_largeTexts(t *testing.T) {
	const room = 1 << 17 // bytes: enough to see what grows, and the race detector is slow
	fill := func(unit string) string { return strings.Repeat(unit, room/len(unit)) }
	numbered := func(format string) string {
		var b strings.Builder
		for i := 0; b.Len() < room-100; i++ {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, text := range map[string]string{
		"parentheses":   fill("("),
		"closed":        "x=" + strings.Repeat("(", room/3) + "1" + strings.Repeat(")", room/3),
		"tables":        "x=" + fill("{"),
		"closed tables": "x=" + strings.Repeat("{", room/3) + strings.Repeat("}", room/3),
		"not":           "x=" + fill("not ") + "1",
		"minus":         "x=" + fill("- ") + "1",
		"power":         "x=1" + fill("^1"),
		"plus":          "x=1" + fill("+1"),
		"concat":        "x=1" + fill(" ..1"),
		"and":           "x=1" + fill(" and 1"),
		"functions":     fill("function f() "),
		"do":            fill("do "),
		"if":            fill("if x then "),
		"elseif":        "if x then " + fill("elseif x then ") + "end",
		"index":         "x=a" + fill(".a"),
		"calls":         "x=a" + fill("()"),
		"constants":     "x={" + numbered("%d,") + "}",
		"strings":       "x={" + numbered("'%d',") + "}",
		"names":         numbered("a%d=1 "),
		"locals":        numbered("local a%d "),
		"one table":     "x={" + fill("1,") + "}",
		"long string":   "x='" + fill("x")[:room-100] + "'",
		"comment":       "--" + fill("x")[:room-100],
		"open comment":  "--[[" + fill("x"),
		"open string":   "x='" + fill("x"),
		"lines":         fill("\n")[:room-100],
		"labels":        numbered("::a%d:: "),
		"gotos":         numbered("goto a%d "),
		"semicolons":    fill("x=1;"),
		"noise":         fill("\xff\xfe"),
		"NUL":           "x=1\x00",
		"compiled":      "\x1bLua\x51\x00",
		"too long":      "--" + strings.Repeat("-", 1<<20),
	} {
		t.Run(name, func(t *testing.T) {
			bounded(t, func() {
				_, err := read(t, text)
				if err == nil {
					t.Error("no error")
				} else {
					t.Logf("%.150s", err)
				}
			})
		})
	}
}

// Nothing of the machine can be reached.
func TestImport_outside(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "secret"), "s3cret")
	mark := filepath.Join(dir, "mark")
	for _, text := range []string{
		`os.execute("touch MARK")`, `os.remove("SECRET")`, `io.open("MARK", "w")`, `x = io.open("SECRET"):read("*a")`, `io.popen("touch MARK")`,
		`require "os"`, `dofile("SECRET")`, `loadfile("SECRET")`, `loadstring("x = 1")()`, `load(function() end)`, `package.path = "x"`,
		`debug.getinfo(1)`, `x = string.dump(function() end)`, `setmetatable({}, {})`, `getmetatable("").__index = nil`, `rawset(_G, "x", 1)`,
		`_G.x = 1`, `setfenv(1, {})`, `x = getfenv()`, `coroutine.wrap(function() end)()`, `pcall(error)`, `xpcall(error, print)`, `newproxy()`,
		`module "x"`, `collectgarbage()`, `os.exit()`, `prosody.events.fire_event("x")`, `x = Lua.io.open("SECRET")`, `x = os.time()`,
		`string.rep = nil x = ("x"):dump()`, `x = FileLine("SECRET") .. ""`, `x = FileLine("SECRET").y`, `x = #FileLine("SECRET")`,
	} {
		text = strings.NewReplacer("MARK", mark, "SECRET", filepath.Join(dir, "secret")).Replace(text)
		_, err := read(t, text)
		if err == nil || !strings.HasPrefix(err.Error(), "prosody.cfg.lua:1:") {
			t.Errorf("%s: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := os.Stat(mark); err == nil {
		t.Error("a file was made")
	}
	if data, err := os.ReadFile(filepath.Join(dir, "secret")); err != nil || string(data) != "s3cret" {
		t.Errorf("the file: %q, %v", data, err)
	}
}

// Include reads files of the configuration's folder, and no others.
func TestImport_include(t *testing.T) {
	dir := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside.cfg.lua")
	write(t, outside, `Component "outside.example.net" "rest"`)
	component := func(name string) string { return fmt.Sprintf("Component %q \"rest\"\n", name+".example.net") }
	for name, text := range map[string]string{
		"conf.d/a.cfg.lua": component("a") + `Include "../more/*.lua"`, "conf.d/b.cfg.lua": component("b"), "conf.d/.hidden.cfg.lua": component("hidden"),
		"conf.d/c.txt": component("txt"), "more/d.lua": component("d"), "more/e.lua/f": "", "one.lua": component("one"), "[x]-1.lua": component("x"), "abs.lua": component("abs"),
	} {
		write(t, filepath.Join(dir, name), text)
	}
	if err := os.Symlink(outside, filepath.Join(dir, "conf.d/link.cfg.lua")); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "prosody.cfg.lua"), `
include "one.lua"
Include "conf.d/*.cfg.lua"
Include "[x]-?.lua"
Include "`+dir+`/abs.lua"
Include "missing.lua"
Include "`+outside+`"
Include "../*.lua"
Include "*/x.lua"
Include "/dev/zero"
Include "more"
after_the_files = true
`)
	r, err := prosodycfg.Import(prosodycfg.Options{Path: filepath.Join(dir, "prosody.cfg.lua")})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(r.Components, " "); got != "one.example.net a.example.net d.example.net b.example.net x.example.net abs.example.net" {
		t.Errorf("components: %s", got)
	}
	expectNote(t, r, prosodycfg.NotTaken, `"missing.lua" is not read: no such file`, "outside.cfg.lua\" is not read: it is outside", `"../*.lua" is not read`,
		"a pattern in the name of a folder", `link.cfg.lua" is not read: it is outside`, `"more" is not read: it is no regular file`, `"more/e.lua" is not read`, "after_the_files")

	write(t, filepath.Join(dir, "loop.cfg.lua"), `Include "loop.cfg.lua"`)
	if _, err := prosodycfg.Import(prosodycfg.Options{Path: filepath.Join(dir, "loop.cfg.lua")}); err == nil || !strings.Contains(err.Error(), "deeper than") {
		t.Errorf("a loop: %v", err)
	}
	write(t, filepath.Join(dir, "bad.cfg.lua"), "\n\nx = = 1")
	write(t, filepath.Join(dir, "main.cfg.lua"), `Include "bad.cfg.lua"`)
	if _, err := prosodycfg.Import(prosodycfg.Options{Path: filepath.Join(dir, "main.cfg.lua")}); err == nil || !strings.HasPrefix(err.Error(), "bad.cfg.lua:3:") {
		t.Errorf("a mistake in an included file: %v", err)
	}
}

// Names and texts of any kind stay within the strings and comments of the TOML.
func TestImport_injection(t *testing.T) {
	c, r := must(t, `
VirtualHost "x\n[evil]"
VirtualHost "people" { modules_enabled = { "rest" }, ["a\n[evil]\nb = 1"] = 2 }
Component "bad name\n[evil]" "rest"
Component "a.example.net" "rest" {
	["rest_x\nsecret = 1\n"] = 1, ["y\r\n[evil]"] = 2,
	rest_callback_url = "http://h/\"\n[evil]", rest_credentials = "Bearer x\"\\", rest_callback_stanzas = { "message", "x\n[evil]" },
}
Include "x\n[evil]"
ENV_X = ENV_Y
`)
	if len(c.Components) != 1 || strings.Contains(string(r.TOML), "\n[evil]") || c.Components[0].Credentials[0].Authorization.Reveal() != `Bearer x"\` {
		t.Errorf("%s", r.TOML)
	}
	for _, n := range r.Notes {
		if strings.ContainsAny(n.String(), "\r\x1b") || strings.Count(n.String(), "\n") > strings.Count(n.Lines, "\n")+1 {
			t.Errorf("%q", n)
		}
	}
}

func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"", "x = 1", `Component "a.example.net" "rest" { rest_credentials = "Bearer x", rest_iq_timeout = 1 }`,
		`Component "a.example" rest_callback_url = "http://u:p@h/{to}" rest_callback_stanzas = { "iq" } component_secret = "x" .. 1 VirtualHost "b" {}`,
		`log = { { levels = { min = "warn" } } } http_ports = { 1, "2" } http_cors_override = { rest = { origins = "*" } } Component "b" "rest"`,
		`for i = 1, 10 do local t = { [i] = ("x"):rep(i) } t[i + 1] = i Component("c" .. i)("rest")(t) end`,
		`local function f(...) return select("#", ...) end x = f(unpack({ 1, 2 })) Include "x" RunScript "y" z = FileLine "q" .. ENV_X`,
		`Component "a" "rest" component_secret = FileLine "x" rest_credentials = FileContents "y" ssl = { certificate = 1, key = {} }`,
		"x = [[a]] .. 'b' --[[c]] if not x then y = -1 ^ 2 elseif #x > 1 then goto e end ::e::", "x = ('a'):gsub('(a*)', '%1')",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := read(t, text) // which checks the TOML
		if err != nil && r.TOML != nil {
			t.Error("TOML in spite of an error")
		}
	})
}
