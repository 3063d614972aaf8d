package main

import (
	"fmt"
	"go/ast"
	"go/token"
	"strconv"
	"strings"
)

// edit replaces one stretch of a file.
type edit struct {
	from, to int // offsets
	text     string
	kind     int // the order in which kinds are tried
	what     string
}

// Kinds of edits, the likeliest first.
const (
	kindOperator = iota
	kindBound
	kindPair
	kindConstant
	kindCondition
	kindName
)

var operators = map[token.Token][]token.Token{
	token.LSS: {token.LEQ, token.GTR, token.GEQ},
	token.LEQ: {token.LSS, token.GEQ, token.GTR},
	token.GTR: {token.GEQ, token.LSS, token.LEQ},
	token.GEQ: {token.GTR, token.LEQ, token.LSS},
	token.EQL: {token.NEQ}, token.NEQ: {token.EQL},
	token.ADD: {token.SUB, token.MUL}, token.SUB: {token.ADD},
	token.MUL: {token.QUO, token.ADD}, token.QUO: {token.MUL, token.REM}, token.REM: {token.QUO},
	token.LAND: {token.LOR}, token.LOR: {token.LAND},
	token.ADD_ASSIGN: {token.SUB_ASSIGN, token.ASSIGN}, token.SUB_ASSIGN: {token.ADD_ASSIGN},
	token.MUL_ASSIGN: {token.QUO_ASSIGN, token.ADD_ASSIGN}, token.QUO_ASSIGN: {token.MUL_ASSIGN},
	token.ASSIGN: {token.ADD_ASSIGN},
	token.INC:    {token.DEC}, token.DEC: {token.INC},
	token.AND: {token.OR}, token.OR: {token.AND}, token.SHL: {token.SHR}, token.SHR: {token.SHL},
}

// pairs are names that are easily taken for each other.
var pairs = map[string]string{
	"ToUpper": "ToLower", "ToLower": "ToUpper", "HasPrefix": "HasSuffix", "HasSuffix": "HasPrefix",
	"TrimPrefix": "TrimSuffix", "TrimSuffix": "TrimPrefix", "TrimLeft": "TrimRight", "TrimRight": "TrimLeft",
	"Index": "LastIndex", "LastIndex": "Index", "Floor": "Ceil", "Ceil": "Floor", "Before": "After", "After": "Before",
	"min": "max", "max": "min", "Min": "Max", "Max": "Min", "true": "false", "false": "true",
	"break": "continue", "continue": "break",
}

// editor lists the edits of one file's nodes.
type editor struct {
	fset *token.FileSet
	src  []byte
	out  []edit
}

func (e *editor) text(n ast.Node) string { return string(e.src[e.at(n.Pos()):e.at(n.End())]) }

func (e *editor) at(p token.Pos) int { return e.fset.Position(p).Offset }

func (e *editor) replace(n ast.Node, kind int, text string) {
	e.span(n.Pos(), n.End(), kind, text, fmt.Sprintf("`%s` became `%s`", e.text(n), text))
}

func (e *editor) span(from, to token.Pos, kind int, text, what string) {
	e.out = append(e.out, edit{e.at(from), e.at(to), text, kind, what})
}

// operator swaps the operator of n, which stands at pos.
func (e *editor) operator(n ast.Node, pos token.Pos, op token.Token) {
	for _, other := range operators[op] {
		if other == op {
			continue
		}
		i, from := e.at(pos)-e.at(n.Pos()), e.text(n)
		became := from[:i] + other.String() + from[i+len(op.String()):]
		e.span(pos, pos+token.Pos(len(op.String())), kindOperator, other.String(),
			fmt.Sprintf("`%s` became `%s`", oneLine(from), oneLine(became)))
	}
}

