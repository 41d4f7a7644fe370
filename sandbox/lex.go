package sandbox

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

type token uint8

const (
	tkEOF token = iota
	tkName
	tkString
	tkNumber
	// Keywords, in the order of keywordNames.
	tkAnd
	tkBreak
	tkDo
	tkElse
	tkElseif
	tkEnd
	tkFalse
	tkFor
	tkFunction
	tkGoto
	tkIf
	tkIn
	tkLocal
	tkNil
	tkNot
	tkOr
	tkRepeat
	tkReturn
	tkThen
	tkTrue
	tkUntil
	tkWhile
	tkConcat // ..
	tkDots   // ...
	tkEq     // ==
	tkGe
	tkLe
	tkNe
	tkLabel // ::
	// All other tokens are single characters, from here on.
	tkChar
)

var keywordNames = [...]string{
	"and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in",
	"local", "nil", "not", "or", "repeat", "return", "then", "true", "until", "while",
	"..", "...", "==", ">=", "<=", "~=", "::",
}

var keywords = func() map[string]token {
	m := make(map[string]token, 22)
	for i, s := range keywordNames[:22] {
		m[s] = tkAnd + token(i)
	}
	return m
}()

func char(c byte) token { return tkChar + token(c) }

//go:noinline
func (t token) String() string {
	switch {
	case t == tkEOF:
		return "<eof>"
	case t == tkName:
		return "<name>"
	case t == tkString:
		return "<string>"
	case t == tkNumber:
		return "<number>"
	case t < tkChar:
		return keywordNames[t-tkAnd]
	}
	return string(rune(t - tkChar))
}

// lexer reads tokens. Errors are raised as panics with an *Error and caught
// in compileChunk: the one place where this package uses panic to return.
type lexer struct {
	chunk     string
	src       string
	pos       int
	line      int
	lineStart int // position of the first byte of the line

	tok      token
	str      string  // of tkName and tkString
	num      float64 // of tkNumber
	start    int     // first byte of the token
	tokLine  int
	tokCol   int
	lastLine int // line of the token before

	ahead *lexState
	buf   []byte
}

// lexState is a token looked at ahead of time.
type lexState struct {
	tok                    token
	str                    string
	num                    float64
	start, tokLine, tokCol int
}

func newLexer(chunk, src string) *lexer {
	l := &lexer{chunk: chunk, src: src, line: 1, lastLine: 1}
	l.src = strings.TrimPrefix(l.src, "\xEF\xBB\xBF")
	if strings.HasPrefix(l.src, "#") { // the line that names an interpreter
		for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
			l.pos++
		}
	}
	return l
}

func (l *lexer) fail(line, col int, near, text string) {
	msg := l.chunk + ":" + strconv.Itoa(line) + ": " + text
	if near != "" {
		msg += " near '" + near + "'"
	}
	//nolint:forbidigo // caught in compileParsed: a syntax error ends the parser at any depth
	panic(&Error{Kind: Syntax, Message: msg, Chunk: l.chunk, Line: line, Column: col, Near: near})
}

// failHere is for errors inside of a token: what was read of it is shown.
func (l *lexer) failHere(text string) {
	l.fail(l.line, l.start-l.lineStart+1, l.shown(l.start, l.pos), text)
}

// failToken is for a token that does not belong where it is.
func (l *lexer) failToken(text string) {
	l.fail(l.tokLine, l.tokCol, l.tokenText(), text)
}

func (l *lexer) tokenText() string {
	switch {
	case l.tok == tkString && l.src[l.start] != '[':
		quote := l.src[l.start : l.start+1]
		return brief(quote + l.str + quote)
	case l.tok == tkName || l.tok == tkString || l.tok == tkNumber:
		end := l.pos
		if l.ahead != nil {
			end = l.ahead.start
		}
		return l.shown(l.start, end)
	case l.tok == tkChar: // LuaJIT takes NUL for no token
		return ""
	case l.tok > tkChar && l.tok < char(' '):
		return "char(" + strconv.Itoa(int(l.tok-tkChar)) + ")"
	}
	return l.tok.String()
}

// shown returns source text for a message, shortened.
func (l *lexer) shown(from, to int) string {
	for to > from && isSpace(l.src[to-1]) {
		to--
	}
	return brief(l.src[from:to])
}

func brief(s string) string { return s[:min(len(s), 80)] }

// failString shows what was read of a string, with its escapes carried out.
func (l *lexer) failString(buf []byte, text string) {
	l.fail(l.line, l.pos-l.lineStart+1, brief(l.src[l.start:l.start+1]+string(buf)), text)
}

func (l *lexer) next() {
	l.lastLine = l.line // behind a token looked at ahead, as in the real ones
	if a := l.ahead; a != nil {
		l.tok, l.str, l.num, l.start, l.tokLine, l.tokCol = a.tok, a.str, a.num, a.start, a.tokLine, a.tokCol
		l.ahead = nil
		return
	}
	l.tok = l.scan()
}

