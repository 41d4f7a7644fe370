package host

import (
	"github.com/gatehouse-proxy/gatehouse/filters/internal/filter"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/jsonr"
	"github.com/gatehouse-proxy/gatehouse/filters/internal/msg"
)

const noGRPCStatus = -1

// reply is the only place that answers a client. The word goes into Envoy's
// response code details (%RESPONSE_CODE_DETAILS%).
func (p *plugin) reply(req *message, w filter.Word, r *filter.Reply) {
	headers := make([][2]string, 0, len(r.Headers)+2)
	contentType, body := r.ContentType, r.Body
	accept, _ := req.Header("accept")
	if len(body) == 0 && r.Message != "" {
		contentType, body = negotiate(accept, r.Message)
	}
	requestType, _ := req.Header("content-type")
	if msg.IsGRPC(requestType) {
		// Envoy makes a grpc-status of the status, and a grpc-message of a body.
		body = nil
	}
	if len(body) > 0 && contentType != "" {
		headers = append(headers, [2]string{"content-type", contentType})
	}
	if !named(r.Headers, "cache-control") {
		headers = append(headers, [2]string{"cache-control", "no-store"})
	}
	headers = append(headers, r.Headers...)
	if err := sendLocalResponse(r.Status, "gatehouse."+p.routes.plugin.Name+"."+string(w), headers, body); err != nil {
		p.log.error("Envoy refused a reply", "word", string(w), "error", err.Error())
	}
}

func negotiate(accept, message string) (contentType string, body []byte) {
	if msg.PrefersPlain(accept) {
		return "text/plain; charset=utf-8", []byte(message)
	}
	body = append(body, `{"message":`...)
	body = jsonr.AppendString(body, message)
	return "application/json", append(body, '}')
}

// resetStream is what is left when a message breaks after its headers have gone.
func (p *plugin) resetStream(w filter.Word) {
	_ = sendLocalResponse(500, "gatehouse."+p.routes.plugin.Name+"."+string(w), nil, nil)
}
