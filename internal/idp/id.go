package idp

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// IDSize is the length of what NewID returns.
const IDSize = 26

// The characters are those of rand.Text, in the order in which they sort.
var idEncoding = base32.NewEncoding("234567ABCDEFGHIJKLMNOPQRSTUVWXYZ").WithPadding(base32.NoPadding)

// NewID returns an identifier of 48 bits of time and 80 random ones, as digits and capital
// letters. Such identifiers sort by the millisecond in which they were made, so that rows which
// are made together lie together in an index. It is no secret.
func NewID() string {
	var id [16]byte
	rand.Read(id[:]) // never fails
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(time.Now().UnixMilli()))
	copy(id[:6], at[2:])
	return idEncoding.EncodeToString(id[:])
}