// peek returns the token after the current one.
func (l *lexer) peek() token {
	if l.ahead == nil {
		cur := lexState{l.tok, l.str, l.num, l.start, l.tokLine, l.tokCol}
		tok := l.scan()
		l.ahead = &lexState{tok, l.str, l.num, l.start, l.tokLine, l.tokCol}
		l.tok, l.str, l.num, l.start, l.tokLine, l.tokCol = cur.tok, cur.str, cur.num, cur.start, cur.tokLine, cur.tokCol
	}
	return l.ahead.tok
}

//go:noinline
func (l *lexer) at(i int) byte {
	if i < len(l.src) {
		return l.src[i]
	}
	return 0
}

// newline passes a line end: \n, \r, \r\n or \n\r.
//
//go:noinline
func (l *lexer) newline() {
	c := l.src[l.pos]
	l.pos++
	if d := l.at(l.pos); (d == '\n' || d == '\r') && d != c && l.pos < len(l.src) {
		l.pos++
	}
	l.line++
	l.lineStart = l.pos
}

func isDigit(c byte) bool { return c-'0' < 10 }
func isAlpha(c byte) bool { return c|0x20-'a' < 26 || c == '_' || c >= 0x80 }
func isSpace(c byte) bool { return c == ' ' || c-'\t' < 5 }

//go:noinline
func hexDigit(c byte) int {
	switch {
	case c-'0' < 10:
		return int(c - '0')
	case c|0x20-'a' < 6:
		return int(c|0x20-'a') + 10
	}
	return -1
}

func (l *lexer) scan() token {
	for {
		l.start, l.tokLine, l.tokCol = l.pos, l.line, l.pos-l.lineStart+1
		if l.pos >= len(l.src) {
			return tkEOF
		}
		c := l.src[l.pos]
		switch {
		case c == '\n' || c == '\r':
			l.newline()
			continue
		case isSpace(c):
			l.pos++
			continue
		case isAlpha(c):
			for l.pos < len(l.src) && (isAlpha(l.src[l.pos]) || isDigit(l.src[l.pos])) {
				l.pos++
			}
			l.str = l.src[l.start:l.pos]
			if k, ok := keywords[l.str]; ok {
				return k
			}
			return tkName
		case isDigit(c) || c == '.' && isDigit(l.at(l.pos+1)):
			l.number()
			return tkNumber
		}
		d := l.at(l.pos + 1)
		l.pos++
		switch c {
		case '-':
			if d != '-' {
				return char('-')
			}
			l.pos++
			if l.at(l.pos) == '[' {
				if level := l.longOpen(); level >= 0 {
					l.long(level, "unfinished long comment")
					continue
				}
			}
			for l.pos < len(l.src) && l.src[l.pos] != '\n' && l.src[l.pos] != '\r' {
				l.pos++
			}
			continue
		case '[':
			l.pos--
			if level := l.longOpen(); level >= 0 {
				l.str = l.long(level, "unfinished long string")
				return tkString
			}
			if d == '=' {
				for l.pos++; l.at(l.pos) == '='; l.pos++ {
				}
				l.failHere("invalid long string delimiter")
			}
			l.pos++
			return char('[')
		case '"', '\'':
			l.quoted(c)
			return tkString
		case '=':
			return l.pair(d, '=', tkEq, c)
		case '<':
			return l.pair(d, '=', tkLe, c)
		case '>':
			return l.pair(d, '=', tkGe, c)
		case '~':
			return l.pair(d, '=', tkNe, c)
		case ':':
			return l.pair(d, ':', tkLabel, c)
		case '.':
			if d == '.' {
				l.pos++
				if l.at(l.pos) == '.' {
					l.pos++
					return tkDots
				}
				return tkConcat
			}
		}
		return char(c)
	}
}

func (l *lexer) pair(got, want byte, two token, one byte) token {
	if got == want {
		l.pos++
		return two
	}
	return char(one)
}

func (l *lexer) number() {
	exp := byte('e')
	if l.src[l.pos] == '0' && l.at(l.pos+1)|0x20 == 'x' {
		exp = 'p'
	}
	for l.pos < len(l.src) {
		c := l.src[l.pos]
		if (c == '+' || c == '-') && l.src[l.pos-1]|0x20 == exp && l.pos > l.start {
			l.pos++
			continue
		}
		if !isDigit(c) && !isAlpha(c) && c != '.' {
			break
		}
		l.pos++
	}
	text := l.src[l.start:l.pos]
	n, ok := parseNumber(text)
	if !ok {
		end := len(text)
		if end > 1 && text[end-1]|0x20 == 'i' {
			end--
		}
		if end > 2 && text[end-1]|0x20 == 'l' && text[end-2]|0x20 == 'l' {
			end -= 2
			if text[end-1]|0x20 == 'u' {
				end--
			}
		}
		if _, ok := parseNumber(text[:end]); ok {
			l.failHere("64-bit and imaginary number literals are not supported")
		}
		l.failHere("malformed number")
	}
	l.num = n
}

