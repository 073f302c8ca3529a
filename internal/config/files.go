package config

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Files are the files that a configuration was read from, as they were then: the file
// itself, those of clients_dir and those that secrets are in.
type Files struct {
	seen map[string]seenFile // by path
	dir  string              // clients_dir, if there is one
	list [sha256.Size]byte   // of what is in it
}

type seenFile struct {
	limit int64 // on its size
	sum   [sha256.Size]byte
}

func newFiles() *Files { return &Files{seen: map[string]seenFile{}} }

// Changed reports that reading them again would give something else. It compares
// what they hold, and follows links, so that no way of replacing a file escapes it.
func (f *Files) Changed() bool {
	for path, file := range f.seen {
		if file.sum != sumOf(read(path, file.limit)) {
			return true
		}
	}
	if f.dir == "" {
		return false
	}
	names, err := clientFiles(f.dir)
	return f.list != sumOf([]byte(strings.Join(names, "\x00")), err)
}

func (f *Files) read(path string, limit int64) ([]byte, error) {
	data, err := read(path, limit)
	f.seen[path] = seenFile{limit, sumOf(data, err)}
	return data, err
}

// sumOf tells one content from another, and from a file that cannot be read.
func sumOf(data []byte, err error) [sha256.Size]byte {
	if err != nil {
		return sha256.Sum256([]byte("error: " + err.Error()))
	}
	return sha256.Sum256(data)
}

func (f *Files) readDir(dir string) ([]string, error) {
	names, err := clientFiles(dir)
	f.dir, f.list = dir, sumOf([]byte(strings.Join(names, "\x00")), err)
	return names, err
}

// clientFiles lists the files of a directory that hold clients. Hidden ones are an
// editor's, or the links by which clusters swap a whole directory.
func clientFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	var names []string
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasPrefix(name, ".") && slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			names = append(names, name)
		}
	}
	return names, err
}

// Remedy is what to do about a file that could not be read, to be put after the error; "" if that says it.
func Remedy(err error) string {
	file, ok := errors.AsType[*fs.PathError](err)
	switch {
	case !ok:
		return ""
	case errors.Is(err, fs.ErrPermission):
		return fmt.Sprintf("; the user that idp runs as, number %d, has to read it, and may enter the directories above it: chown %d %s && chmod 600 %s",
			os.Geteuid(), os.Geteuid(), file.Path, file.Path)
	case errors.Is(err, syscall.ELOOP):
		return "; its symbolic links go in circles: name the file that they should lead to"
	}
	return ""
}
