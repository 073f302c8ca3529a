package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// A file of an archive, or a directory if its name ends in a slash.
type file struct {
	name string
	mode int64
	data []byte
}

// archive returns a tar file of files in the order of their names: owned by root, without times.
func archive(files []file) ([]byte, error) {
	files = slices.SortedFunc(slices.Values(files), func(a, b file) int { return strings.Compare(a.name, b.name) })
	var all bytes.Buffer
	w := tar.NewWriter(&all)
	for _, f := range files {
		header := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.data)), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if strings.HasSuffix(f.name, "/") {
			header.Typeflag = tar.TypeDir
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
		if _, err := w.Write(f.data); err != nil {
			return nil, fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return all.Bytes(), nil
}
