package near

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// maxBody caps a provider's answer, after decompression.
const maxBody = 1 << 20

// object is a JSON object with its exact member names. encoding/json's structs
// match names in any case and let the last of two equal names win; a provider
// and this client must not disagree about which "permission" counts.
type object map[string]json.RawMessage

// parseObject refuses anything but one object without repeated names.
func parseObject(raw []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if open, err := decoder.Token(); err != nil || open != json.Delim('{') {
		return nil, errors.New("not a JSON object")
	}
	members := object{}
	for decoder.More() {
		name, err := decoder.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		text := name.(string) // inside an object the decoder yields names only
		if _, repeated := members[text]; repeated {
			return nil, fmt.Errorf("member %s is repeated", quote(text))
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		members[text] = value
	}
	if _, err := decoder.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the JSON object")
	}
	return members, nil
}

// has reports a member that is present and not null.
func (o object) has(name string) bool {
	value, ok := o[name]
	return ok && string(value) != "null"
}

func (o object) text(name string) (string, error) {
	var text *string
	if err := json.Unmarshal(orNull(o[name]), &text); err != nil || text == nil {
		return "", fmt.Errorf("%q is not a string", name)
	}
	return *text, nil
}

func (o object) number(name string) (uint64, error) {
	var number *uint64
	if err := json.Unmarshal(orNull(o[name]), &number); err != nil || number == nil {
		return 0, fmt.Errorf("%q is not an unsigned integer", name)
	}
	return *number, nil
}

func (o object) object(name string) (object, error) {
	inner, err := parseObject(o[name])
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return inner, nil
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

// reply is a JSON-RPC 2.0 response: a result, or an error named the way
// nearcore structures it.
type reply struct {
	result object
	fault  string // "HANDLER_ERROR", "REQUEST_VALIDATION_ERROR", "INTERNAL_ERROR"; empty for a result
	cause  string // "UNKNOWN_ACCOUNT", …
	info   object // the cause's details, possibly nil
}

// parseReply reads the response to request id. A response for another request,
// or with both a result and an error, is an error here.
func parseReply(body []byte, id string) (reply, error) {
	envelope, err := parseObject(body)
	if err != nil {
		return reply{}, err
	}
	if version, err := envelope.text("jsonrpc"); err != nil || version != "2.0" {
		return reply{}, errors.New("not a JSON-RPC 2.0 response")
	}
	if got, err := envelope.text("id"); err != nil || got != id {
		return reply{}, fmt.Errorf("answers request %s, not %q", quote(string(envelope["id"])), id)
	}
	switch {
	case envelope.has("result") && envelope.has("error"):
		return reply{}, errors.New("has both a result and an error")
	case envelope.has("error"):
		return parseFault(envelope)
	case envelope.has("result"):
		result, err := envelope.object("result")
		return reply{result: result}, err
	default:
		return reply{}, errors.New("has neither a result nor an error")
	}
}

func parseFault(envelope object) (reply, error) {
	fault, err := envelope.object("error")
	if err != nil {
		return reply{}, err
	}
	var r reply
	if r.fault, err = fault.text("name"); err != nil || r.fault == "" {
		return reply{}, errors.New("an error without a name")
	}
	cause, err := fault.object("cause")
	if err != nil {
		return r, nil
	}
	if r.cause, err = cause.text("name"); err != nil {
		return r, nil
	}
	if cause.has("info") {
		r.info, err = cause.object("info")
	}
	return r, err
}
