package presets

import (
	"fmt"
	"slices"
	"strings"

	"near-idp/internal/claims"
	"near-idp/internal/idp"
)

var argoCD = Preset{
	Name: "argocd", Title: "Argo CD", Summary: "deployments on Kubernetes; roles by group",
	NeedsURL: true, Example: "https://argocd.example.com", AdminGroup: "argocd-admin",
	callback: "/auth/callback",
	client: func(base string) (idp.Client, error) {
		c := site(base, "/auth/callback", "", scopesOfPerson+" "+scopeOffline, claims.PolicyEmail)
		// It returns to its own URL, as that was typed into its configuration.
		c.PostLogoutRedirectURIs = []string{base, base + "/"}
		return c, nil
	},
	snippet: argoCDSnippet,
}

// argoCDSecret is the key of the client secret in argocd-secret.
const argoCDSecret = "oidc." + alias + ".clientSecret"

func argoCDSnippet(x Context) ([]Block, error) {
	patch, err := object(map[string]any{"stringData": map[string]string{argoCDSecret: x.secret()}})
	if err != nil {
		return nil, err
	}
	logout := when(x.afterLogout() != "",
		"logoutURL: "+quoted(x.Issuer+"/logout?id_token_hint={{token}}&post_logout_redirect_uri={{logoutRedirectURL}}"))
	config := lines(
		"name: "+yaml(x.Provider),
		"issuer: "+yaml(x.Issuer),
		"clientID: "+yaml(x.Client.ID),
		"clientSecret: $"+argoCDSecret,
		"requestedScopes: "+yamlList(x.Client.Scopes()),
		"enablePKCEAuthentication: true",
		logout,
	)
	return []Block{
		{
			Place: "a shell: the secret", Format: "sh",
			Text: "kubectl -n argocd patch secret argocd-secret --type merge -p " + shell(strings.TrimSuffix(patch, "\n")) + "\n",
		},
		{
			Place: "the ConfigMap argocd-cm", Format: "yaml",
			Text: configMap("argocd-cm", lines("url: "+yaml(x.base), "oidc.config: |")+indented("  ", config)),
			Note: "Releases before 3.1 leave PKCE to the browser, which has no secret: there leave out enablePKCEAuthentication, and register with --danger-no-require-pkce. The argocd command needs a public client of its own, named by cliClientID.",
		},
		{
			Place: "the ConfigMap argocd-rbac-cm", Format: "yaml",
			Text: configMap("argocd-rbac-cm", lines("scopes: '[groups]'", `policy.default: ""`, "policy.csv: |", "  g, "+x.AdminGroup+", role:admin")),
			Note: "Members of the group " + x.AdminGroup + " become administrators. Everybody else sees nothing, until a policy says more.",
		},
	}, nil
}

func configMap(name, data string) string {
	return lines(
		"apiVersion: v1",
		"kind: ConfigMap",
		"metadata:",
		"  name: "+name,
		"  namespace: argocd",
		"  labels:",
		"    app.kubernetes.io/name: "+name,
		"    app.kubernetes.io/part-of: argocd",
		"data:",
	) + indented("  ", data)
}

var kubernetes = Preset{
	Name: "kubernetes", Title: "Kubernetes", Summary: "kubectl by kubelogin; permissions by group",
	Example: "https://kubernetes.example.com:6443", AdminGroup: "kubernetes-admin",
	// kubelogin listens on the second port where the first one is taken; any other
	// matches too, since they are loopback addresses.
	client: func(string) (idp.Client, error) {
		c := app([]string{"http://localhost:8000", "http://localhost:18000"}, "")
		c.Scope = "openid profile groups offline_access"
		c.GrantTypes = append(c.GrantTypes, idp.GrantDeviceCode)
		return c, nil
	},
	snippet: kubernetesSnippet,
}

// kubernetesPrefix keeps names from the provider apart from others, such as the group
// system:masters.
const kubernetesPrefix = "near:"

func kubernetesSnippet(x Context) ([]Block, error) {
	if alg := x.Client.IDTokenSignedResponseAlg; alg == idp.EdDSA {
		return nil, fmt.Errorf("its ID tokens are signed with %s, which Kubernetes does not verify: set id_token_signed_response_alg to %s", alg, idp.RS256)
	}
	login := []string{"oidc-login", "get-token", "--oidc-issuer-url=" + x.Issuer, "--oidc-client-id=" + x.Client.ID}
	for _, scope := range x.extraScopes() {
		login = append(login, "--oidc-extra-scope="+scope)
	}
	return []Block{
		{
			Place: "the file of the API server's --authentication-config", Format: "yaml", Text: x.authenticationConfiguration(),
			Note: "From Kubernetes 1.30 on; 1.30 to 1.33 want apiVersion apiserver.config.k8s.io/v1beta1. The issuer must be https, with a certificate that the API server trusts.",
		},
		{
			Place: "the flags of kube-apiserver, instead of the file", Format: "sh", Text: command("kube-apiserver",
				flag("oidc-issuer-url", x.Issuer),
				flag("oidc-client-id", x.Client.ID),
				flag("oidc-signing-algs", x.Client.IDTokenSignedResponseAlg),
				flag("oidc-username-claim", "sub"),
				flag("oidc-username-prefix", kubernetesPrefix),
				flag("oidc-groups-claim", "groups"),
				flag("oidc-groups-prefix", kubernetesPrefix),
			),
		},
		{
			Place: "~/.kube/config of each user", Format: "yaml", Text: userOfKubeconfig(login),
			Note: "Needs kubelogin, as kubectl oidc-login. Where there is no browser add --grant-type=device-code to args.",
		},
		{
			Place: "kubectl apply -f -", Format: "yaml", Text: lines(
				"apiVersion: rbac.authorization.k8s.io/v1",
				"kind: ClusterRoleBinding",
				"metadata:",
				"  name: near-admins",
				"roleRef:",
				"  apiGroup: rbac.authorization.k8s.io",
				"  kind: ClusterRole",
				"  name: cluster-admin",
				"subjects:",
				"  - apiGroup: rbac.authorization.k8s.io",
				"    kind: Group",
				"    name: "+quoted(kubernetesPrefix+x.AdminGroup),
			),
			Note: "Members of the group " + x.AdminGroup + " become administrators of the cluster. A single account is the User " + kubernetesPrefix + "alice.near.",
		},
	}, nil
}

func (x *Context) authenticationConfiguration() string {
	return lines(
		"apiVersion: apiserver.config.k8s.io/v1",
		"kind: AuthenticationConfiguration",
		"jwt:",
		"  - issuer:",
		"      url: "+yaml(x.Issuer),
		"      audiences:",
		"        - "+yaml(x.Client.ID),
		"    claimMappings:",
		"      username:",
		"        claim: sub",
		"        prefix: "+quoted(kubernetesPrefix),
		"      groups:",
		"        claim: groups",
		"        prefix: "+quoted(kubernetesPrefix),
	)
}

func userOfKubeconfig(args []string) string {
	list := slices.Clone(args)
	for i, arg := range list {
		list[i] = "          - " + quoted(arg)
	}
	return lines(
		"users:",
		"  - name: near",
		"    user:",
		"      exec:",
		"        apiVersion: client.authentication.k8s.io/v1",
		"        interactiveMode: IfAvailable",
		"        command: kubectl",
		"        args:",
	) + lines(list...)
}
