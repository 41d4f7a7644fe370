package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// plotted leaves out what the others are compared with, and large bodies, beside
// which the others' bars could not be seen.
func (c chain) plotted() bool { return c.name != c.base && c.body < largeBody }

// plot draws what each chain adds, with its spread, as an SVG with the colours
// of either theme.
func (r *report) plot() string {
	const (
		left, right, top = 430, 70, 64
		row, bar         = 30, 16
		width            = 900
	)
	var list []chain
	for _, c := range r.chains {
		if c.plotted() {
			list = append(list, c)
		}
	}
	most := 0.0
	for _, c := range list {
		_, added, _ := r.costs(c)
		most = max(most, added.high)
	}
	step := niceStep(most)
	limit := math.Ceil(most/step) * step
	x := func(v float64) float64 { return left + math.Max(v, 0)/limit*(width-left-right) }
	height := top + row*len(list) + 40

	var b strings.Builder
	p := func(format string, args ...any) { fmt.Fprintf(&b, format, args...) }
	p(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" role="img">`+"\n", width, height)
	p("<title>CPU time that filters add to a request in Envoy</title>\n")
	p("<style>text{fill:#24292f}.grid{stroke:#8886}.ours{fill:#2f6feb}.theirs{fill:#8b949e}.spread{stroke:#24292f}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.spread{stroke:#e6edf3}}</style>\n")
	p(`<text x="12" y="22" font-size="16">CPU time of Envoy added to a request, µs</text>` + "\n")
	p(`<text x="12" y="42">median of %d blocks, line: the middle half of them; Envoy %s, %s</text>`+"\n",
		r.plan.rounds, html.EscapeString(r.machine.envoy), r.began.UTC().Format("2006-01-02"))
	for v := 0.0; v <= limit+step/2; v += step {
		p(`<line class="grid" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
			x(v), x(v), top, height-30, x(v), height-12, v)
	}
	for i, c := range list {
		_, added, _ := r.costs(c)
		class := "theirs"
		if strings.HasPrefix(c.title, "authcallout") || strings.HasPrefix(c.title, "awssign") {
			class = "ours"
		}
		y := top + i*row + (row-bar)/2
		middle := y + bar/2
		p(`<text x="%d" y="%d" text-anchor="end">%s</text>`, left-10, middle+5, html.EscapeString(c.title))
		p(`<rect class="%s" x="%d" y="%d" width="%.1f" height="%d"/>`, class, left, y, x(added.median)-left, bar)
		p(`<line class="spread" x1="%.1f" x2="%.1f" y1="%d" y2="%d"/>`, x(added.low), x(added.high), middle, middle)
		p(`<text x="%.1f" y="%d">%.1f</text>`+"\n", x(added.high)+6, middle+5, added.median)
	}
	p("</svg>\n")
	return b.String()
}

// niceStep is the distance of the grid's lines: 1, 2 or 5 times a power of ten.
func niceStep(most float64) float64 {
	if most <= 0 {
		return 1
	}
	step := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, f := range []float64{1, 2, 5, 10} {
		if most/(step*f) <= 8 {
			return step * f
		}
	}
	return step * 10
}
