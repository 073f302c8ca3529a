package near

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// verdict is what one provider said about one key or account.
type verdict string

const (
	fullAccess     verdict = "full access key"
	limitedAccess  verdict = "not a full access key"
	unknownKey     verdict = "unknown access key"
	unknownAccount verdict = "unknown account"
	accountExists  verdict = "account exists"
)

// view is a verdict and the block it holds for.
type view struct {
	verdict   verdict
	height    uint64
	blockHash string
	provider  *provider
}

// query is a read-only question of the "query" method.
type query struct {
	params map[string]string
	// block pins the question to a block hash; empty asks for the final one.
	block string
	read  func(object) (verdict, error) // the verdict of a result without "error"
}

func viewAccessKey(id AccountID, key PublicKey) query {
	return query{read: readAccessKey, params: map[string]string{
		"request_type": "view_access_key",
		"finality":     "final",
		"account_id":   string(id),
		"public_key":   key.String(),
	}}
}

func viewAccount(id AccountID, block string) query {
	return query{read: readAccount, block: block, params: map[string]string{
		"request_type": "view_account",
		"block_id":     block,
		"account_id":   string(id),
	}}
}

// readView turns a reply into a verdict. Whatever it does not know for certain
// is an error, so that the next provider is asked.
func (q query) readView(r reply) (view, error) {
	v, where, err := q.judge(r)
	if err != nil {
		return view{}, err
	}
	height, err := where.number("block_height")
	if err != nil || height == 0 {
		return view{}, errors.New("no block_height: its age cannot be judged")
	}
	hash, err := where.text("block_hash")
	if err != nil || decodeBase58(make([]byte, 32), hash, maxKeyBase58) != nil {
		return view{}, errors.New("no valid block_hash")
	}
	if q.block != "" && q.block != hash {
		return view{}, errors.New("answers for another block than asked")
	}
	return view{verdict: v, height: height, blockHash: hash}, nil
}

// judge returns the verdict and the object that names its block.
func (q query) judge(r reply) (verdict, object, error) {
	switch {
	case r.fault == "HANDLER_ERROR" && r.cause == "UNKNOWN_ACCESS_KEY":
		return unknownKey, r.info, nil
	case r.fault == "HANDLER_ERROR" && r.cause == "UNKNOWN_ACCOUNT":
		return unknownAccount, r.info, nil
	case r.fault == "REQUEST_VALIDATION_ERROR":
		return "", nil, &refused{r.fault + "/" + r.cause}
	case r.fault != "":
		return "", nil, fmt.Errorf("error %s", quote(r.fault+"/"+r.cause))
	case r.result.has("error"):
		// The older shape: an error inside a successful result. It wins over
		// any permission beside it.
		text, _ := r.result.text("error")
		if strings.HasPrefix(text, "access key ") && strings.Contains(text, " does not exist while viewing") {
			return unknownKey, r.result, nil
		}
		return "", nil, fmt.Errorf("error in the result: %s", quote(text))
	default:
		v, err := q.read(r.result)
		return v, r.result, err
	}
}

// refused is a provider's statement that the request itself is wrong, which is
// a defect of this client or a method that this provider does not offer.
type refused struct{ cause string }

func (r *refused) Error() string { return "refused the request as invalid: " + quote(r.cause) }

// readAccessKey fails closed: every permission that is not known to be full
// access is limited access, variants invented after this code included.
func readAccessKey(result object) (verdict, error) {
	permission, ok := result["permission"]
	if !ok {
		return "", errors.New("no permission in the result")
	}
	if _, err := result.number("nonce"); err != nil {
		return "", err
	}
	if bytes.HasPrefix(permission, []byte("{")) {
		variants, err := parseObject(permission)
		if err != nil {
			return "", fmt.Errorf("permission: %w", err)
		}
		if len(variants) == 1 && bytes.HasPrefix(variants["GasKeyFullAccess"], []byte("{")) {
			return fullAccess, nil
		}
		return limitedAccess, nil
	}
	var name string
	if json.Unmarshal(permission, &name) == nil && name == "FullAccess" {
		return fullAccess, nil
	}
	return limitedAccess, nil
}

func readAccount(result object) (verdict, error) {
	for _, name := range []string{"amount", "code_hash"} {
		if _, err := result.text(name); err != nil {
			return "", err
		}
	}
	return accountExists, nil
}