// edits lists the small edits of a function's body, or of any other node. names
// are the variables that may have been meant instead of another.
func (e *editor) edits(root ast.Node, names []string) []edit {
	e.out = nil
	ast.Inspect(root, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BinaryExpr:
			e.operator(n, n.OpPos, n.Op)
			if lit, ok := n.Y.(*ast.BasicLit); ok && lit.Value == "1" && (n.Op == token.ADD || n.Op == token.SUB) {
				e.replace(n, kindBound, e.text(n.X))
			}
			if n.Op == token.SUB || n.Op == token.QUO {
				e.replace(n, kindName, e.text(n.Y)+" "+n.Op.String()+" "+e.text(n.X))
			}
		case *ast.AssignStmt:
			if len(n.Lhs) == 1 {
				e.operator(n, n.TokPos, n.Tok)
			}
		case *ast.IncDecStmt:
			e.operator(n, n.TokPos, n.Tok)
		case *ast.UnaryExpr:
			if n.Op == token.NOT || n.Op == token.SUB {
				e.replace(n, kindCondition, e.text(n.X))
			}
		case *ast.IfStmt:
			e.replace(n.Cond, kindCondition, "!("+e.text(n.Cond)+")")
		case *ast.IndexExpr:
			e.oneOff(n.Index)
		case *ast.SliceExpr:
			for _, bound := range []ast.Expr{n.Low, n.High} {
				if bound != nil {
					e.oneOff(bound)
				}
			}
		case *ast.CallExpr:
			e.call(n)
		case *ast.BranchStmt:
			if n.Label == nil && pairs[n.Tok.String()] != "" {
				e.replace(n, kindPair, pairs[n.Tok.String()])
			}
		case *ast.BasicLit:
			e.constant(n)
		case *ast.SelectorExpr:
			if other := pairs[n.Sel.Name]; other != "" {
				e.replace(n.Sel, kindPair, other)
			}
			return n.Sel == nil || !isIdent(n.X)
		case *ast.Ident:
			if other := pairs[n.Name]; other != "" {
				e.replace(n, kindPair, other)
			}
			e.name(n, names)
		}
		return true
	})
	return e.out
}

func isIdent(x ast.Expr) bool { _, ok := x.(*ast.Ident); return ok }

// oneOff moves a bound by one.
func (e *editor) oneOff(x ast.Expr) {
	switch x := x.(type) {
	case *ast.BasicLit:
		return // constant does that
	case *ast.BinaryExpr:
		if lit, ok := x.Y.(*ast.BasicLit); ok && lit.Value == "1" && (x.Op == token.ADD || x.Op == token.SUB) {
			e.replace(x, kindBound, e.text(x.X))
			return // and the rest is another operator or constant
		}
	}
	for _, by := range []string{"-1", "+1"} {
		e.replace(x, kindBound, e.text(x)+by)
	}
}

func (e *editor) call(n *ast.CallExpr) {
	if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "len" || id.Name == "cap") {
		e.oneOff(n)
	}
	for i := 0; i+1 < len(n.Args); i++ {
		a, b := n.Args[i], n.Args[i+1]
		text := e.text(b) + ", " + e.text(a)
		e.span(a.Pos(), b.End(), kindName, text, fmt.Sprintf("the arguments `%s, %s` changed places", e.text(a), e.text(b)))
	}
}

// constant tries the neighbours of a number, and its size off by ten.
func (e *editor) constant(n *ast.BasicLit) {
	switch n.Kind {
	case token.INT:
		v, err := strconv.ParseInt(n.Value, 0, 64)
		if err != nil {
			return
		}
		seen := map[int64]bool{v: true}
		for _, other := range []int64{v + 1, v - 1, 0, 1, v * 10, v / 10, v * 2, v / 2, 100, -v} {
			if !seen[other] {
				seen[other] = true
				e.replace(n, kindConstant, strconv.FormatInt(other, 10))
			}
		}
	case token.FLOAT:
		if v, err := strconv.ParseFloat(n.Value, 64); err == nil {
			for _, other := range []float64{v * 10, v / 10, v * 100, v / 100, v + 1, v - 1, 1 - v, 1 + v} {
				e.replace(n, kindConstant, strconv.FormatFloat(other, 'g', -1, 64))
			}
		}
	}
}

func (e *editor) name(n *ast.Ident, names []string) {
	known := false
	for _, other := range names {
		known = known || other == n.Name
	}
	for _, other := range names {
		if known && other != n.Name {
			e.replace(n, kindName, other)
		}
	}
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
