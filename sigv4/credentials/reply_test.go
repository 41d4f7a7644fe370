package credentials

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// Replies in the forms that AWS documents and that MinIO gives.
const (
	jsonReply = `{"AssumeRoleWithWebIdentityResponse":{"AssumeRoleWithWebIdentityResult":{"AssumedRoleUser":{"Arn":"arn:aws:sts::123456789012:assumed-role/name/alice","AssumedRoleId":"AROACLKWSDQRAOEXAMPLE:alice"},
"Audience":"client.5498841531868486423.1548@apps.example.com","Credentials":{"AccessKeyId":"ASgeIAIOSFODNN7EXAMPLE","Expiration":1.795269600E9,"SecretAccessKey":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY","SessionToken":"AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE"},
"PackedPolicySize":null,"Provider":"www.amazon.com","SourceIdentity":null,"SubjectFromWebIdentityToken":"amzn1.account.AF6RHO7KZU5XRVQJGXK6HEXAMPLE"},"ResponseMetadata":{"RequestId":"ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE"}}}`
	xmlReply = `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>amzn1.account.AF6RHO7KZU5XRVQJGXK6HEXAMPLE</SubjectFromWebIdentityToken>
    <Audience>client.5498841531868486423.1548@apps.example.com</Audience>
    <AssumedRoleUser>
      <Arn>arn:aws:sts::123456789012:assumed-role/name/alice</Arn>
      <AssumedRoleId>AROACLKWSDQRAOEXAMPLE:alice</AssumedRoleId>
    </AssumedRoleUser>
    <Credentials>
      <SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE</SessionToken>
      <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey>
      <Expiration>2026-11-21T14:00:00Z</Expiration>
      <AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId>
    </Credentials>
    <Provider>www.amazon.com</Provider>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata>
    <RequestId>ad4156e9-bce1-11e2-82e6-6b6efEXAMPLE</RequestId>
  </ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>`
	minioReply = `<?xml version="1.0" encoding="UTF-8"?>
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult><AssumedRoleUser><Arn></Arn><AssumeRoleId></AssumeRoleId></AssumedRoleUser><Credentials><AccessKeyId>ASgeIAIOSFODNN7EXAMPLE</AccessKeyId><SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY</SecretAccessKey><Expiration>2026-11-21T14:00:00.123Z</Expiration><SessionToken>AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE</SessionToken></Credentials><SubjectFromWebIdentityToken>alice</SubjectFromWebIdentityToken></AssumeRoleWithWebIdentityResult><ResponseMetadata><RequestId>18A</RequestId></ResponseMetadata></AssumeRoleWithWebIdentityResponse>
`
)

