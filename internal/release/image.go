package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"regexp"
	"slices"
	"time"

	"golang.org/x/crypto/x509roots/fallback/bundle"
)

// Who runs the program, as distroless images have it.
const (
	accounts = "root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n"
	groups   = "root:x:0:\nnonroot:x:65532:\n"
	user     = "65532:65532"
)

// image returns an archive that is both an OCI image layout and what `docker load` reads, with
// one image: the program, the certificates of the public CAs and two accounts. There is no
// shell and nothing that the program's account may write.
func image(binary, arch, version string) ([]byte, error) {
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	if err := fits(program, arch); err != nil {
		return nil, fmt.Errorf("%s: %w", binary, err)
	}
	layer, err := archive([]file{
		{"etc/", 0o755, nil},
		{"etc/group", 0o644, []byte(groups)},
		{"etc/passwd", 0o644, []byte(accounts)},
		{"etc/ssl/", 0o755, nil},
		{"etc/ssl/certs/", 0o755, nil},
		{"etc/ssl/certs/ca-certificates.crt", 0o644, authorities()},
		{"idp", 0o755, program},
	})
	if err != nil {
		return nil, err
	}
	packed, err := compress(layer)
	if err != nil {
		return nil, err
	}
	config, err := json.Marshal(configuration(arch, version, digest(layer)))
	if err != nil {
		return nil, err
	}
	return layout(config, packed, arch, version)
}

// fits reports whether the program can be all that there is.
func fits(program []byte, arch string) error {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return fmt.Errorf("not a program for Linux: %w", err)
	}
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	if machines[arch] != f.Machine {
		return fmt.Errorf("it is for %s, the image for %q", f.Machine, arch)
	}
	if slices.ContainsFunc(f.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		return fmt.Errorf("it needs a dynamic linker, which the image lacks: build with CGO_ENABLED=0")
	}
	return nil
}

// authorities are the certificates of the public CAs that Mozilla trusts, of the release in
// go.sum. Those that are trusted under conditions are left out, since a PEM file states none.
func authorities() []byte {
	var text bytes.Buffer
	for root := range bundle.Roots() {
		if root.Constraint == nil {
			_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: root.Certificate}) // into memory
		}
	}
	return text.Bytes()
}

// configuration says how the image is run. Healthcheck is Docker's, and no part of OCI.
func configuration(arch, version, layer string) any {
	config := []string{"--config", "/etc/idp/config.yaml"}
	return map[string]any{
		"architecture": arch,
		"os":           "linux",
		"config": map[string]any{
			"User":         user,
			"Env":          []string{"PATH=/"},
			"Entrypoint":   []string{"/idp"},
			"Cmd":          append([]string{"serve"}, config...),
			"ExposedPorts": map[string]any{"8080/tcp": struct{}{}},
			"StopSignal":   "SIGTERM",
			"WorkingDir":   "/",
			"Labels": map[string]string{
				"org.opencontainers.image.title":       "idp",
				"org.opencontainers.image.description": "OpenID Connect provider for NEAR wallets",
				"org.opencontainers.image.version":     version,
				"org.opencontainers.image.licenses":    own,
			},
			"Healthcheck": map[string]any{
				"Test":     append([]string{"CMD", "/idp", "healthcheck"}, config...),
				"Interval": 30 * time.Second, "Timeout": 5 * time.Second, "StartPeriod": 10 * time.Second,
			},
		},
		"rootfs":  map[string]any{"type": "layers", "diff_ids": []string{layer}},
		"history": []map[string]string{{"created_by": "idp " + version}},
	}
}

// layout puts an image of one layer into an archive.
func layout(config, layer []byte, arch, version string) ([]byte, error) {
	const ociConfig, ociLayer = "application/vnd.oci.image.config.v1+json", "application/vnd.oci.image.layer.v1.tar+gzip"
	const ociManifest, ociIndex = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
	var failure error
	text := func(value any) []byte {
		data, err := json.Marshal(value)
		if err != nil && failure == nil {
			failure = err
		}
		return data
	}
	describe := func(kind string, data []byte) map[string]any {
		return map[string]any{"mediaType": kind, "digest": digest(data), "size": len(data)}
	}
	manifest := text(map[string]any{
		"schemaVersion": 2, "mediaType": ociManifest,
		"config": describe(ociConfig, config), "layers": []any{describe(ociLayer, layer)},
	})
	named := describe(ociManifest, manifest)
	named["platform"] = map[string]string{"architecture": arch, "os": "linux"}
	named["annotations"] = map[string]string{"org.opencontainers.image.ref.name": tag(version)}
	files := []file{
		{"blobs/", 0o755, nil},
		{"blobs/sha256/", 0o755, nil},
		{"index.json", 0o644, text(map[string]any{"schemaVersion": 2, "mediaType": ociIndex, "manifests": []any{named}})},
		{"manifest.json", 0o644, text([]any{map[string]any{
			"Config": blob(config), "RepoTags": []string{"near-idp:" + tag(version), "near-idp:latest"}, "Layers": []string{blob(layer)},
		}})},
		{"oci-layout", 0o644, text(map[string]string{"imageLayoutVersion": "1.0.0"})},
	}
	for _, data := range [][]byte{config, layer, manifest} {
		files = append(files, file{blob(data), 0o644, data})
	}
	if failure != nil {
		return nil, failure
	}
	return archive(files)
}

// odd is what a tag may not have.
var odd = regexp.MustCompile(`[^A-Za-z0-9_.-]`)

func tag(version string) string { return odd.ReplaceAllString(version, "-") }

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(sum[:])
}

func blob(data []byte) string {
	sum := sha256.Sum256(data)
	return "blobs/sha256/" + hex.EncodeToString(sum[:])
}

func compress(data []byte) ([]byte, error) {
	var packed bytes.Buffer
	w, err := gzip.NewWriterLevel(&packed, gzip.BestCompression) // its header has neither name nor time
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}
