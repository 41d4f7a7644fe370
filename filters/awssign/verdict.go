package awssign

import (
	"github.com/gatehouse-proxy/gatehouse/filters/internal/aws"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
)

// The words of the verdicts.
const (
	Signed          filter.Word = "signed"
	Unsigned        filter.Word = "unsigned"
	Disabled        filter.Word = "disabled"
	NoToken         filter.Word = "no_token"
	AmbiguousToken  filter.Word = "ambiguous_token"
	BadToken        filter.Word = "bad_token"
	ExpiredToken    filter.Word = "expired_token"
	MissingClaim    filter.Word = "missing_claim"
	BadIdentity     filter.Word = "bad_identity"
	NoCredentials   filter.Word = "no_credentials"
	STSDenied       filter.Word = "sts_denied"
	STSError        filter.Word = "sts_error"
	BadReply        filter.Word = "sts_bad_reply"
	Unreachable     filter.Word = "sts_unreachable"
	TimedOut        filter.Word = "sts_timeout"
	ReplyTooLarge   filter.Word = "sts_reply_too_large"
	UnknownCluster  filter.Word = "unknown_cluster"
	Overloaded      filter.Word = "overloaded"
	TooManyWaiters  filter.Word = "too_many_waiters"
	BadHost         filter.Word = "bad_host"
	HostNotAllowed  filter.Word = "host_not_allowed"
	UnknownService  filter.Word = "unknown_service"
	TargetRefused   filter.Word = "target_refused"
	ChunkSignatures filter.Word = "chunk_signatures"
	BadPayloadHash  filter.Word = "bad_payload_hash"
	BodyTooLarge    filter.Word = "body_too_large"
	BadUpgrade      filter.Word = "bad_upgrade"
	Unsignable      filter.Word = "unsignable"
)

var verdicts = []filter.Verdict{
	{Word: Signed, When: "The request goes on, signed."},
	{Word: Unsigned, When: "`on_missing_token` is `pass` and the request has no token: it goes on as it came (but see `preserve_auth_header_key`)."},
	{Word: Disabled, When: "`enabled` is false, for the filter or the route."},
	{Word: NoToken, Status: "401", When: "A token is needed and there is none."},
	{Word: AmbiguousToken, Status: "400", When: "`auth_header` occurs twice, or (also) in another spelling such as `x_token` for `x-token`."},
	{Word: BadToken, Status: "401", When: "The token is not of `auth_scheme`, or no JWT with an end (see `opaque_token_ttl`)."},
	{Word: ExpiredToken, Status: "401", When: "The token's `exp` has passed. STS is not asked."},
	{Word: MissingClaim, Status: "401", When: "A template needs a claim that the token does not have as text, number or boolean."},
	{Word: BadIdentity, Status: "403", When: "Role, session name, policy or tags, once filled, are nothing that STS takes."},
	{Word: NoCredentials, Status: "500", When: "No source of credentials applies."},
	{Word: STSDenied, Status: "401", When: "STS refused. With `return_aws_sts_error`: STS's status and error."},
	{Word: STSError, Status: "502", When: "STS answered 5xx, said to try again, or gave an error without a code of its own. With `return_aws_sts_error`: STS's status and error. In the profile `lego-1.0.9`: 401."},
	{Word: BadReply, Status: "502", When: "STS's answer holds no credentials that can be used."},
	{Word: Unreachable, Status: "502", When: "No connection to STS, or it was reset."},
	{Word: TimedOut, Status: "504", When: "No answer of STS within `sts.timeout`."},
	{Word: ReplyTooLarge, Status: "502", When: "STS's answer is over `sts.max_reply_size`."},
	{Word: UnknownCluster, Status: "500", When: "Envoy has no cluster `sts.cluster`."},
	{Word: Overloaded, Status: "503", When: "`sts.max_concurrent` calls are in flight."},
	{Word: TooManyWaiters, Status: "503", When: "`sts.max_waiters` requests wait for the same call."},
	{Word: BadHost, Status: "400", When: "The host to sign for is missing, doubled, or no host name."},
	{Word: HostNotAllowed, Status: "403", When: "The host to sign for is not one of `allowed_hosts`."},
	{Word: UnknownService, Status: "400", When: "`service` or `region` is to be read from the host, which does not say."},
	{Word: TargetRefused, Status: "500", When: "Envoy refused the filter state of the target (`proxy_call_foreign_function` not allowed?)."},
	{Word: ChunkSignatures, Status: "400", When: "The body is signed chunk by chunk with the client's own key (`STREAMING-AWS4-...`), which cannot be signed again."},
	{Word: BadPayloadHash, Status: "400", When: "`x-amz-content-sha256` occurs twice, or is to be trusted and is no hash."},
	{Word: BodyTooLarge, Status: "413", When: "The body must be hashed and is over `max_body_size`. In the profile `lego-1.0.9`: 400."},
	{Word: BadUpgrade, Status: "400", When: "CONNECT, or an upgrade with a body that would have to be hashed."},
	{Word: Unsignable, Status: "400", When: "Path, query or headers are malformed, so that no signature could be right. In the profile `lego-1.0.9`: 500."},
}

