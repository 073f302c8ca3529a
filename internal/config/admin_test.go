package config

import (
	"strings"
	"testing"
)

const minimal = "issuer: https://id.example.com\nnear: {network: mainnet}\nencryption: {keys: ['kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk']}\n"

func TestOpsSideIsNeverOpenByMistake(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen: {ops: ''}":      `listen.ops: "" is not an address`,
		"listen: {ops: ':http'}": `listen.ops: ":http" is not an address`,
		"listen: {public: '127.0.0.1:8080', ops: '127.0.0.1:8080'}": "listen.ops: is listen.public or listen.admin too",
		"listen: {ops: '127.0.0.1:8081'}":                           "listen.ops: is listen.public or listen.admin too",
	} {
		_, err := Parse("config.yaml", []byte(minimal+text), testEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	c, err := Parse("config.yaml", []byte(minimal), testEnv)
	if err != nil || c.Listen.Ops != "127.0.0.1:9090" || len(c.Warnings) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse("config.yaml", []byte(minimal+"listen: {ops: ':9090'}"), testEnv)
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "listen.ops") {
		t.Errorf("%v, %v", c.Warnings, err)
	}
}

func TestAdminSideIsNeverOpenByMistake(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"listen: {admin: ''}":                                           `listen.admin: "" is not an address`,
		"listen: {admin: localhost}":                                    `listen.admin: "localhost" is not an address`,
		"listen: {public: ':8080', admin: ':8080'}":                     "listen.admin: is listen.public too",
		"listen: {admin: off}\nadmin: {accounts: [a1.near]}":            "admin.accounts: names administrators, but listen.admin is off",
		"admin: {accounts: [Alice.near]}":                               `admin.accounts[0]: "Alice.near" is not a NEAR account id`,
		"admin: {accounts: ['*.near']}":                                 `admin.accounts[0]: "*.near" is not a NEAR account id`,
		"admin: {accounts: [a1.near], url: 'http://admin.example.com'}": "would carry administrators' sessions in the clear",
		"admin: {url: 'https://admin.example.com/x'}":                   "is not the address of a host",
		"admin: {url: 'ftp://admin.example.com'}":                       "must be https",
	} {
		_, err := Parse("config.yaml", []byte(minimal+text), testEnv)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: want %q, got %v", text, want, err)
		}
	}
	c, err := Parse("config.yaml", []byte(minimal), testEnv)
	if err != nil || c.Listen.Admin != "127.0.0.1:8081" || c.Admin.URL != "http://127.0.0.1:8081" {
		t.Errorf("%+v, %v", c, err)
	}
	c, err = Parse("config.yaml", []byte(minimal+"listen: {admin: ':8081'}"), testEnv)
	if err != nil || len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "which other machines reach") {
		t.Errorf("%v, %v", c.Warnings, err)
	}
}
