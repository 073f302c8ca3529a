package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// object is what a manifest holds, of which the paths are as "spec.template.spec".
type object map[string]any

func (o object) at(t *testing.T, path string) any {
	t.Helper()
	var value any = o
	for key := range strings.SplitSeq(path, ".") {
		fields, ok := value.(object)
		if !ok || fields[key] == nil {
			t.Fatalf("%s is missing at %s of %v", key, path, o["kind"])
		}
		value = fields[key]
	}
	return value
}

func (o object) text(t *testing.T, path string) string {
	t.Helper()
	text, ok := o.at(t, path).(string)
	if !ok {
		t.Fatalf("%s is no text: %v", path, o.at(t, path))
	}
	return text
}

func (o object) list(t *testing.T, path string) (list []object) {
	t.Helper()
	for _, one := range o.at(t, path).([]any) {
		list = append(list, one.(object))
	}
	return list
}

func manifest(t *testing.T, path string) object {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var o object
	decoder := yaml.NewDecoder(file)
	if err := decoder.Decode(&o); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if err := decoder.Decode(&o); err != io.EOF {
		t.Fatalf("%s: one object in each file, please: %v", path, err)
	}
	return o
}

// deployed loads a configuration as it is mounted, with secrets of the test's below the place of its own.
func deployed(t *testing.T, file, place string) *Config {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	secrets := t.TempDir()
	for name, value := range map[string]string{"database_url": "postgres://idp:x@postgres/idp", "encryption_key": strings.Repeat("k", 44)} {
		if err := os.WriteFile(filepath.Join(secrets, name), []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Parse(file, []byte(strings.ReplaceAll(string(text), "file:"+place+"/", "file:"+secrets+"/")), noEnv)
	if err != nil {
		t.Fatal(err)
	}
	if c.Database.URL == "" || c.Database.MigrateOnStart || c.Listen.Drain == 0 || len(c.Proxy.Trusted) == 0 {
		t.Errorf("%s: two replicas behind a proxy need a database of their own, migrations beside them, listen.drain and proxy.trusted", file)
	}
	for _, warning := range c.Warnings {
		// A network policy beside it admits those that collect metrics.
		if !strings.HasPrefix(warning, "listen.ops is") || !strings.Contains(file, "kubernetes") {
			t.Errorf("%s: %s", file, warning)
		}
	}
	return c
}

func noEnv(string) (string, bool) { return "", false }

// Nobody can run the manifests here; what can be held is that they agree with one another and with the provider.
func TestKubernetesManifestsFitTheProvider(t *testing.T) {
	t.Parallel()
	const dir = "../../deploy/kubernetes/"
	kustomization := manifest(t, dir+"kustomization.yaml")
	listed := []string{"config.yaml", "kustomization.yaml"}
	for _, name := range kustomization.at(t, "resources").([]any) {
		listed = append(listed, name.(string))
		o := manifest(t, dir+name.(string))
		if o.text(t, "apiVersion") == "" || o.text(t, "kind") == "" || o.text(t, "metadata.name") != "idp" {
			t.Errorf("%s: %v", name, o)
		}
	}
	files, err := filepath.Glob(dir + "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if !slices.Contains(listed, filepath.Base(file)) {
			t.Errorf("%s is in no list of kustomization.yaml", file)
		}
	}
	deployment := manifest(t, dir+"deployment.yaml")
	pod := deployment.at(t, "spec.template.spec").(object)
	container, migrate := pod.list(t, "containers")[0], pod.list(t, "initContainers")[0]
	c := deployed(t, dir+"config.yaml", "/run/secrets/idp")
	if port := container.list(t, "ports")[0]; ":"+toText(port["containerPort"]) != c.Listen.Public || port["name"] != "http" {
		t.Errorf("the container's port is %v, listen.public %s", port, c.Listen.Public)
	}
	for probe, path := range map[string]string{"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"} {
		if got := container.text(t, probe+".httpGet.path"); got != path || container.text(t, probe+".httpGet.port") != "http" {
			t.Errorf("%s asks %s", probe, got)
		}
	}
	grace := pod.at(t, "terminationGracePeriodSeconds").(int)
	if least := int(c.Listen.Drain.Std().Seconds()) + 10; grace <= least {
		t.Errorf("pods are killed after %d s, while draining and the last requests take up to %d", grace, least)
	}
	for _, one := range []object{container, migrate} {
		for path, want := range map[string]any{"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true} {
			if one.at(t, "securityContext."+path) != want {
				t.Errorf("%s of %v", path, one["name"])
			}
		}
		if one["image"] != kustomization.list(t, "images")[0]["name"] {
			t.Errorf("the image %v is not one that kustomization.yaml names", one["image"])
		}
		for _, mount := range one.list(t, "volumeMounts") {
			if !slices.ContainsFunc(pod.list(t, "volumes"), func(v object) bool { return v["name"] == mount["name"] }) {
				t.Errorf("no volume %v", mount["name"])
			}
		}
	}
	if got := toText(container["args"]); got != "[serve --config /etc/idp/config.yaml]" {
		t.Errorf("args %s", got)
	}
	if got := toText(migrate["args"]); got != "[migrate up --config /etc/idp/config.yaml]" {
		t.Errorf("args %s", got)
	}
	labels := toText(deployment.at(t, "spec.template.metadata.labels"))
	for file, path := range map[string]string{"deployment": "spec.selector.matchLabels", "service": "spec.selector", "poddisruptionbudget": "spec.selector.matchLabels", "networkpolicy": "spec.podSelector.matchLabels"} {
		if got := toText(manifest(t, dir+file+".yaml").at(t, path)); got != labels {
			t.Errorf("%s selects %s, the pods are %s", file, got, labels)
		}
	}
	if deployment.at(t, "spec.replicas") != 2 || deployment.at(t, "spec.strategy.rollingUpdate.maxUnavailable") != 0 {
		t.Error("two replicas, of which none is missing during an update")
	}
	if host := manifest(t, dir+"ingress.yaml").list(t, "spec.rules")[0]["host"]; c.Issuer != "https://"+toText(host) {
		t.Errorf("the ingress serves %v, the issuer is %s", host, c.Issuer)
	}
}

func TestComposeFitsTheProvider(t *testing.T) {
	t.Parallel()
	const dir = "../../deploy/compose/"
	compose := manifest(t, dir+"compose.yaml")
	c := deployed(t, dir+"config.yaml", "/run/secrets")
	services := compose.at(t, "services").(object)
	known := compose.at(t, "secrets").(object)
	for name := range services {
		service := services.at(t, name).(object)
		for _, key := range []string{"secrets", "networks"} {
			for _, one := range listOf(service[key]) {
				if compose.at(t, key).(object)[one] == nil && one != "back" {
					t.Errorf("%s uses %s of %s, which is not there", name, one, key)
				}
			}
		}
	}
	for _, name := range []string{"idp-1", "idp-2"} {
		service := services.at(t, name).(object)
		if got := toText(service["command"]); got != "[serve --config /etc/idp/config.yaml]" {
			t.Errorf("%s runs %s", name, got)
		}
		if got := toText(service.at(t, "healthcheck.test")); got != "[CMD /idp healthcheck --url http://127.0.0.1"+c.Listen.Public+"/healthz]" {
			t.Errorf("the health check of %s is %s", name, got)
		}
	}
	if got := toText(services.at(t, "migrate").(object)["command"]); got != "[migrate up --config /etc/idp/config.yaml]" {
		t.Errorf("migrate runs %s", got)
	}
	for name := range known {
		if path := known.text(t, name+".file"); path != "./secrets/"+name {
			t.Errorf("secret %s is %s", name, path)
		}
	}
	if subnet := toText(compose.at(t, "networks.front.ipam.config")); !strings.Contains(subnet, c.Proxy.Trusted[0].String()) {
		t.Errorf("proxy.trusted is %v, the network %s", c.Proxy.Trusted, subnet)
	}
	caddy, err := os.ReadFile(dir + "Caddyfile")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{strings.TrimPrefix(c.Issuer, "https://") + " {", "idp-1" + c.Listen.Public + " idp-2" + c.Listen.Public, "health_uri /readyz"} {
		if !strings.Contains(string(caddy), part) {
			t.Errorf("the Caddyfile lacks %q", part)
		}
	}
}

func listOf(value any) (list []string) {
	all, _ := value.([]any)
	for _, one := range all {
		list = append(list, one.(string))
	}
	return list
}

func toText(value any) string { return fmt.Sprint(value) }
