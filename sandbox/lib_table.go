package sandbox

var tableLib = []entry{
	{path: "table.concat", fn: tableConcat},
	{path: "table.foreach", fn: tableForeach},
	{path: "table.foreachi", fn: tableForeachi},
	{path: "table.getn", fn: tableGetn},
	{path: "table.insert", fn: tableInsert},
	{path: "table.maxn", fn: tableMaxn},
	{path: "table.remove", fn: tableRemove},
	{path: "table.sort", fn: tableSort},
	// LuaJIT's and OpenResty's additions.
	{path: "table.clear", fn: tableClear},
	{path: "table.clone", fn: tableClone},
	{path: "table.isarray", fn: tableIsarray},
	{path: "table.isempty", fn: tableIsempty},
	{path: "table.move", fn: tableMove},
	{path: "table.new", fn: tableNew},
	{path: "table.nkeys", fn: tableNkeys},
	{path: "table.pack", fn: tablePack},
	{path: "table.unpack", value: unpackValue},
}

// unpackValue is one function under two names.
var unpackValue = (&entry{path: "unpack", fn: tableUnpack}).make()

func tableGetn(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	c.push(Number(float64(t.length())))
	return nil
}

func tableMaxn(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	if err := c.Charge(int64(len(t.arr)+int(t.used)) >> 2); err != nil {
		return err
	}
	most := 0.0
	for i := len(t.arr); i > 0; i-- {
		if t.arr[i-1].p != nil {
			most = float64(i)
			break
		}
	}
	for i := range t.nodes[:t.used] {
		if n := &t.nodes[i]; n.val.p != nil && n.key.isNumber() && n.key.n > most {
			most = n.key.n
		}
	}
	c.push(Number(most))
	return nil
}

func tableInsert(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	n := t.length()
	switch len(c.args) {
	case 2:
		return t.setInt(c.r, n+1, c.args[1])
	case 3:
		pos, err := c.CheckInt(2)
		if err != nil {
			return err
		}
		if t.readonly {
			return errReadOnly
		}
		if n+1 > pos {
			if err := c.Charge(int64(n+1-max(pos, 1)) >> 2); err != nil {
				return err
			}
		}
		for i := n + 1; i > pos; i-- {
			if i-1 < 1 && i < n+1-maxResults { // far below the list: nothing to move
				break
			}
			if err := t.setInt(c.r, i, t.getInt(i-1)); err != nil {
				return err
			}
			if i < 1 {
				if err := c.Charge(1); err != nil {
					return err
				}
			}
		}
		return t.setInt(c.r, pos, c.args[2])
	}
	return errorText("wrong number of arguments to 'insert'")
}

func tableRemove(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	n := t.length()
	if len(c.args) < 2 || c.args[1].IsNil() {
		if n > 0 {
			c.push(t.getInt(n))
			return t.setInt(c.r, n, Nil)
		}
		return nil
	}
	pos, err := c.CheckInt(2)
	if err != nil {
		return err
	}
	if pos < 1 || pos > n {
		return nil
	}
	if t.readonly {
		return errReadOnly
	}
	if err := c.Charge(int64(n-pos) >> 2); err != nil {
		return err
	}
	c.push(t.getInt(pos))
	for ; pos < n; pos++ {
		if err := t.setInt(c.r, pos, t.getInt(pos+1)); err != nil {
			return err
		}
	}
	return t.setInt(c.r, n, Nil)
}

func tableConcat(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	sep, err := c.OptString(2, "")
	if err != nil {
		return err
	}
	from, err := c.OptInt(3, 1)
	if err != nil {
		return err
	}
	to, err := c.OptInt(4, t.length())
	if err != nil {
		return err
	}
	b := buffer{r: c.r}
	for i := from; i <= to; i++ {
		v := t.getInt(i)
		switch v.kind() {
		case kindString:
			err = b.add(v.str().s)
		case kindNumber:
			err = b.add(numberToString(v.n))
		default:
			return errorText("invalid value (" + v.Type().String() + ") at index " + numberToString(float64(i)) + " in table for 'concat'")
		}
		if err != nil {
			return err
		}
		if i < to {
			if err := b.add(sep); err != nil {
				return err
			}
		}
		if err := c.Charge(1); err != nil {
			return err
		}
	}
	v, err := b.value()
	if err != nil {
		return err
	}
	c.push(v)
	return nil
}