// denial is what a client gets.
type denial struct {
	word    filter.Word
	status  int
	message string
}

// The message that the original gives, its wrong name of the option corrected
// nowhere: clients may know it.
const fetchFailed = "Error fetching STS credentials. Enable 'return_sts_error' in config for details."

// problems says what each problem is to a client; those of STS are in answered.
var problems = map[aws.Problem]denial{
	aws.NoToken:        {NoToken, 401, "A token is required."},
	aws.AmbiguousToken: {AmbiguousToken, 400, "More than one token."},
	aws.BadToken:       {BadToken, 401, "The token is malformed."},
	aws.ExpiredToken:   {ExpiredToken, 401, "The token has expired."},
	aws.MissingClaim:   {MissingClaim, 401, "The token lacks a claim."},
	aws.BadIdentity:    {BadIdentity, 403, "No role for this request."},
	aws.NoCredentials:  {NoCredentials, 500, "No credentials."},
	aws.Denied:         {STSDenied, 401, fetchFailed},
	aws.Erring:         {STSError, 502, fetchFailed},
	aws.BadReply:       {BadReply, 502, fetchFailed},
}

// failures are those of the call to STS.
var failures = [...]denial{
	filter.UnknownCluster: {UnknownCluster, 500, fetchFailed},
	filter.Unreachable:    {Unreachable, 502, fetchFailed},
	filter.Timeout:        {TimedOut, 504, fetchFailed},
	filter.ReplyTooLarge:  {ReplyTooLarge, 502, fetchFailed},
	filter.Overloaded:     {Overloaded, 503, fetchFailed},
	filter.TooManyWaiters: {TooManyWaiters, 503, fetchFailed},
}

// deny is the outcome of a search for credentials that found none.
func (c *Config) deny(a *aws.Answer) filter.Outcome {
	d := problems[a.Problem]
	if a.Problem == aws.CalloutFailed {
		d = failures[a.Failure]
	}
	if a.Problem == aws.Erring && c.Profile == profileLego {
		d.status = 401
	}
	// What is no error is not passed on: a 203 may hold credentials.
	if !c.ReturnSTSError || a.Status < 400 || a.Status > 599 {
		return filter.Send(d.word, c.reply(d))
	}
	d.status = a.Status
	r := c.reply(d)
	r.Body = stsError(a)
	return filter.Send(d.word, r)
}

// reply is JSON whatever the client accepts, as the original's.
func (c *Config) reply(d denial) filter.Reply {
	r := filter.Reply{Status: d.status, ContentType: "application/json; charset=utf-8"}
	r.Body = append(jsonr.AppendString([]byte(`{"message":`), d.message), '}')
	if d.status == 401 {
		challenge := "Bearer"
		if d.word != NoToken {
			challenge = `Bearer error="invalid_token"` // RFC 6750 section 3.1
		}
		r.Headers = [][2]string{{"www-authenticate", challenge}}
	}
	return r
}

// stsError is the original's form: what STS answered, as JSON, under stsResponse.
// An answer that is no JSON is put into the form that STS's JSON has.
func stsError(a *aws.Answer) []byte {
	b := jsonr.AppendString([]byte(`{"message":`), "Unable to assume role ["+a.Role+"]")
	b = append(b, `,"stsResponse":`...)
	if v, err := jsonr.Parse(a.Body, jsonr.Limits{}); err == nil && v.Kind() == jsonr.Object {
		return append(append(b, v.Raw()...), '}')
	}
	b = jsonr.AppendString(append(b, `{"Error":{"Code":`...), a.Code)
	b = append(b, `,"Message":`...)
	b = jsonr.AppendString(b, a.Message)
	return append(b, `}}}`...)
}
