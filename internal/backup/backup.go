// Package backup is the file that idp backup writes: lines of JSON that a person can read,
// the first of which says whose they are and the last of which seals them, so that nothing
// can be cut off, added or changed by whoever does not hold the encryption key.
package backup

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"near-idp/internal/idp"
)

// Format is what the first line calls the file, and Version how it is laid out. A version
// that is not known is refused.
const (
	Format  = "near-idp backup"
	Version = 1
)

// maxLine bounds one row, in bytes. The largest are clients with their keys and logos.
const maxLine = 32 << 20

// A Key seals a backup, and proves that it did. Its name may be shown.
type Key interface {
	fmt.Stringer
	MAC(purpose string) hash.Hash
}

// A Header is the first line.
type Header struct {
	Format    string    `json:"format"`
	Version   int       `json:"version"`
	Issuer    string    `json:"issuer"`
	Network   string    `json:"network"`
	Schema    int64     `json:"schema"`  // the last migration of the database
	Release   string    `json:"release"` // of idp, that wrote it
	CreatedAt time.Time `json:"created_at"`
}

// line is what every other line is one of.
type line struct {
	Table   string          `json:"table,omitempty"`
	Columns []string        `json:"columns,omitempty"`
	Row     json.RawMessage `json:"row,omitempty"`
	Seal    *seal           `json:"seal,omitempty"`
}

// A seal is the last line. It covers every byte before it.
type seal struct {
	Rows   int64  `json:"rows"`
	SHA256 string `json:"sha256"`
	Key    string `json:"encryption_key"` // its fingerprint
	MAC    string `json:"hmac"`           // of the sum, under that key
}

func mac(key Key, sum []byte) []byte {
	m := key.MAC("near-idp backup seal v1")
	m.Write(sum)
	return m.Sum(nil)
}

// A Writer writes a backup.
type Writer struct {
	out  *bufio.Writer
	sum  hash.Hash
	key  Key
	rows int64
}

// NewWriter begins a backup that the key is to seal.
func NewWriter(out io.Writer, key Key, header Header) (*Writer, error) {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10), sum: sha256.New(), key: key}
	header.Format, header.Version = Format, Version
	return w, w.put(header)
}

// Write adds a line: the beginning of a table, or a row of the table that began last.
func (w *Writer) Write(l idp.BackupLine) error {
	if l.Row != nil {
		w.rows++
		return w.put(line{Row: l.Row})
	}
	return w.put(line{Table: l.Table, Columns: l.Columns})
}

// Close seals the backup. Without it the file is none. It does not close the underlying writer.
func (w *Writer) Close() (rows int64, err error) {
	sum := w.sum.Sum(nil)
	err = w.put(line{Seal: &seal{w.rows, hex.EncodeToString(sum), w.key.String(), hex.EncodeToString(mac(w.key, sum))}})
	return w.rows, errors.Join(err, w.out.Flush())
}

func (w *Writer) put(value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	text = append(text, '\n')
	w.sum.Write(text)
	if _, err := w.out.Write(text); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// A Reader reads a backup. What it returns is to be believed once Next has returned io.EOF,
// and not before.
type Reader struct {
	Header Header
	Rows   int64 // read so far
	in     *bufio.Reader
	sum    hash.Hash
	keys   []Key
}

// NewReader reads the first line. The keys are those that may have sealed the file.
func NewReader(in io.Reader, keys []Key) (*Reader, error) {
	r := &Reader{in: bufio.NewReaderSize(in, 64<<10), sum: sha256.New(), keys: keys}
	text, err := r.line()
	if err != nil || json.Unmarshal(text, &r.Header) != nil || r.Header.Format != Format {
		return nil, errors.New("this is no backup: its first line is not that of a file that `idp backup` wrote")
	}
	if r.Header.Version != Version {
		return nil, fmt.Errorf("the backup has format %d, and this release reads %d: use the release that wrote it (%s), or a later one", r.Header.Version, Version, r.Header.Release)
	}
	r.sum.Write(text)
	return r, nil
}

// Next returns the next line, or io.EOF after the last if the file is whole and was sealed by
// one of the keys.
func (r *Reader) Next() (idp.BackupLine, error) {
	text, err := r.line()
	if errors.Is(err, io.EOF) {
		return idp.BackupLine{}, fmt.Errorf("the backup was cut off after %d rows: its seal is missing", r.Rows)
	}
	if err != nil {
		return idp.BackupLine{}, err
	}
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return idp.BackupLine{}, fmt.Errorf("the backup is damaged after %d rows: %w", r.Rows, err)
	}
	switch {
	case l.Seal != nil:
		return idp.BackupLine{}, r.check(*l.Seal)
	case l.Row != nil:
		r.Rows++
	case l.Table == "":
		return idp.BackupLine{}, fmt.Errorf("the backup is damaged after %d rows: a line is neither a table nor a row", r.Rows)
	}
	r.sum.Write(text)
	return idp.BackupLine{Table: l.Table, Columns: l.Columns, Row: l.Row}, nil
}

// check returns io.EOF if the seal is that of what was read, and the end.
func (r *Reader) check(s seal) error {
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.New("the backup was changed since it was written: there is more after its seal")
	}
	sum := r.sum.Sum(nil)
	if s.SHA256 != hex.EncodeToString(sum) || s.Rows != r.Rows {
		return fmt.Errorf("the backup was changed or damaged since it was written: it has %d rows and the checksum %x, its seal is for %d and %s", r.Rows, sum, s.Rows, s.SHA256)
	}
	given, err := hex.DecodeString(s.MAC)
	if err != nil {
		return errors.New("the backup is damaged: its seal is not hexadecimal")
	}
	known := false
	for _, key := range r.keys {
		if key.String() != s.Key {
			continue
		}
		known = true
		if hmac.Equal(given, mac(key, sum)) {
			return io.EOF
		}
	}
	if known {
		return errors.New("the backup was changed since it was written: its seal was not made with the encryption key that it names")
	}
	return fmt.Errorf("the backup was sealed with the encryption key of fingerprint %q, and only those of %v are configured: add it to encryption.keys", s.Key, r.keys)
}

// line returns the next line with its line feed.
func (r *Reader) line() ([]byte, error) {
	var text []byte
	for {
		part, err := r.in.ReadSlice('\n')
		text = append(text, part...)
		switch {
		case len(text) > maxLine:
			return nil, fmt.Errorf("the backup is damaged after %d rows: a line has more than %d bytes", r.Rows, maxLine)
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF):
			return nil, io.EOF // a line that does not end is cut off
		case err != nil:
			return nil, fmt.Errorf("read the backup: %w", err)
		default:
			return text, nil
		}
	}
}
