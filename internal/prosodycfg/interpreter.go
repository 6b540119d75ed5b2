package prosodycfg

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	lua "github.com/yuin/gopher-lua"
	"github.com/yuin/gopher-lua/ast"
	"github.com/yuin/gopher-lua/parse"
)

// Bounds of the virtual machine, in values and in calls.
const (
	registrySize    = 1024
	maxRegistrySize = 64 * 1024
	maxOpenBrackets = 1000 // in a text, before it is even parsed
)

// interpreter runs a configuration and gathers what it sets.
type interpreter struct {
	options Options
	folder  folder
	state   *lua.LState
	meter   *meter
	library map[string]lua.LValue
	server  *server
	unread  []string // names of variables that were asked for and not given
	failed  error    // of an included file
}

func newInterpreter(o Options, dir folder) *interpreter {
	in := &interpreter{options: o, folder: dir, meter: newMeter(), server: newServer()}
	in.state = lua.NewState(lua.Options{
		SkipOpenLibs: true, CallStackSize: maxDepth, RegistrySize: registrySize, RegistryMaxSize: maxRegistrySize,
	})
	return in
}

// run runs the configuration whose text is given. Errors begin with the file and the line.
func (in *interpreter) run(name string, text []byte) (err error) {
	defer func() {
		if r := recover(); r != nil { // the machine's own functions panic with errors when called from here
			err = fmt.Errorf("%s: %s", oneLine(name), oneLine(fmt.Sprint(r)))
		}
	}()
	in.state.Panic = func(l *lua.LState) { panic(l.Get(-1).String()) }
	in.library = in.makeLibrary()
	in.state.SetContext(in.meter)
	return in.runFile(name, text, 0)
}

// runFile compiles a text and runs it in a world of its own.
func (in *interpreter) runFile(name string, text []byte, depth int) error {
	proto, err := compile(name, text)
	if err != nil {
		return err
	}
	f := &file{in: in, name: name, depth: depth, section: in.server.global}
	chunk := in.state.NewFunctionFromProto(proto)
	chunk.Env = f.environment()
	in.state.Push(chunk)
	err = in.state.PCall(0, 0, nil)
	switch {
	case in.failed != nil: // an included file did, and says so itself
		return in.failed
	case in.meter.over != nil:
		return fmt.Errorf("%s: %w", oneLine(name), in.meter.over)
	}
	return plainError(name, err)
}

// compile makes a text into code.
func compile(name string, text []byte) (proto *lua.FunctionProto, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: the text can't be compiled: %s", oneLine(name), oneLine(fmt.Sprint(r)))
		}
	}()
	text = bytes.TrimPrefix(text, []byte("\ufeff"))
	if bytes.HasPrefix(text, []byte("\x1bLua")) {
		return nil, fmt.Errorf("%s: this is compiled Lua; give the text that it was made from", oneLine(name))
	}
	if bytes.IndexByte(text, 0) >= 0 {
		return nil, fmt.Errorf("%s: this is no text: it has a NUL character", oneLine(name))
	}
	if bytes.Count(text, []byte("(")) > bytes.Count(text, []byte(")"))+maxOpenBrackets ||
		bytes.Count(text, []byte("{")) > bytes.Count(text, []byte("}"))+maxOpenBrackets {
		return nil, fmt.Errorf("%s: brackets are not closed", oneLine(name))
	}
	var chunk []ast.Stmt
	if chunk, err = parse.Parse(bytes.NewReader(text), name); err != nil {
		return nil, plainError(name, err)
	}
	if err = guardChunk(chunk); err != nil {
		return nil, fmt.Errorf("%s:%w", oneLine(name), err)
	}
	if proto, err = lua.Compile(chunk, name); err != nil {
		return nil, plainError(name, err)
	}
	return proto, nil
}

// plainError makes an error of the Lua library one line that begins with file and line.
func plainError(name string, err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	if api, ok := errors.AsType[*lua.ApiError](err); ok {
		text = api.Object.String()
		if _, isText := api.Object.(lua.LString); !isText {
			text = "it raises an error without a text"
		}
	}
	if syntax, ok := errors.AsType[*parse.Error](err); ok {
		place := name
		if syntax.Pos.Line > 0 {
			place = fmt.Sprintf("%s:%d", name, syntax.Pos.Line)
		}
		text = fmt.Sprintf("%s: this is not Lua: %s", place, syntax.Message)
	}
	text = oneLine(text)
	if !strings.HasPrefix(text, oneLine(name)+":") {
		text = oneLine(name) + ": " + text
	}
	return errors.New(text)
}
