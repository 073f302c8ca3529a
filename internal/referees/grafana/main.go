// Command grafana is a stand-in for Grafana where the real one is not to be had: it reads
// the same configuration file, sends the requests of its generic_oauth in the same
// form and order, and finds a user in the answers by the same rules. It shows who is
// signed in at the same addresses, /api/user and /api/user/orgs.
//
// What Grafana leaves unchecked it does not check either. Everything else of Grafana
// is missing.
package main

import (
	"errors"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"golang.org/x/oauth2"
	"gopkg.in/ini.v1"
)

// settings are those of [auth.generic_oauth], with Grafana's defaults.
type settings struct {
	oauth2.Config
	apiURL, signoutURL                                              string
	emailPath, emailName, loginPath, namePath, groupsPath, rolePath string
	usePKCE, useRefreshToken, roleStrict                            bool
	allowedGroups                                                   []string
	rootURL, address, secretKey, defaultRole                        string
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: grafana GRAFANA.INI")
	}
	s, err := read(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(s.address, newServer(s)))
}

func read(file string) (*settings, error) {
	all, err := ini.Load(file)
	if err != nil {
		return nil, err
	}
	server, oauth := all.Section("server"), all.Section("auth.generic_oauth")
	if enabled, err := oauth.Key("enabled").Bool(); err != nil || !enabled {
		return nil, errors.New("[auth.generic_oauth] is not enabled")
	}
	flag := func(key string) bool { return oauth.Key(key).MustBool(false) }
	s := &settings{
		Config: oauth2.Config{
			ClientID: oauth.Key("client_id").String(), ClientSecret: oauth.Key("client_secret").String(),
			// The style of client authentication is found out by trying.
			Endpoint: oauth2.Endpoint{AuthURL: oauth.Key("auth_url").String(), TokenURL: oauth.Key("token_url").String(), AuthStyle: oauth2.AuthStyleAutoDetect},
			Scopes:   list(oauth.Key("scopes").MustString("user:email")),
		},
		apiURL: oauth.Key("api_url").String(), signoutURL: oauth.Key("signout_redirect_url").String(),
		emailPath: oauth.Key("email_attribute_path").String(), emailName: oauth.Key("email_attribute_name").MustString("email:primary"),
		loginPath: oauth.Key("login_attribute_path").String(), namePath: oauth.Key("name_attribute_path").String(),
		groupsPath: oauth.Key("groups_attribute_path").String(), rolePath: oauth.Key("role_attribute_path").String(),
		usePKCE: flag("use_pkce"), useRefreshToken: flag("use_refresh_token"), roleStrict: flag("role_attribute_strict"),
		allowedGroups: list(oauth.Key("allowed_groups").String()),
		rootURL:       strings.TrimSuffix(server.Key("root_url").String(), "/"),
		address:       fmt.Sprintf("%s:%s", server.Key("http_addr"), server.Key("http_port")),
		secretKey:     all.Section("security").Key("secret_key").MustString("stand-in"),
		defaultRole:   all.Section("users").Key("auto_assign_org_role").MustString("Viewer"),
	}
	s.RedirectURL = s.rootURL + "/login/generic_oauth"
	return s, nil
}

// list splits at spaces and commas.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' })
}
