package credentials

import (
	"errors"
	"time"
)

// encoding is the first byte of an encoded Temporary.
const encoding = 1

var errEncoding = errors.New("credentials: not an encoded Temporary")

// Encode returns t as bytes for a cache that workers share. They hold the secrets
// in plain text.
func (t Temporary) Encode() []byte {
	b := []byte{encoding}
	seconds := uint64(t.Expires.Unix())
	for shift := 56; shift >= 0; shift -= 8 {
		b = append(b, byte(seconds>>shift))
	}
	for _, s := range t.texts() {
		b = append(b, byte(len(*s)>>16), byte(len(*s)>>8), byte(len(*s)))
		b = append(b, *s...)
	}
	return b
}

// Decode is the inverse of Encode, to the second.
func Decode(b []byte) (t Temporary, err error) {
	if len(b) < 9 || b[0] != encoding {
		return Temporary{}, errEncoding
	}
	seconds := uint64(0)
	for _, c := range b[1:9] {
		seconds = seconds<<8 | uint64(c)
	}
	t.Expires = time.Unix(int64(seconds), 0).UTC()
	b = b[9:]
	for _, s := range t.texts() {
		if len(b) < 3 {
			return Temporary{}, errEncoding
		}
		n := int(b[0])<<16 | int(b[1])<<8 | int(b[2])
		if b = b[3:]; len(b) < n {
			return Temporary{}, errEncoding
		}
		*s = string(b[:n])
		b = b[n:]
	}
	if len(b) > 0 {
		return Temporary{}, errEncoding
	}
	return t, nil
}

func (t *Temporary) texts() [5]*string {
	return [...]*string{&t.AccessKeyID, &t.SecretAccessKey, &t.SessionToken, &t.AssumedRoleARN, &t.Subject}
}