func TestParse(t *testing.T) {
	t.Parallel()
	assume := func(s string) string { return strings.ReplaceAll(s, "AssumeRoleWithWebIdentity", "AssumeRole") }
	swap := func(s, old, new string) string {
		if !strings.Contains(s, old) {
			panic("no " + old)
		}
		return strings.Replace(s, old, new, 1)
	}
	cases := map[string]struct {
		action, body string
		want         string // the error, "" if these are credentials
	}{
		"JSON, as AWS answers":          {ActionWebIdentity, jsonReply, ""},
		"XML, as AWS answers":           {ActionWebIdentity, xmlReply, ""},
		"XML, as MinIO answers":         {ActionWebIdentity, minioReply, ""},
		"AssumeRole in JSON":            {ActionAssumeRole, assume(jsonReply), ""},
		"AssumeRole in XML":             {ActionAssumeRole, assume(xmlReply), ""},
		"the expiration as a number":    {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "1795269600"), ""},
		"the expiration as text":        {ActionWebIdentity, swap(jsonReply, "1.795269600E9", `"2026-11-21T14:00:00Z"`), ""},
		"with an offset":                {ActionWebIdentity, swap(jsonReply, "1.795269600E9", `"2026-11-21T15:30:00+01:30"`), ""},
		"seconds as text":               {ActionWebIdentity, swap(jsonReply, "1.795269600E9", `"1795269600"`), ""},
		"seconds in XML":                {ActionWebIdentity, swap(xmlReply, "2026-11-21T14:00:00Z", "1795269600"), ""},
		"a fraction of a second":        {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "1795269600.9"), ""},
		"blanks around XML values":      {ActionWebIdentity, swap(xmlReply, "<AccessKeyId>ASgeI", "<AccessKeyId>\n ASgeI"), ""},
		"escapes in JSON":               {ActionWebIdentity, swap(jsonReply, "wJalrXUtnFEMI/K7MDENG", `\u0077JalrXUtnFEMI\/K7MDENG`), ""},
		"references in XML":             {ActionWebIdentity, swap(xmlReply, "wJalrX", "&#x77;&#74;alrX"), ""},
		"CDATA and comments in XML":     {ActionWebIdentity, swap(xmlReply, ">wJalrX", "><!-- a key --><![CDATA[wJal]]>rX"), ""},
		"more fields":                   {ActionWebIdentity, swap(jsonReply, `"Provider"`, `"New":{"A":[1,{"B":true}]},"Provider"`), ""},
		"blanks around":                 {ActionWebIdentity, "\n " + jsonReply + " \n", ""},
		"the answer to another call":    {ActionAssumeRole, jsonReply, "credentials: reply: AccessKeyId: missing or malformed"},
		"nothing":                       {ActionWebIdentity, "", "credentials: reply: neither JSON nor XML of STS"},
		"a page of a proxy":             {ActionWebIdentity, "<!DOCTYPE html><html></html>", "credentials: reply: malformed XML"},
		"plain text":                    {ActionWebIdentity, "upstream connect error", "credentials: reply: neither JSON nor XML of STS"},
		"a JSON text":                   {ActionWebIdentity, `"x"`, "credentials: reply: neither JSON nor XML of STS"},
		"cut short, JSON":               {ActionWebIdentity, jsonReply[:len(jsonReply)-1], "credentials: reply: malformed JSON"},
		"cut short, XML":                {ActionWebIdentity, xmlReply[:len(xmlReply)-1], "credentials: reply: malformed XML"},
		"two answers, JSON":             {ActionWebIdentity, jsonReply + jsonReply, "credentials: reply: malformed JSON"},
		"two answers, XML":              {ActionWebIdentity, xmlReply + xmlReply, "credentials: reply: malformed XML"},
		"a key given twice, JSON":       {ActionWebIdentity, swap(jsonReply, `"AccessKeyId":`, `"AccessKeyId":"OTHER","AccessKeyId":`), "credentials: reply: malformed JSON"},
		"a key given twice, XML":        {ActionWebIdentity, swap(xmlReply, "<AccessKeyId>", "<AccessKeyId>OTHER</AccessKeyId><AccessKeyId>"), "credentials: reply: malformed XML"},
		"two sets of credentials":       {ActionWebIdentity, swap(xmlReply, "<Credentials>", "<Credentials><AccessKeyId>OTHER</AccessKeyId></Credentials><Credentials>"), "credentials: reply: malformed XML"},
		"an entity of its own":          {ActionWebIdentity, `<!DOCTYPE a [<!ENTITY x "y">]>` + xmlReply, "credentials: reply: malformed XML"},
		"an unknown entity":             {ActionWebIdentity, swap(xmlReply, "wJalrX", "&x;wJalrX"), "credentials: reply: malformed XML"},
		"another encoding":              {ActionWebIdentity, `<?xml version="1.0" encoding="ISO-8859-1"?>` + xmlReply, "credentials: reply: malformed XML"},
		"invalid UTF-8":                 {ActionWebIdentity, swap(jsonReply, "www.amazon.com", "\xff"), "credentials: reply: malformed JSON"},
		"no access key":                 {ActionWebIdentity, swap(jsonReply, "AccessKeyId", "AccessKeyID"), "credentials: reply: AccessKeyId: missing or malformed"},
		"an empty secret":               {ActionWebIdentity, swap(jsonReply, "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY", ""), "credentials: reply: SecretAccessKey: missing or malformed"},
		"a secret that is null":         {ActionWebIdentity, swap(jsonReply, `"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY"`, "null"), "credentials: reply: SecretAccessKey: missing or malformed"},
		"a secret that is a number":     {ActionWebIdentity, swap(jsonReply, `"wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY"`, "12345"), "credentials: reply: SecretAccessKey: missing or malformed"},
		"a line break in the token":     {ActionWebIdentity, swap(jsonReply, "AQoDYX", `AQo\r\nX-Evil: DYX`), "credentials: reply: SessionToken: missing or malformed"},
		"no token":                      {ActionWebIdentity, swap(xmlReply, "AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE", ""), "credentials: reply: SessionToken: missing or malformed"},
		"no expiration":                 {ActionWebIdentity, swap(jsonReply, `"Expiration":1.795269600E9,`, ""), "credentials: reply: Expiration: missing or malformed"},
		"an expiration of zero":         {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "0"), "credentials: reply: Expiration: missing or malformed"},
		"a negative expiration":         {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "-1"), "credentials: reply: Expiration: missing or malformed"},
		"an expiration without end":     {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "1e400"), "credentials: reply: Expiration: missing or malformed"},
		"an expiration in the year 1e6": {ActionWebIdentity, swap(jsonReply, "1.795269600E9", "3e13"), "credentials: reply: Expiration: missing or malformed"},
		"an expiration without zone":    {ActionWebIdentity, swap(xmlReply, "2026-11-21T14:00:00Z", "2026-11-21T14:00:00"), "credentials: reply: Expiration: missing or malformed"},
		"an expiration that is no day":  {ActionWebIdentity, swap(xmlReply, "2026-11-21", "2026-02-30"), "credentials: reply: Expiration: missing or malformed"},
		"too big":                       {ActionWebIdentity, jsonReply + strings.Repeat(" ", maxReply), "credentials: reply: too big"},
		"a name with a separator":       {ActionWebIdentity, `{"AssumeRoleWithWebIdentityResponse/AssumeRoleWithWebIdentityResult":{"Credentials":{"AccessKeyId":"A","SecretAccessKey":"B","SessionToken":"C","Expiration":1795269600}}}`, "credentials: reply: AccessKeyId: missing or malformed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(c.action, 200, []byte(c.body))
			if c.want != "" {
				if err == nil || err.Error() != c.want {
					t.Errorf("%v, want %s", err, c.want)
				}
				if got != (Temporary{}) {
					t.Errorf("credentials in spite of %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.AccessKeyID != "ASgeIAIOSFODNN7EXAMPLE" || got.SecretAccessKey != "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzEXAMPLEKEY" ||
				got.SessionToken != "AQoDYXdzEE0a8ANXXXXXXXXNO1ewxE5TijQyp+IEXAMPLE" {
				t.Errorf("%s %s %s", got.AccessKeyID, got.SecretAccessKey, got.SessionToken)
			}
			if want := time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC); !got.Expires.Equal(want) {
				t.Errorf("expires %v, want %v", got.Expires, want)
			}
			if c.body == jsonReply || c.body == xmlReply {
				if got.AssumedRoleARN != "arn:aws:sts::123456789012:assumed-role/name/alice" || got.Subject != "amzn1.account.AF6RHO7KZU5XRVQJGXK6HEXAMPLE" {
					t.Errorf("role %s, subject %s", got.AssumedRoleARN, got.Subject)
				}
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	t.Parallel()
	const xmlError = `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error>
    <Type>Sender</Type>
    <Code>ExpiredTokenException</Code>
    <Message>Token expired: current date/time must be before the expiration date/time</Message>
  </Error>
  <RequestId>4f0</RequestId>
</ErrorResponse>`
	cases := map[string]struct {
		status    int
		body      string
		want      string
		retryable bool
	}{
		"XML":                       {400, xmlError, "credentials: STS answered 400 ExpiredTokenException: Token expired: current date/time must be before the expiration date/time", false},
		"JSON":                      {403, `{"Error":{"Code":"AccessDenied","Message":"Not authorized to perform sts:AssumeRoleWithWebIdentity","Type":"Sender"},"RequestId":"4f0"}`, "credentials: STS answered 403 AccessDenied: Not authorized to perform sts:AssumeRoleWithWebIdentity", false},
		"MinIO":                     {400, `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type></Type><Code>InvalidParameterValue</Code><Message>The "x" &amp; y</Message></Error><RequestId>18A</RequestId></ErrorResponse>`, `credentials: STS answered 400 InvalidParameterValue: The "x" & y`, false},
		"S3's form":                 {403, `<Error><Code>AccessDenied</Code><Message>no</Message></Error>`, "credentials: STS answered 403 AccessDenied: no", false},
		"another JSON protocol":     {400, `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`, "credentials: STS answered 400 ThrottlingException: Rate exceeded", true},
		"the issuer is down":        {400, `{"Error":{"Code":"IDPCommunicationError","Message":"x"}}`, "credentials: STS answered 400 IDPCommunicationError: x", true},
		"busy":                      {503, "", "credentials: STS answered 503", true},
		"too many":                  {429, "slow down", "credentials: STS answered 429", true},
		"a page of a proxy":         {502, "<html><body><p>Bad<br></body></html>", "credentials: STS answered 502", true},
		"a redirect":                {302, "", "credentials: STS answered 302", false},
		"credentials that are none": {400, jsonReply, "credentials: STS answered 400", false},
		"a broken body":             {400, xmlError[:100], "credentials: STS answered 400", false},
		"line breaks":               {400, `{"Error":{"Code":"A\nB","Message":"a\r\nb\u007f"}}`, "credentials: STS answered 400 A B: a  b", false},
		"a long message":            {400, `{"Error":{"Code":"A","Message":"` + strings.Repeat("ü", 2000) + `"}}`, "credentials: STS answered 400 A: " + strings.Repeat("ü", 512), false},
		"a number for a code":       {400, `{"Error":{"Code":7,"Message":"x"}}`, "credentials: STS answered 400: x", false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(ActionWebIdentity, c.status, []byte(c.body))
			var e *Error
			if !errors.As(err, &e) || err.Error() != c.want || e.Status != c.status {
				t.Fatalf("%v, want %s", err, c.want)
			}
			if e.Retryable() != c.retryable {
				t.Errorf("retryable: %v, want %v", !c.retryable, c.retryable)
			}
			if got != (Temporary{}) {
				t.Error("credentials in spite of the error")
			}
		})
	}
	_, err := Parse(ActionWebIdentity, 400, []byte(xmlError))
	var e *Error
	if !errors.As(err, &e) || e.RequestID != "4f0" {
		t.Errorf("%v, want the request ID 4f0", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, body := range []string{jsonReply, xmlReply, minioReply, `{"Error":{"Code":"A"}}`, "<a/>"} {
		f.Add(200, []byte(body))
		f.Add(400, []byte(body))
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		got, err := Parse(ActionWebIdentity, status, body)
		if (err == nil) != (got.AccessKeyID != "" && got.SecretAccessKey != "" && got.SessionToken != "" && !got.Expires.IsZero()) {
			t.Fatalf("%v with %v", got, err)
		}
		if err == nil && (status != 200 || !visible(got.AccessKeyID+got.SecretAccessKey+got.SessionToken)) {
			t.Fatalf("taken: %d %q", status, got.SessionToken)
		}
		if err != nil && (len(err.Error()) > 1200 || strings.ContainsAny(err.Error(), "\r\n")) {
			t.Fatalf("%q", err)
		}
	})
}

// FuzzJSON compares with encoding/json: what is taken is JSON and says the same;
// what is refused is none, or is over a bound.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{jsonReply, "01", "-", "1.", "1e", "-0.5E+7", `"\ud83d\ude00"`, `"\ud83d"`, `"\ude00"`, `"\x"`, `{"a":1,"a":2}`, `{"a":}`, "[1,]",
		`[[],{},""]`, "\"\x7f\x1f\"", "\xff", `{"":{"":null}}`, "true", "nul", "\ufeff{}", strings.Repeat("[", 20) + strings.Repeat("]", 20), `"\u00zz"`, `"\uD83D\n"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := map[string]any{}
		err := readJSON(s, func(path []string, value string, k kind) {
			var v any = value
			switch k {
			case number:
				v = json.Number(value)
			case word:
				v = map[string]any{"true": true, "false": false, "null": nil}[value]
			}
			// Items of a list come in order.
			key := strings.Join(path, "\x00")
			list, _ := got[key].([]any)
			got[key] = append(list, v)
		})
		if !json.Valid([]byte(s)) {
			if err == nil {
				t.Fatalf("taken: %q", s)
			}
			return
		}
		if err != nil {
			if bounded(s) {
				t.Fatalf("refused: %q", s)
			}
			return
		}
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var value any
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{}
		flatten(want, nil, value)
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	})
}

// bounded tells whether valid JSON must be taken: nothing repeated, no half of a
// surrogate pair, within the bounds.
func bounded(s string) bool {
	if len(s) > maxReply || !utf8.ValidString(s) || strings.Contains(s, `\u`) {
		return false
	}
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	type level struct {
		names  map[string]bool
		isName bool
	}
	var stack []level
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return true
		}
		if err != nil {
			return false
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, level{map[string]bool{}, true})
		case json.Delim('['):
			stack = append(stack, level{})
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
			if len(stack) > 0 && stack[len(stack)-1].names != nil {
				stack[len(stack)-1].isName = true
			}
		default:
			if len(stack) == 0 {
				continue
			}
			top := &stack[len(stack)-1]
			if top.names == nil {
				continue
			}
			if top.isName {
				name, _ := token.(string)
				if top.names[name] || len(top.names) == maxMembers {
					return false
				}
				top.names[name] = true
			}
			top.isName = !top.isName
		}
		if len(stack) > maxDepth {
			return false
		}
	}
}

func flatten(out map[string]any, path []string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for name, part := range v {
			flatten(out, append(append([]string(nil), path...), name), part)
		}
	case []any:
		for _, part := range v {
			flatten(out, append(append([]string(nil), path...), "[]"), part)
		}
	default:
		key := strings.Join(path, "\x00")
		list, _ := out[key].([]any)
		out[key] = append(list, value)
	}
}

// FuzzXML compares with encoding/xml: what is taken is XML and says the same.
func FuzzXML(f *testing.F) {
	for _, s := range []string{xmlReply, minioReply, "<a/>", "<a></a >", "<a b='c'  d = \"e\"/>", "<a>&lt;&#65;&#x41;&amp;</a>", "<a>]]></a>", "<a><![CDATA[<b>]]>x</a>",
		"<a><!-- - --></a>", "<a><!-- -- --></a>", "<a:b></a:b>", "<a>\r\n\r</a>", "<a b='&x;'/>", "<a>&#0;</a>", "<a><b/><b/></a>", "<a>x<b/></a>", "<?xml version='1.0'?><a/>",
		"<?xml version='1.1'?><a/>", "<a><?x?></a>", "<a b='1' b='2'/>", "<a b='1'c='2'/>", "<a", "</a>", "<a></b>", "<!DOCTYPE a><a/>", "<a>\x01</a>", "<a/>x", "<a xmlns='x' xmlns:b='y'/>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := map[string]string{}
		if err := readXML(s, func(path []string, value string, _ kind) {
			key := strings.Join(path, "/")
			if _, twice := got[key]; twice {
				t.Fatalf("%s twice in %q", key, s)
			}
			got[key] = value
		}); err != nil {
			return
		}
		want, path, content, leafs := map[string]string{}, []string{}, "", true
		d := xml.NewDecoder(bytes.NewReader([]byte(s)))
		for {
			token, err := d.RawToken()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("taken: %q: %v", s, err)
			}
			switch v := token.(type) {
			case xml.StartElement:
				name := v.Name.Local
				if v.Name.Space != "" {
					name = v.Name.Space + ":" + name
				}
				path, content, leafs = append(path, name), "", true
			case xml.CharData:
				content += string(v)
			case xml.EndElement:
				if leafs {
					want[strings.Join(path, "/")] = content
				}
				path, leafs = path[:len(path)-1], false
			case xml.Directive:
				t.Fatalf("taken: %q", s)
			}
		}
		if len(path) != 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("%q: %q, want %q", s, got, want)
		}
	})
}

var rfc3339 = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$`)

// FuzzExpiration compares with package time.
func FuzzExpiration(f *testing.F) {
	for _, s := range []string{"2026-11-21T14:00:00Z", "2026-11-21T14:00:00.5+01:00", "2026-02-29T00:00:00Z", "2024-02-29T23:59:59-23:59", "2026-11-21T24:00:00Z", "2026-11-21T14:00:60Z", "2026-11-21T14:00:00.Z", "2026-13-01T00:00:00Z", "0000-01-01T00:00:00Z"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := parseRFC3339(s)
		want, err := time.Parse(time.RFC3339, s)
		if ok != (err == nil) {
			// time.Parse takes an hour of one digit and a comma for the fraction's point.
			if !ok && !rfc3339.MatchString(s) {
				return
			}
			t.Fatalf("%q: %v, want %v", s, ok, err)
		}
		if ok && !got.Equal(want.Truncate(time.Second)) && !got.Equal(want.Add(-time.Duration(want.Nanosecond()))) {
			t.Fatalf("%q: %v, want %v", s, got, want)
		}
	})
}
