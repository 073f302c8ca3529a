package tracing

import (
	"encoding/json"
	"strconv"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
)

// The JSON of OTLP (opentelemetry-proto 1.x, "JSON Protobuf Encoding"): ids in hexadecimal, 64-bit
// numbers as strings, enumerations as numbers.
type (
	export struct {
		ResourceSpans [1]resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource struct {
			Attributes []keyValue `json:"attributes"`
		} `json:"resource"`
		ScopeSpans [1]scopeSpans `json:"scopeSpans"`
	}
	scopeSpans struct {
		Scope struct {
			Name    string `json:"name"`
			Version string `json:"version,omitempty"`
		} `json:"scope"`
		Spans []span `json:"spans"`
	}
	span struct {
		TraceID    string     `json:"traceId"`
		SpanID     string     `json:"spanId"`
		ParentID   string     `json:"parentSpanId,omitempty"`
		Name       string     `json:"name"`
		Kind       int        `json:"kind"`
		Start      string     `json:"startTimeUnixNano"`
		End        string     `json:"endTimeUnixNano"`
		Attributes []keyValue `json:"attributes,omitempty"`
		Status     *status    `json:"status,omitempty"`
	}
	status struct {
		Code int `json:"code"`
	}
	keyValue struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	value struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
	}
)

const (
	scope       = "near-idp" // whose spans these are
	statusError = 2          // STATUS_CODE_ERROR
)

func encode(version string, batch []sdk.ReadOnlySpan) ([]byte, error) {
	var out export
	all := &out.ResourceSpans[0]
	all.Resource.Attributes = []keyValue{text("service.name", "idp"), text("service.version", version)}
	all.ScopeSpans[0].Scope.Name, all.ScopeSpans[0].Scope.Version = scope, version
	for _, s := range batch {
		one := span{
			TraceID: s.SpanContext().TraceID().String(), SpanID: s.SpanContext().SpanID().String(),
			Name: s.Name(), Kind: int(s.SpanKind()), Start: nanos(s.StartTime()), End: nanos(s.EndTime()),
		}
		if s.Parent().SpanID().IsValid() {
			one.ParentID = s.Parent().SpanID().String()
		}
		if s.Status().Code == codes.Error {
			one.Status = &status{statusError}
		}
		if s.InstrumentationScope().Name != scope {
			// A library that finds our span in the context adds its own; what it says of
			// them besides their names is nothing that we have looked at.
			all.ScopeSpans[0].Spans = append(all.ScopeSpans[0].Spans, one)
			continue
		}
		for _, a := range s.Attributes() {
			if a.Value.Type() == attribute.INT64 {
				number := strconv.FormatInt(a.Value.AsInt64(), 10)
				one.Attributes = append(one.Attributes, keyValue{string(a.Key), value{Int: &number}})
				continue
			}
			one.Attributes = append(one.Attributes, text(string(a.Key), a.Value.AsString()))
		}
		all.ScopeSpans[0].Spans = append(all.ScopeSpans[0].Spans, one)
	}
	return json.Marshal(out)
}

func text(key, content string) keyValue { return keyValue{key, value{String: &content}} }

func nanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
