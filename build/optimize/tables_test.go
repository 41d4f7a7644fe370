package main

import (
	"slices"
	"testing"
)

// TestTables reads, thins and writes tables of program counters.
func TestTables(t *testing.T) {
	// 7 up to 3, 5 up to 10, -1 up to 300, 5 up to 301, 7 up to 310.
	table := []byte{16, 3, 3, 7, 11, 0xa2, 2, 12, 1, 4, 9, 0}
	whole := []stretch{{7, 3}, {5, 10}, {-1, 300}, {5, 301}, {7, 310}}
	list, read, err := readTable(append(slices.Clone(table), 9, 9))
	if err != nil || !slices.Equal(list, whole) || !slices.Equal(read, table) {
		t.Fatalf("%v, % d, %v", list, read, err)
	}
	if got := appendTable(nil, whole); !slices.Equal(got, table) {
		t.Errorf("% d, want % d", got, table)
	}
	for _, tt := range []struct {
		name string
		pcs  []int
		want []stretch
	}{
		{"all", []int{0, 3, 10, 300, 301}, whole},
		{"all, at their ends", []int{0, 2, 9, 299, 300, 309}, whole},
		{"the first", []int{0}, []stretch{{7, 310}}},
		{"the last", []int{0, 309}, []stretch{{7, 310}}},
		{"one in the middle", []int{0, 150}, []stretch{{7, 10}, {-1, 310}}},
		{"two of the same value", []int{0, 4, 300}, []stretch{{7, 3}, {5, 310}}},
		{"behind the end", []int{0, 310, 400}, []stretch{{7, 310}}},
	} {
		if got := thin(whole, tt.pcs); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	for _, cut := range [][]byte{{}, {16}, {16, 3}, {16, 3, 0x80}} {
		if _, _, err := readTable(cut); err == nil {
			t.Errorf("% d is no whole table", cut)
		}
	}
}
