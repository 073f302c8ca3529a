package main

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/jmespath-community/go-jmespath"
	"golang.org/x/oauth2"
)

// A user is what the claims make of somebody.
type user struct {
	id, login, name, email, role string
	groups                       []string
}

// A source is the JSON of one place in which claims are looked for.
type source struct {
	raw    any
	claims struct {
		Sub, Name, Login, Username, Email, Upn string
		DisplayName                            string `json:"display_name"`
		Attributes                             map[string][]string
	}
}

func newSource(text []byte) (*source, error) {
	s := new(source)
	return s, errors.Join(json.Unmarshal(text, &s.raw), json.Unmarshal(text, &s.claims))
}

// text is the string that a JMESPath expression finds, "" if it finds none.
func (s *source) text(path string) string {
	found, _ := s.search(path).(string)
	return found
}

func (s *source) search(path string) any {
	if path == "" {
		return nil
	}
	found, err := jmespath.Search(path, s.raw)
	if err != nil {
		return nil
	}
	return found
}

var jwt = regexp.MustCompile(`^([-_a-zA-Z0-9=]+)[.]([-_a-zA-Z0-9=]+)[.]([-_a-zA-Z0-9=]+)$`)

// payloadOf returns the claims of the ID token. Nobody looks at the signature.
func payloadOf(tokens *oauth2.Token) ([]byte, error) {
	parts := jwt.FindStringSubmatch(fmt.Sprint(tokens.Extra("id_token")))
	if parts == nil {
		return nil, errors.New("there is no ID token")
	}
	return base64.RawURLEncoding.DecodeString(parts[2])
}

// identify looks in the ID token first and in userinfo then; for each part of the user
// the first that is not empty counts.
func (s *settings) identify(client *http.Client, tokens *oauth2.Token) (*user, error) {
	var sources []*source
	if payload, err := payloadOf(tokens); err == nil {
		if from, err := newSource(payload); err == nil {
			sources = append(sources, from)
		}
	}
	if text, err := get(client, s.apiURL); err == nil {
		if from, err := newSource(text); err == nil {
			sources = append(sources, from)
		}
	}
	u := new(user)
	for _, from := range sources {
		first(&u.id, from.claims.Sub)
		first(&u.name, from.text(s.namePath), from.claims.Name, from.claims.DisplayName)
		first(&u.login, from.claims.Login, from.text(s.loginPath), from.claims.Username)
		first(&u.email, s.email(from)...)
		first(&u.role, role(from.text(s.rolePath)))
		if found, ok := from.search(s.groupsPath).([]any); ok && len(u.groups) == 0 {
			for _, group := range found {
				u.groups = append(u.groups, fmt.Sprint(group))
			}
		}
	}
	return u, s.complete(client, u)
}

// first fills in what is empty.
func first(field *string, values ...string) {
	for _, value := range values {
		if *field == "" {
			*field = value
		}
	}
}

func (s *settings) email(from *source) []string {
	found := []string{from.claims.Email, from.text(s.emailPath)}
	found = append(found, from.claims.Attributes[s.emailName]...)
	if address, err := mail.ParseAddress(from.claims.Upn); err == nil {
		found = append(found, address.Address)
	}
	return found
}

// role is one that Grafana has, "" if the text is none.
func role(text string) string {
	for _, known := range []string{"None", "Viewer", "Editor", "Admin"} {
		if strings.EqualFold(text, known) {
			return known
		}
	}
	if strings.EqualFold(text, "GrafanaAdmin") {
		return "Admin"
	}
	return ""
}

// complete fills in what no claim gave, and refuses who may not come in.
func (s *settings) complete(client *http.Client, u *user) error {
	if u.role == "" && s.roleStrict {
		return errors.New("idP did not return a role attribute, but role_attribute_strict is set")
	}
	first(&u.role, s.defaultRole)
	if u.email == "" {
		text, err := get(client, s.apiURL+"/emails")
		if err != nil {
			return fmt.Errorf("no address at /emails: %w", err)
		}
		if u.email, err = primary(text); err != nil {
			return fmt.Errorf("the addresses at /emails: %w", err)
		}
	}
	first(&u.login, u.email)
	if len(s.allowedGroups) > 0 && !slices.ContainsFunc(u.groups, func(group string) bool { return slices.Contains(s.allowedGroups, group) }) {
		return errors.New("user not a member of one of the required groups")
	}
	if u.email == "" {
		return errors.New("required attribute email was not provided")
	}
	return nil
}

// primary picks an address from the answer of {api_url}/emails.
func primary(text []byte) (string, error) {
	var records []struct {
		Email     string
		Primary   bool
		IsPrimary bool `json:"is_primary"`
	}
	if err := json.Unmarshal(text, &records); err != nil {
		return "", err
	}
	for _, record := range records {
		if record.Primary || record.IsPrimary {
			return record.Email, nil
		}
	}
	return "", nil
}

func get(client *http.Client, address string) ([]byte, error) {
	response, err := client.Get(address)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		return nil, fmt.Errorf("unsuccessful response status code %d: %s", response.StatusCode, body)
	}
	return body, nil
}
