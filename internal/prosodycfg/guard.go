package prosodycfg

import (
	"fmt"

	"github.com/yuin/gopher-lua/ast"
)

// Bounds of a parsed text. The compiler compares each constant with all others, and
// calls itself for what is nested.
const (
	maxNodes     = 300_000
	maxConstants = 10_000
	maxFields    = 65_536 // of one table
	maxLabels    = 100    // each of which is compared with all others
)

// Names of the functions that the guard puts in. No Lua text can spell them.
const (
	concatName = "\x00concat"
	indexName  = "\x00index"
)

// guard walks through a parsed text before it is compiled. It refuses what would
// cost the compiler too much, and replaces the two operations by which a single
// instruction can take any amount of memory: joining strings (a .. b), and storing at a number far
// behind the end of an array (t[k] = v). Functions stand in their places that pay for it.
type guard struct {
	nodes, depth int
	labels       int
	constants    map[string]bool
}

// tooLarge is what guard panics with; guardChunk makes it an error. Walking without
// it would be mostly error handling.
type tooLarge struct {
	line   int
	reason string
}

// guardChunk checks a text and replaces operations in it, in place. Errors begin with the line.
func guardChunk(chunk []ast.Stmt) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case tooLarge:
			err = fmt.Errorf("%d: %s", r.line, r.reason)
		default:
			panic(r)
		}
	}()
	g := &guard{constants: map[string]bool{}}
	g.block(chunk)
	return nil
}

func (g *guard) enter(n ast.PositionHolder) {
	g.nodes++
	g.depth++
	if g.nodes > maxNodes {
		panic(tooLarge{n.Line(), "the text is too long"})
	}
	if g.depth > maxDepth {
		panic(tooLarge{n.Line(), fmt.Sprintf("nested deeper than %d", maxDepth)})
	}
}

func (g *guard) leave() { g.depth-- }

func (g *guard) constant(n ast.PositionHolder, value string) {
	g.constants[value] = true
	if len(g.constants) > maxConstants {
		panic(tooLarge{n.Line(), fmt.Sprintf("more than %d different names and texts", maxConstants)})
	}
}

func (g *guard) block(stmts []ast.Stmt) {
	for _, s := range stmts {
		g.enter(s)
		g.stmt(s)
		g.leave()
	}
}

func (g *guard) stmt(s ast.Stmt) {
	switch s := s.(type) {
	case *ast.AssignStmt:
		g.targets(s.Lhs)
		g.exprs(s.Rhs)
	case *ast.LocalAssignStmt:
		g.exprs(s.Exprs)
	case *ast.FuncCallStmt:
		s.Expr = g.expr(s.Expr)
	case *ast.DoBlockStmt:
		g.block(s.Stmts)
	case *ast.WhileStmt:
		s.Condition = g.expr(s.Condition)
		g.block(s.Stmts)
	case *ast.RepeatStmt:
		s.Condition = g.expr(s.Condition)
		g.block(s.Stmts)
	case *ast.IfStmt:
		s.Condition = g.expr(s.Condition)
		g.block(s.Then)
		g.block(s.Else)
	case *ast.NumberForStmt:
		s.Init, s.Limit, s.Step = g.expr(s.Init), g.expr(s.Limit), g.expr(s.Step)
		g.block(s.Stmts)
	case *ast.GenericForStmt:
		g.exprs(s.Exprs)
		g.block(s.Stmts)
	case *ast.FuncDefStmt:
		g.funcName(s)
		g.block(s.Func.Stmts)
	case *ast.LabelStmt:
		if g.labels++; g.labels > maxLabels {
			panic(tooLarge{s.Line(), fmt.Sprintf("more than %d labels", maxLabels)})
		}
	case *ast.ReturnStmt:
		g.exprs(s.Exprs)
	}
}

// funcName walks through the name in `function a.b:c() … end`.
func (g *guard) funcName(s *ast.FuncDefStmt) {
	s.Name.Func, s.Name.Receiver = g.expr(s.Name.Func), g.expr(s.Name.Receiver)
	g.constant(s, s.Name.Method)
}

// targets walks through the left side of an assignment.
func (g *guard) targets(all []ast.Expr) {
	for i, e := range all {
		target, ok := e.(*ast.AttrGetExpr)
		if !ok {
			all[i] = g.expr(e)
			continue
		}
		g.enter(target)
		target.Object = g.expr(target.Object)
		target.Key = g.storedKey(target.Key)
		g.leave()
	}
}

// storedKey walks through a key under which something is to be stored, and has it
// checked, unless it is a text.
func (g *guard) storedKey(key ast.Expr) ast.Expr {
	if _, ok := key.(*ast.StringExpr); ok || key == nil {
		return g.expr(key)
	}
	return g.call(key, indexName, g.expr(key))
}

func (g *guard) exprs(all []ast.Expr) {
	for i, e := range all {
		all[i] = g.expr(e)
	}
}

// expr walks through an expression and returns what to put in its place.
func (g *guard) expr(e ast.Expr) ast.Expr {
	if e == nil {
		return nil
	}
	g.enter(e)
	defer g.leave()
	switch e := e.(type) {
	case *ast.StringExpr:
		g.constant(e, e.Value)
	case *ast.NumberExpr:
		g.constant(e, e.Value)
	case *ast.IdentExpr:
		g.constant(e, e.Value)
	case *ast.AttrGetExpr:
		e.Object, e.Key = g.expr(e.Object), g.expr(e.Key)
	case *ast.TableExpr:
		g.table(e)
	case *ast.FuncCallExpr:
		e.Func, e.Receiver = g.expr(e.Func), g.expr(e.Receiver)
		g.constant(e, e.Method)
		g.exprs(e.Args)
	case *ast.LogicalOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.RelationalOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.ArithmeticOpExpr:
		e.Lhs, e.Rhs = g.expr(e.Lhs), g.expr(e.Rhs)
	case *ast.StringConcatOpExpr:
		return g.call(e, concatName, g.expr(e.Lhs), g.expr(e.Rhs))
	case *ast.UnaryMinusOpExpr:
		e.Expr = g.expr(e.Expr)
	case *ast.UnaryNotOpExpr:
		e.Expr = g.expr(e.Expr)
	case *ast.UnaryLenOpExpr:
		e.Expr = g.expr(e.Expr)
	case *ast.FunctionExpr:
		g.block(e.Stmts)
	}
	return e
}

func (g *guard) table(e *ast.TableExpr) {
	if len(e.Fields) > maxFields {
		panic(tooLarge{e.Line(), fmt.Sprintf("a table of more than %d entries", maxFields)})
	}
	for _, f := range e.Fields {
		f.Key = g.storedKey(f.Key)
		f.Value = g.expr(f.Value)
	}
}

// call makes a call of one of the guard's functions, which gives one value, in the place of e.
func (g *guard) call(e ast.PositionHolder, name string, args ...ast.Expr) ast.Expr {
	g.constant(e, name)
	function := &ast.IdentExpr{Value: name}
	call := &ast.FuncCallExpr{Func: function, Args: args, AdjustRet: true}
	for _, n := range []ast.PositionHolder{function, call} {
		n.SetLine(e.Line())
		n.SetLastLine(e.LastLine())
	}
	return call
}
