// Package e2e tests the whole product: idp as a real process over a real
// PostgreSQL, used by relying parties that others wrote.
package e2e
