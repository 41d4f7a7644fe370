// Package probe is a filter for tests only: a request's headers say what it is
// to do, so that every path of the shell can be walked in a real Envoy.
package probe

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// Plugin is the probe.
var Plugin = filter.Plugin{
	Name: "probe",
	Verdicts: []filter.Verdict{
		{Word: "passed", When: "The request passed."},
		{Word: "told", Status: "any", When: "The request asked for a reply."},
	},
	Metrics: []filter.Metric{{Name: "ticks", Help: "Ticks."}, {Name: "tick_answers", Help: "Answers to callouts of ticks."}},
	Load:    load,
}

// load takes {"tick": MS} for a ticker that calls cluster "auth", {"fail":
// "open"} for an OnFailure that lets requests pass, {"policy": TEXT} for an edit
// of x-policy, {"recheck": true} for a second mount,
// {"shadow": true} for shadow mode, {"panic": true} to break, and refuses {"bad": ...}.
func load(config []byte, host filter.Host) (filter.Filter, error) {
	f := &probe{host: host, ticks: host.Counter("ticks"), answers: host.Counter("tick_answers")}
	if len(config) == 0 {
		return f, nil
	}
	v, err := jsonr.Parse(config, jsonr.Limits{})
	if err != nil {
		return nil, err
	}
	if _, ok := v.Get("bad"); ok {
		return nil, errors.New("bad: unknown field")
	}
	if _, ok := v.Get("panic"); ok {
		panic("load")
	}
	if p, ok := v.Get("policy"); ok {
		f.policy = p.String()
	}
	if p, ok := v.Get("recheck"); ok {
		f.recheck = p.Bool()
	}
	if p, ok := v.Get("shadow"); ok {
		f.shadow = p.Bool()
	}
	if p, ok := v.Get("fail"); ok {
		f.open = p.String() == "open"
	}
	if p, ok := v.Get("tick"); ok {
		ms, _ := p.Int()
		return &ticking{probe: f, period: time.Duration(ms) * time.Millisecond}, nil
	}
	return f, nil
}

type probe struct {
	host           filter.Host
	ticks, answers filter.Counter
	open, recheck  bool
	shadow         bool
	policy         string
}

// Shadows implements filter.Shadower.
func (f *probe) Shadows() bool { return f.shadow }

// Rechecks implements filter.Rechecker.
func (f *probe) Rechecks() bool { return f.recheck }

type ticking struct {
	*probe
	period time.Duration
}

func (t *ticking) TickPeriod() time.Duration { return t.period }

func (t *ticking) OnTick(time.Time) filter.Outcome {
	t.ticks.Add(1)
	return filter.Call(call("auth", "/tick"), func(res filter.CalloutResult) filter.Outcome {
		if res.Failure == filter.None {
			t.answers.Add(1)
		}
		return filter.Continue()
	})
}

func call(cluster, path string) filter.Callout {
	return filter.Callout{Cluster: cluster, Method: "POST", Authority: "auth", Path: path, Body: []byte("{}"),
		Timeout: 300 * time.Millisecond, MaxReply: 1024}
}

// stream runs the steps of x-probe one after the other; x-probe-response holds
// those for the response.
type stream struct {
	*probe
	response string
	chunks   string
}

// StripsTrailer implements filter.TrailerStripper.
func (s *stream) StripsTrailer(name string) bool { return name == "x-user" }

func (f *probe) NewStream() filter.Filter { return &stream{probe: f} }

// Reset implements filter.Resetter.
func (s *stream) Reset() { s.response, s.chunks = "", "" }

func (f *probe) OnRequest(m filter.Message, now time.Time) filter.Outcome {
	return f.NewStream().OnRequest(m, now)
}

func (f *probe) OnResponse(filter.Message, time.Time) filter.Outcome { return filter.Continue() }

// OnFailure implements filter.Failer.
func (s *stream) OnFailure() filter.Outcome {
	if s.open {
		return filter.Pass("passed")
	}
	return filter.Send(filter.InternalError, filter.Reply{Status: 500, Message: "broken"})
}

