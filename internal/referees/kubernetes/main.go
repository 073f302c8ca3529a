// Command kubernetes is the part of a Kubernetes API server that says who a bearer
// token stands for: its authenticator of OpenID Connect, configured by the file that
// is given to `kube-apiserver --authentication-config`.
//
// It prints a line when it is ready. To each token, a line of its input, it answers
// with a line of JSON: who the cluster takes the caller for, or why nobody.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

// An answer says who a token stands for, or why it is refused.
type answer struct {
	Username string   `json:"username,omitempty"`
	UID      string   `json:"uid,omitempty"`
	Groups   []string `json:"groups,omitempty"`
	Refusal  string   `json:"refusal,omitempty"`
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: kubernetes AUTHENTICATION-CONFIGURATION")
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, file string) error {
	configuration, err := read(file)
	if err != nil {
		return err
	}
	options := oidc.Options{JWTAuthenticator: configuration.JWT[0]}
	if ca := options.JWTAuthenticator.Issuer.CertificateAuthority; ca != "" {
		if options.CAContentProvider, err = dynamiccertificates.NewStaticCAContent("issuer", []byte(ca)); err != nil {
			return err
		}
	}
	authenticator, err := oidc.New(ctx, options)
	if err != nil {
		return err
	}
	err = wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 30*time.Second, true, func(context.Context) (bool, error) {
		return authenticator.HealthCheck() == nil, nil
	})
	if err != nil {
		return fmt.Errorf("the issuer's metadata and keys: %w", authenticator.HealthCheck())
	}
	fmt.Println("ready")
	answers := json.NewEncoder(os.Stdout)
	for tokens := bufio.NewScanner(os.Stdin); tokens.Scan(); {
		var a answer
		switch response, known, err := authenticator.AuthenticateToken(ctx, tokens.Text()); {
		case err != nil:
			a.Refusal = err.Error()
		case !known:
			a.Refusal = "not a token of this issuer"
		default:
			a = answer{Username: response.User.GetName(), UID: response.User.GetUID(), Groups: response.User.GetGroups()}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// read decodes the file as the API server does: strictly, in any version that it knows.
func read(file string) (*apiserver.AuthenticationConfiguration, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	decoder := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDecoder()
	configuration := new(apiserver.AuthenticationConfiguration)
	if err := runtime.DecodeInto(decoder, text, configuration); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if n := len(configuration.JWT); n != 1 {
		return nil, fmt.Errorf("%s names %d issuers, want one", file, n)
	}
	return configuration, nil
}
