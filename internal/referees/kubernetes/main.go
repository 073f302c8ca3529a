// Command kubernetes is the part of a Kubernetes API server that says who calls: its
// authenticator of OpenID Connect, configured by the file that is given to
// `kube-apiserver --authentication-config`. It serves over plain HTTP /readyz and
// what `kubectl auth whoami` asks, a SelfSubjectReview.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/install"
	"k8s.io/apiserver/pkg/authentication/request/bearertoken"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/apiserver/plugin/pkg/authenticator/token/oidc"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: kubernetes AUTHENTICATION-CONFIGURATION ADDRESS")
	}
	if err := serve(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func serve(ctx context.Context, file, address string) error {
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
	tokens, err := oidc.New(ctx, options)
	if err != nil {
		return err
	}
	requests := bearertoken.New(tokens)
	http.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		if err := tokens.HealthCheck(); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	})
	http.HandleFunc("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", func(w http.ResponseWriter, r *http.Request) {
		caller, known, err := requests.AuthenticateRequest(r)
		if err != nil || !known {
			http.Error(w, fmt.Sprintf("Unauthorized: %v", err), http.StatusUnauthorized)
			return
		}
		who := map[string]any{"username": caller.User.GetName(), "groups": caller.User.GetGroups()}
		_ = json.NewEncoder(w).Encode(map[string]any{"status": map[string]any{"userInfo": who}}) // who does not get it fails on it
	})
	return http.ListenAndServe(address, nil)
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
