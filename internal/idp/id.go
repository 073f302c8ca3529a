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

// NewID returns RawID as digits and capital letters.
func NewID() string {
	id := RawID()
	return idEncoding.EncodeToString(id[:])
}

// RawID returns an identifier of 48 bits of time and 80 random ones, which are too many to
// guess; it is shown to others all the same, and no secret. Such identifiers sort by the
// millisecond in which they were made, so that rows which are made together lie together in an index.
func RawID() (id [16]byte) {
	rand.Read(id[:]) // never fails
	var at [8]byte
	binary.BigEndian.PutUint64(at[:], uint64(time.Now().UnixMilli()))
	copy(id[:6], at[2:])
	return id
}
