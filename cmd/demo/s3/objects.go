package s3

import (
	"encoding/xml"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxList is how many keys a page of the list has at most.
const maxList = 1000

// object is never changed once it is stored.
type object struct {
	data        []byte
	etag        string
	contentType string
	metadata    map[string]string // X-Amz-Meta-*
	modified    time.Time
}

// objects are those of the bucket. used counts the bytes of the bodies, those
// being read included.
type objects struct {
	limits Limits

	mu    sync.Mutex
	byKey map[string]object
	used  int64
}

// reserve takes memory for a body before it is read.
func (o *objects) reserve(size int64) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.used+size > o.limits.Total {
		return false
	}
	o.used += size
	return true
}

func (o *objects) release(size int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used -= size
}

func (o *objects) get(key string) (object, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	found, ok := o.byKey[key]
	return found, ok
}

// put stores an object whose memory is reserved.
func (o *objects) put(key string, x object) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	old, replaces := o.byKey[key]
	if !replaces && len(o.byKey) >= o.limits.Objects {
		return false
	}
	o.used -= int64(len(old.data))
	o.byKey[key] = x
	return true
}

func (o *objects) remove(key string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used -= int64(len(o.byKey[key].data))
	delete(o.byKey, key)
}

// page is the answer to a list.
//
// Source: https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html
type page struct {
	XMLName    xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Bucket     string   `xml:"Name"`
	Prefix     string
	Delimiter  string `xml:",omitempty"`
	MaxKeys    int
	KeyCount   int
	Truncated  bool      `xml:"IsTruncated"`
	StartAfter string    `xml:",omitempty"`
	Encoding   string    `xml:"EncodingType,omitempty"`
	Token      string    `xml:"ContinuationToken,omitempty"`
	Next       string    `xml:"NextContinuationToken,omitempty"`
	Contents   []entry   `xml:"Contents"`
	Common     []grouped `xml:"CommonPrefixes"`
}

type entry struct {
	Key          string
	LastModified string
	ETag         string
	Size         int
	StorageClass string
}

type grouped struct{ Prefix string }

// list collects the keys with a prefix that come after one, in order of their
// bytes. Keys that share what stands up to the delimiter behind the prefix become
// one common prefix, which counts as one key.
func (o *objects) list(prefix, delimiter, after string, most int) page {
	o.mu.Lock()
	defer o.mu.Unlock()
	keys := make([]string, 0, len(o.byKey))
	for k := range o.byKey {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	p := page{}
	last := after
	for _, k := range keys {
		group := ""
		if delimiter != "" {
			if head, _, ok := strings.Cut(k[len(prefix):], delimiter); ok {
				group = prefix + head + delimiter
			}
		}
		at := k
		if group != "" {
			at = group
		}
		// A group that an earlier page ended with has been given already.
		if at <= last && last != "" {
			continue
		}
		if p.KeyCount == most {
			if p.Truncated = most > 0; p.Truncated {
				p.Next = encode64([]byte(last))
			}
			return p
		}
		p.KeyCount++
		if last = at; group != "" {
			p.Common = append(p.Common, grouped{group})
			continue
		}
		x := o.byKey[k]
		p.Contents = append(p.Contents, entry{k, x.modified.Format("2006-01-02T15:04:05.000Z"), x.etag, len(x.data), "STANDARD"})
	}
	return p
}

// escape writes keys in the form of encoding-type=url, for keys that XML has no
// characters for.
func (p *page) escape() {
	all := []*string{&p.Prefix, &p.Delimiter, &p.StartAfter}
	for i := range p.Contents {
		all = append(all, &p.Contents[i].Key)
	}
	for i := range p.Common {
		all = append(all, &p.Common[i].Prefix)
	}
	for _, s := range all {
		*s = strings.ReplaceAll(strings.ReplaceAll(url.QueryEscape(*s), "%2F", "/"), "+", "%20")
	}
}
