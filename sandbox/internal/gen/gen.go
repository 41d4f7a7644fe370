package gen
func Program(seed uint64) string { return "print(1)" }