// longOpen returns the level of the long bracket at pos, -1 if there is none.
//
//go:noinline
func (l *lexer) longOpen() int {
	i := l.pos + 1
	for l.at(i) == '=' {
		i++
	}
	if l.at(i) != '[' {
		return -1
	}
	return i - l.pos - 1
}

// long reads a long string or comment from its opening bracket on.
func (l *lexer) long(level int, unfinished string) string {
	l.pos += level + 2
	if c := l.at(l.pos); (c == '\n' || c == '\r') && l.pos < len(l.src) {
		l.newline()
	}
	from := l.pos
	buf := l.buf[:0]
	plain := true // no line end other than \n so far
	for l.pos < len(l.src) {
		switch c := l.src[l.pos]; c {
		case ']':
			i := l.pos + 1
			for i-l.pos-1 < level && l.at(i) == '=' {
				i++
			}
			if i-l.pos-1 == level && l.at(i) == ']' {
				s := l.src[from:l.pos]
				if !plain {
					buf = append(buf, s...)
					s = string(buf)
				}
				l.buf = buf
				l.pos = i + 1
				return s
			}
			l.pos = i
		case '\n', '\r':
			at := l.pos
			l.newline()
			if c == '\r' || l.pos-at == 2 {
				plain = false
				buf = append(append(buf, l.src[from:at]...), '\n')
				from = l.pos
			}
		default:
			l.pos++
		}
	}
	l.fail(l.line, l.pos-l.lineStart+1, "<eof>", unfinished)
	return ""
}

func (l *lexer) quoted(quote byte) {
	buf := l.buf[:0]
	for {
		if l.pos >= len(l.src) {
			l.fail(l.line, l.pos-l.lineStart+1, "<eof>", "unfinished string")
		}
		c := l.src[l.pos]
		switch c {
		case quote:
			l.pos++
			l.str, l.buf = string(buf), buf
			return
		case '\n', '\r':
			l.failString(buf, "unfinished string")
		case '\\':
			buf = l.escape(buf)
		default:
			l.pos++
			buf = append(buf, c)
		}
	}
}

// simpleEscape returns the byte that a letter stands for, 0 for other letters.
func simpleEscape(c byte) byte {
	switch c {
	case 'a':
		return '\a'
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	case 'v':
		return '\v'
	case '\\', '"', '\'':
		return c
	}
	return 0
}

// escape reads an escape sequence, as LuaJIT has them: unknown ones are errors.
func (l *lexer) escape(buf []byte) []byte {
	var r int // the byte that it stands for
	l.pos++
	c := l.at(l.pos)
	switch e := simpleEscape(c); {
	case e != 0:
		l.pos++
		r = int(e)
	case l.pos >= len(l.src):
		return buf // the caller reports the end
	case c == '\n' || c == '\r':
		l.newline()
		r = '\n'
	case c == 'x':
		hi, lo := hexDigit(l.at(l.pos+1)), hexDigit(l.at(l.pos+2))
		if hi < 0 || lo < 0 {
			l.failString(buf, "invalid escape sequence")
		}
		l.pos += 3
		r = hi<<4 | lo
	case c == 'z':
		l.pos++
		for l.pos < len(l.src) && isSpace(l.src[l.pos]) {
			if c := l.src[l.pos]; c == '\n' || c == '\r' {
				l.newline()
			} else {
				l.pos++
			}
		}
		return buf
	case c == 'u' && l.at(l.pos+1) == '{':
		l.pos += 2
		n, digits := 0, 0
		for hexDigit(l.at(l.pos)) >= 0 {
			n = n<<4 | hexDigit(l.at(l.pos))
			if n > utf8.MaxRune {
				l.failString(buf, "invalid escape sequence")
			}
			l.pos++
			digits++
		}
		if digits == 0 || l.at(l.pos) != '}' || n >= 0xD800 && n < 0xE000 {
			l.failString(buf, "invalid escape sequence")
		}
		l.pos++
		return utf8.AppendRune(buf, rune(n))
	case isDigit(c):
		for i := 0; i < 3 && isDigit(l.at(l.pos)); i++ {
			r = r*10 + int(l.src[l.pos]-'0')
			l.pos++
		}
		if r > 255 {
			l.failString(buf, "invalid escape sequence")
		}
	default:
		l.failString(buf, "invalid escape sequence")
	}
	return append(buf, byte(r))
}
