package conf

import (
	"time"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/secret"
)

// typ is the type of a field.
type typ interface{}

type (
	stringType   struct{ p *string }
	intType      struct{ p *int }
	boolType     struct{ p *bool }
	durationType struct{ p *time.Duration }
	sizeType     struct{ p *int }
	stringsType  struct{ p *[]string }
	enumType     struct {
		p      *string
		values []string
	}
	statusType   struct{ p *int }
	statusesType struct{ p *[]StatusRange }
	headerType   struct{ p *string }
	headersType  struct{ p *[]string }
	pairsType    struct{ p *[][2]string }
	secretType   struct{ p *secret.Value }
	pathType     struct{ p *string }
	objectType   struct {
		f   Fields
		set *bool
	}
	listType struct{ element func() Fields }
)

func field(name, doc string, t typ) Field { return Field{name: name, doc: doc, typ: t} }