func tableForeach(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	f, err := c.CheckFunction(2)
	if err != nil {
		return err
	}
	for k := Nil; ; {
		var v Value
		if k, v, err = c.r.next(t, k); err != nil || k.p == nil {
			return err
		}
		if done, err := visit(c, f, k, v); done || err != nil {
			return err
		}
	}
}

func tableForeachi(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	f, err := c.CheckFunction(2)
	if err != nil {
		return err
	}
	for i, n := 1, t.length(); i <= n; i++ {
		if done, err := visit(c, f, Number(float64(i)), t.getInt(i)); done || err != nil {
			return err
		}
	}
	return nil
}

// visit calls f for one entry; a result that is not nil ends the loop.
func visit(c *Call, f, k, v Value) (done bool, err error) {
	res, err := c.Call(f, k, v)
	if err != nil || len(res) == 0 || res[0].IsNil() {
		return false, err
	}
	c.push(res[0])
	return true, nil
}

// tableUnpack is unpack and table.unpack.
func tableUnpack(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	from, err := c.OptInt(2, 1)
	if err != nil {
		return err
	}
	var to int
	if c.Arg(3).IsNil() {
		to = t.length()
	} else if to, err = c.CheckInt(3); err != nil {
		return err
	}
	if from > to {
		return nil
	}
	if err := c.spread(to - from + 1); err != nil {
		return err
	}
	for i := from; i <= to; i++ {
		c.push(t.getInt(i))
	}
	return nil
}

func tablePack(c *Call) error {
	t, err := c.NewTable(len(c.args), 1)
	if err != nil {
		return err
	}
	if err := c.r.setList(t, 0, c.args); err != nil {
		return err
	}
	if err := c.SetString(t, "n", Number(float64(len(c.args)))); err != nil {
		return err
	}
	c.push(t.value())
	return nil
}

func tableNew(c *Call) error {
	narr, err := c.CheckInt(1)
	if err != nil {
		return err
	}
	nhash, err := c.CheckInt(2)
	if err != nil {
		return err
	}
	// What cannot be paid is refused before the sizes are multiplied.
	if most := c.r.memLeft(); narr > most || nhash > most {
		return errMemory
	}
	t, err := c.NewTable(max(narr, 0), max(nhash, 0))
	if err != nil {
		return err
	}
	c.push(t.value())
	return nil
}

func tableClear(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	if t.readonly {
		return errReadOnly
	}
	if err := c.Charge(int64(len(t.arr)+len(t.nodes)) >> 3); err != nil {
		return err
	}
	t.clear()
	return nil
}

// tableClone copies a table, not what is in it, and not its metatable.
func tableClone(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	u, err := c.NewTable(len(t.arr), int(t.used))
	if err != nil {
		return err
	}
	if err := c.Charge(int64(len(t.arr)+int(t.used)) >> 2); err != nil {
		return err
	}
	u.arr = append(u.arr, t.arr...)
	for i := range t.nodes[:t.used] {
		if n := &t.nodes[i]; n.val.p != nil {
			if err := u.setHash(c.r, n.key, n.val); err != nil {
				return err
			}
		}
	}
	c.push(u.value())
	return nil
}

func tableNkeys(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	if err := c.Charge(int64(len(t.arr)+int(t.used)) >> 2); err != nil {
		return err
	}
	n := 0
	for _, v := range t.arr {
		if v.p != nil {
			n++
		}
	}
	for i := range t.nodes[:t.used] {
		if t.nodes[i].val.p != nil {
			n++
		}
	}
	c.push(Number(float64(n)))
	return nil
}

func tableIsempty(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	k, _, err := c.r.next(t, Nil)
	if err != nil {
		return err
	}
	c.push(Bool(k.p == nil))
	return nil
}

// tableIsarray tells whether all keys are positive integers.
func tableIsarray(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	if err := c.Charge(int64(t.used) >> 2); err != nil {
		return err
	}
	for i := range t.nodes[:t.used] {
		n := &t.nodes[i]
		if n.val.p == nil {
			continue
		}
		if k, ok := intKey(n.key.n); !n.key.isNumber() || !ok || k < 1 {
			c.push(Bool(false))
			return nil
		}
	}
	c.push(Bool(true))
	return nil
}

