package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"encoding/pem"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// dir holds the program once it is built.
var dir string

// built is the program as it is published, for the architecture of this machine.
var built = sync.OnceValues(func() (string, error) {
	var err error
	if dir, err = os.MkdirTemp("", "idp-release-"); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -X main.version=v1.2.3", "-o", filepath.Join(dir, "idp"), "near-idp/cmd/idp")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOFLAGS=")
	cmd.Stderr = os.Stderr
	return filepath.Join(dir, "idp"), cmd.Run()
})

func program(t *testing.T) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMain(m *testing.M) {
	code := m.Run()
	if dir != "" {
		_ = os.RemoveAll(dir) // a temporary directory; nobody is left to tell
	}
	os.Exit(code)
}

// unpack returns the files of an archive, which must be in order and without anything of the machine.
func unpack(t *testing.T, data []byte) map[string][]byte {
	t.Helper()
	files, last := map[string][]byte{}, ""
	for r := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := r.Next()
		if err == io.EOF {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.ModTime.Unix() != 0 || h.Mode&0o022 != 0 || h.Name <= last {
			t.Errorf("%+v", h)
		}
		last = h.Name
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// madeOnce is its image.
var madeOnce = sync.OnceValues(func() ([]byte, error) {
	path, err := built()
	if err != nil {
		return nil, err
	}
	return image(path, runtime.GOARCH, "v1.2.3+4")
})

func made(t *testing.T) []byte {
	t.Helper()
	data, err := madeOnce()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rootfs follows the digests of an image to what is in it, as those do who run it.
func rootfs(t *testing.T, files map[string][]byte) (config map[string]any, content map[string][]byte) {
	t.Helper()
	blobOf := func(digest string) []byte {
		name := "blobs/sha256/" + strings.TrimPrefix(digest, "sha256:")
		if data, ok := files[name]; ok && blob(data) == name {
			return data
		}
		t.Fatalf("%s is not there, or another", digest)
		return nil
	}
	type descriptor struct {
		Digest      string
		Size        int
		Annotations map[string]string
	}
	var index struct{ Manifests []descriptor }
	var manifest struct {
		Config descriptor
		Layers []descriptor
	}
	for _, step := range []struct {
		data func() []byte
		into any
	}{
		{func() []byte { return files["index.json"] }, &index},
		{func() []byte { return blobOf(index.Manifests[0].Digest) }, &manifest},
		{func() []byte { return blobOf(manifest.Config.Digest) }, &config},
	} {
		if err := json.Unmarshal(step.data(), step.into); err != nil {
			t.Fatal(err)
		}
	}
	if index.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3-4" {
		t.Errorf("%+v", index)
	}
	r, err := gzip.NewReader(bytes.NewReader(blobOf(manifest.Layers[0].Digest)))
	if err != nil {
		t.Fatal(err)
	}
	layer, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if ids := config["rootfs"].(map[string]any)["diff_ids"].([]any); len(ids) != 1 || ids[0] != digest(layer) {
		t.Errorf("%v is not %s", ids, digest(layer))
	}
	return config, unpack(t, layer)
}

func TestImageHoldsTheProgramAndWhatItTrusts(t *testing.T) {
	files := unpack(t, made(t))
	_, content := rootfs(t, files)
	want, err := os.ReadFile(program(t))
	if err != nil || !bytes.Equal(content["idp"], want) {
		t.Errorf("the program is another: %v", err)
	}
	certificates := 0
	for block, rest := pem.Decode(content["etc/ssl/certs/ca-certificates.crt"]); block != nil; block, rest = pem.Decode(rest) {
		certificates++
	}
	if certificates < 80 {
		t.Errorf("%d certificates", certificates)
	}
	for name := range content {
		if !slices.Contains([]string{"idp", "etc/", "etc/passwd", "etc/group", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt"}, name) {
			t.Errorf("%s is in the image", name)
		}
	}
	if again, err := image(program(t), runtime.GOARCH, "v1.2.3+4"); err != nil || !bytes.Equal(again, made(t)) {
		t.Errorf("two images of one program differ: %v", err)
	}
	// The part that Docker reads.
	var docker []struct {
		Config   string
		RepoTags []string
		Layers   []string
	}
	if err := json.Unmarshal(files["manifest.json"], &docker); err != nil || len(docker) != 1 || files[docker[0].Config] == nil || files[docker[0].Layers[0]] == nil || !slices.Equal(docker[0].RepoTags, []string{"near-idp:v1.2.3-4", "near-idp:latest"}) {
		t.Errorf("%+v, %v", docker, err)
	}
}

// Whoever has Docker and builds the Dockerfile gets the same container.
func TestImageIsThatOfTheDockerfile(t *testing.T) {
	config, _ := rootfs(t, unpack(t, made(t)))
	text, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	of := config["config"].(map[string]any)
	compact := func(value any) string {
		data, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(data), `","`, `", "`)
	}
	health := of["Healthcheck"].(map[string]any)
	for _, line := range []string{
		"USER " + of["User"].(string),
		"ENTRYPOINT " + compact(of["Entrypoint"]),
		"CMD " + compact(of["Cmd"]),
		"CMD " + compact(health["Test"].([]any)[1:]),
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("Dockerfile lacks %s", line)
		}
	}
	if health["Interval"] != 30e9 || !strings.Contains(string(text), "--interval=30s --timeout=5s --start-period=10s") || of["ExposedPorts"].(map[string]any)["8080/tcp"] == nil {
		t.Errorf("%+v", of)
	}
}

// The program runs with nothing around it but what the image has.
func TestProgramRunsInTheImage(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("chroot needs root")
	}
	_, content := rootfs(t, unpack(t, made(t)))
	root := t.TempDir()
	for dir := root; strings.HasPrefix(dir, os.TempDir()+"/"); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o711); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(content)) {
		path := filepath.Join(root, name)
		err := os.MkdirAll(filepath.Dir(path), 0o755)
		if !strings.HasSuffix(name, "/") && err == nil {
			err = os.WriteFile(path, content[name], 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("/idp", "version")
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root, Credential: &syscall.Credential{Uid: 65532, Gid: 65532}}
	if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "idp v1.2.3\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestImageOfWhatCannotRunIsRefused(t *testing.T) {
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	if _, err := image(program(t), other, "v1"); err == nil || !strings.Contains(err.Error(), "the image for") {
		t.Errorf("the wrong architecture: %v", err)
	}
	if _, err := image("release_test.go", runtime.GOARCH, "v1"); err == nil || !strings.Contains(err.Error(), "not a program for Linux") {
		t.Errorf("no program: %v", err)
	}
	if shell, err := filepath.EvalSymlinks("/bin/sh"); err == nil {
		if _, err := image(shell, runtime.GOARCH, "v1"); err == nil || !strings.Contains(err.Error(), "dynamic linker") {
			t.Errorf("a program that needs libraries: %v", err)
		}
	}
}

// The bill has what the linker noted, as `go version -m` reads it, and each has a licence.
func TestBillNamesEveryModule(t *testing.T) {
	data, err := sbom(program(t), "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	again, err := sbom(program(t), "v1.2.3")
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("two bills of one program differ: %v", err)
	}
	var bill struct {
		SerialNumber string
		Components   []component
	}
	if err := json.Unmarshal(data, &bill); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(bill.SerialNumber) {
		t.Errorf("serialNumber: %s", bill.SerialNumber)
	}
	out, err := exec.Command("go", "version", "-m", program(t)).Output()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"std"}
	for _, match := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t`).FindAllStringSubmatch(string(out), -1) {
		want = append(want, match[1])
	}
	var got []string
	for _, c := range bill.Components {
		got = append(got, c.Name)
		if len(c.Licenses) != 1 || c.Licenses[0].License.ID == "" || c.PURL == "" && !strings.HasPrefix(c.Properties[0].Value, "./internal/") {
			t.Errorf("%+v", c)
		}
	}
	if !slices.Equal(got, want) || len(got) < 20 {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// A package of npm in the pages would have to be in the bill, which says that there is none.
func TestPagesUseNoPackages(t *testing.T) {
	imports := regexp.MustCompile(`(?m)\b(?:from|import)\s*\(?\s*["']([^"']+)["']`)
	files := 0
	err := filepath.WalkDir("../../web/static/src", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".ts" {
			return err
		}
		files++
		text, err := os.ReadFile(path)
		for _, match := range imports.FindAllStringSubmatch(string(text), -1) {
			if !strings.HasPrefix(match[1], ".") {
				t.Errorf("%s imports %s", path, match[1])
			}
		}
		return err
	})
	if err != nil || files < 10 {
		t.Errorf("%d files, %v", files, err)
	}
}

func TestUnknownLicenceIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := licenceOf(dir); err == nil {
		t.Error("none")
	}
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte("Do what you like, on Tuesdays."), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, err := licenceOf(dir); err == nil {
		t.Errorf("taken for %s", id)
	}
}
