package config

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"near-idp/internal/idp"
)

// The head of the example names the keys that take effect without a restart, those and no others.
func TestExampleNamesTheKeysThatNeedNoRestart(t *testing.T) {
	t.Parallel()
	before, after := &Config{}, &Config{}
	before.Listen.TLS = TLS{Cert: "a", Key: "a"} // to have none, or one, is another way to listen
	fill(t, reflect.ValueOf(after).Elem())
	live := Differences(before, before.WithLive(after))
	slices.Sort(live)
	text, err := os.ReadFile(exampleFile)
	if err != nil {
		t.Fatal(err)
	}
	sentence := regexp.MustCompile(`(?s)a change of (.*?), and of the files of secrets,`).FindStringSubmatch(string(text))
	if sentence == nil {
		t.Fatal("the example does not say it")
	}
	named := strings.FieldsFunc(strings.ReplaceAll(sentence[1], " or ", ", "), func(r rune) bool { return strings.ContainsRune(", \n#", r) })
	all := Differences(before, after)
	if len(all) < 2*len(live) {
		t.Errorf("only %d keys differ", len(all))
	}
	var meant []string // with the keys of groups
	for _, key := range all {
		if slices.ContainsFunc(named, func(name string) bool { return key == name || strings.HasPrefix(key, name+".") }) {
			meant = append(meant, key)
		}
	}
	slices.Sort(meant)
	if !slices.Equal(live, meant) {
		t.Errorf("these take effect:\n%s\nthe example means:\n%s", strings.Join(live, ", "), strings.Join(meant, ", "))
	}
}

// fill gives every key a value that is not that of an empty file.
func fill(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x"), reflect.Zero(v.Type().Elem()))
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[idp.Rate]() {
			v.Set(reflect.ValueOf(idp.Rate{N: 1, Per: 1}))
			return
		}
		for _, f := range fields(v.Type()) {
			fill(t, v.FieldByIndex(f.index))
		}
	default:
		t.Fatalf("%s: a kind that this test does not know", v.Type())
	}
}