func tableMove(c *Call) error {
	from, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	var at [3]int
	for i := range at {
		if at[i], err = c.CheckInt(i + 2); err != nil {
			return err
		}
	}
	to := from
	if !c.Arg(5).IsNil() {
		if to, err = c.CheckTable(5); err != nil {
			return err
		}
	}
	f, e, t := at[0], at[1], at[2]
	step := func(i int) error {
		if err := c.Charge(1); err != nil {
			return err
		}
		return to.setInt(c.r, t+i, from.getInt(f+i))
	}
	if e >= f {
		if t > e || t <= f || to != from {
			for i := 0; i <= e-f; i++ {
				if err := step(i); err != nil {
					return err
				}
			}
		} else {
			for i := e - f; i >= 0; i-- {
				if err := step(i); err != nil {
					return err
				}
			}
		}
	}
	c.push(to.value())
	return nil
}

// sorter sorts t[1..n] in place, in the steps of Lua's own quicksort, so that
// invalid order functions are noticed alike. Its recursion takes the smaller
// half, so it is bounded by the logarithm of n.
type sorter struct {
	c    *Call
	t    *Table
	less Value
}

func tableSort(c *Call) error {
	t, err := c.CheckTable(1)
	if err != nil {
		return err
	}
	s := sorter{c: c, t: t}
	if !c.Arg(2).IsNil() {
		if s.less, err = c.CheckFunction(2); err != nil {
			return err
		}
	}
	if t.readonly {
		return errReadOnly
	}
	return s.sort(1, t.length())
}

func (s *sorter) before(a, b Value) (bool, error) {
	if err := s.c.Charge(2); err != nil {
		return false, err
	}
	if s.less.p == nil {
		return s.c.r.lessThan(a, b)
	}
	res, err := s.c.r.call1(s.less, a, b)
	return res.Truthy(), err
}

func (s *sorter) set2(i, j int, vi, vj Value) error {
	if err := s.t.setInt(s.c.r, i, vi); err != nil {
		return err
	}
	return s.t.setInt(s.c.r, j, vj)
}

// order swaps t[i] and t[j] if t[j] comes first, and tells whether it did.
func (s *sorter) order(i, j int) (bool, error) {
	a, b := s.t.getInt(i), s.t.getInt(j)
	swap, err := s.before(b, a)
	if err != nil || !swap {
		return false, err
	}
	return true, s.set2(i, j, b, a)
}

func (s *sorter) sort(l, u int) error {
	for l < u {
		_, err := s.order(l, u)
		if err != nil || u-l == 1 {
			return err
		}
		i := (l + u) / 2
		swapped, err := s.order(l, i)
		if !swapped && err == nil {
			_, err = s.order(i, u)
		}
		if err != nil {
			return err
		}
		if u-l == 2 {
			return nil
		}
		pivot := s.t.getInt(i)
		if err := s.set2(i, u-1, s.t.getInt(u-1), pivot); err != nil {
			return err
		}
		i, j := l, u-1
		for {
			for {
				i++
				less, err := s.before(s.t.getInt(i), pivot)
				if err != nil {
					return err
				}
				if !less {
					break
				}
				if i >= u { // LuaJIT's bounds, one less than of lua5.1
					return errorText("invalid order function for sorting")
				}
			}
			for {
				j--
				less, err := s.before(pivot, s.t.getInt(j))
				if err != nil {
					return err
				}
				if !less {
					break
				}
				if j <= l {
					return errorText("invalid order function for sorting")
				}
			}
			if j < i {
				break
			}
			if err := s.set2(i, j, s.t.getInt(j), s.t.getInt(i)); err != nil {
				return err
			}
		}
		if err := s.set2(u-1, i, s.t.getInt(i), s.t.getInt(u-1)); err != nil {
			return err
		}
		if i-l < u-i {
			if err := s.sort(l, i-1); err != nil {
				return err
			}
			l = i + 1
		} else {
			if err := s.sort(i+1, u); err != nil {
				return err
			}
			u = i - 1
		}
	}
	return nil
}