func (s *stream) OnRequest(m filter.Message, _ time.Time) filter.Outcome {
	steps, _ := m.Header("x-probe")
	s.response, _ = m.Header("x-probe-response")
	s.chunks, _ = m.Header("x-probe-chunks")
	if s.policy != "" {
		m.SetHeader("x-policy", s.policy)
	}
	return s.run(m, strings.Fields(steps), filter.Pass("passed"))
}

func (s *stream) OnResponse(m filter.Message, _ time.Time) filter.Outcome {
	return s.run(m, strings.Fields(s.response), filter.Continue())
}

// run carries out steps:
//
//	panic               panic
//	set:NAME:VALUE      set a header
//	state:NAME:VALUE    set filter state; whether Envoy took it goes into header x-state
//	reply:STATUS        answer
//	call:CLUSTER:PATH   callout; the result goes into header x-call
//	onlycall:CLUSTER:PATH  the same, with the promise to ask for no body
//	share:CLUSTER:PATH  the same, shared by all that ask for the path
//	body:LIMIT          whole body; its size goes into header x-body
//	partial:LIMIT       part of the body
//	rewrite             replace the body by its capitals
func (s *stream) run(m filter.Message, steps []string, end filter.Outcome) filter.Outcome {
	if len(steps) == 0 {
		return end
	}
	args := strings.SplitN(steps[0], ":", 3)
	rest := steps[1:]
	next := func() filter.Outcome { return s.run(m, rest, end) }
	switch args[0] {
	case "panic":
		panic("probe")
	case "set":
		m.SetHeader(args[1], args[2])
	case "state":
		m.SetHeader("x-state", strconv.FormatBool(m.SetFilterState(args[1], args[2])))
	case "reply":
		status, _ := strconv.Atoi(args[1])
		return filter.Send("told", filter.Reply{Status: status, Message: `said "so"`})
	case "call", "share", "onlycall":
		c := call(args[1], args[2])
		if args[0] == "share" {
			c.Flight, c.MaxWaiters = args[2], 2
		}
		o := filter.Call(c, func(res filter.CalloutResult) filter.Outcome {
			m.AddHeader("x-call", res.Failure.String()+" "+strconv.Itoa(res.Status)+" "+strconv.Itoa(len(res.Body)))
			return next()
		})
		if args[0] == "onlycall" {
			o = o.WithoutBody()
		}
		return o
	case "body", "partial":
		limit, _ := strconv.Atoi(args[1])
		return filter.NeedBody(filter.BodyNeed{Limit: limit, Partial: args[0] == "partial"}, func(b filter.BodyResult) filter.Outcome {
			if b.TooLarge {
				return filter.Send("told", filter.Reply{Status: 413})
			}
			m.SetHeader("x-body", strconv.Itoa(len(m.Body()))+" "+strconv.FormatBool(b.Truncated))
			return next()
		})
	case "rewrite":
		m.SetBody([]byte(strings.ToUpper(string(m.Body())) + "!"))
	}
	return next()
}

// OnRequestChunk implements filter.RequestChunker: "upper" edits in place,
// "drop" empties, "panic" breaks, "refuse" answers.
func (s *stream) OnRequestChunk(piece []byte, end bool) ([]byte, filter.Outcome) {
	return s.chunk(piece, end)
}

// OnResponseChunk implements filter.ResponseChunker.
func (s *stream) OnResponseChunk(piece []byte, end bool) ([]byte, filter.Outcome) {
	return s.chunk(piece, end)
}

func (s *stream) chunk(piece []byte, end bool) ([]byte, filter.Outcome) {
	switch s.chunks {
	case "upper":
		for i, c := range piece {
			if 'a' <= c && c <= 'z' {
				piece[i] = c - 'a' + 'A'
			}
		}
		if end && piece != nil {
			piece = append(piece, '.')
		}
	case "drop":
		piece = nil
	case "panic":
		panic("chunk")
	case "refuse":
		return nil, filter.Send("told", filter.Reply{Status: 403})
	}
	return piece, filter.Continue()
}
