package main

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	at := func(d time.Duration) time.Time { return now.Add(d) }
	long := token{"user-1", at(time.Minute)}
	ended := func(ago time.Duration) token { return token{"user-1", at(-ago)} }
	for name, x := range map[string]struct {
		listener int
		token    token
		status   int
		seen     string
		err      error
		hurried  bool
		trouble  bool
		wrong    bool
		silent   bool
	}{
		"a valid token passes":                         {token: long, status: 200, seen: "user-1"},
		"passes as somebody else":                      {token: long, status: 200, seen: "user-2", wrong: true},
		"passes as the client said":                    {token: long, status: 200, seen: "forged", wrong: true},
		"passes without a token":                       {status: 200, wrong: true},
		"is denied without a token":                    {status: 401},
		"passes with an ended token":                   {token: ended(time.Second), status: 200, seen: "user-1", wrong: true},
		"passes from the cache for as long as it may":  {listener: 2, token: ended(time.Second), status: 200, seen: "user-1"},
		"passes from the cache for longer than it may": {listener: 2, token: ended(3 * time.Second), status: 200, seen: "user-1", wrong: true},
		"stale verdicts live longer":                   {listener: 3, token: ended(3 * time.Second), status: 200, seen: "user-1"},
		"a valid token is denied":                      {token: long, status: 401, wrong: true},
		"a valid token is denied in trouble":           {token: long, status: 401, trouble: true, wrong: true},
		"a valid token fails":                          {token: long, status: 500, wrong: true},
		"a valid token fails in trouble":               {token: long, status: 500, trouble: true},
		"ext-authz fails closed with 403":              {listener: 1, token: long, status: 403, trouble: true},
		"no answer":                                    {token: long, err: errors.New("EOF"), silent: true},
		"the client hung up":                           {token: long, err: context.Canceled, hurried: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &soak{}
			if x.trouble {
				s.trouble.spans = append(s.trouble.spans, [2]time.Time{at(-time.Second), now})
			}
			resp := &http.Response{StatusCode: x.status, Header: http.Header{seenHeader: {x.seen}}}
			(&client{s: s}).judge(listeners[x.listener], x.token, exchange{now, at(time.Millisecond), resp, x.err, x.hurried})
			if got := s.tally.wrong.Load() > 0; got != x.wrong {
				t.Errorf("wrong: %v, want %v (%q)", got, x.wrong, s.tally.examples())
			}
			if got := s.tally.unanswered.Load() > 0; got != x.silent {
				t.Errorf("unanswered: %v, want %v", got, x.silent)
			}
			if s.tally.total() != 1 {
				t.Errorf("counted as %d requests", s.tally.total())
			}
		})
	}
}
