package secret_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/seed-bc0cc349/anvil/app/secret"
)

// Secrets are put together here, so that none stands in this file.
var (
	oldToken = "ghs_" + "Qz8xVb2nM4kL6jH9gF1dS3aP5oI7uY0tRewW"
	newToken = "ghs_" + "1234567_" + "eyJhbGciOiJSUzI1NiJ9." + strings.Repeat("Ab3-_xY9", 40) + "." + strings.Repeat("k_9Z-q", 20)
	awsKey   = "AKIA" + "Z7Q3XN5KJ2VWLM4T"
	pemKey   = "-----BEGIN RSA " + "PRIVATE KEY-----\n" + strings.Repeat("MIIEowIBAAKCAQEAvZ8x3Kq9Lm2NpR5tUwYbDfGhJkQsTvXz0A1c\n", 12) + "-----END RSA " + "PRIVATE KEY-----"
)

func TestSecretsAreTakenOut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ value, kind string }{
		"an installation token":         {oldToken, "github-token"},
		"one of the new shape":          {newToken, "github-token"},
		"a cloud key":                   {awsKey, "aws-access-token"},
		"a cloud key in base64":         {base64.StdEncoding.EncodeToString([]byte("aws_access_key_id = " + awsKey)), "aws-access-token"},
		"a private key":                 {pemKey, "private-key"},
		"what is called a key":          {"api_key = \"q8Zr3" + "Vn6Tx1Lw9Kb4Yd7Hs2\"", "generic-api-key"},
		"the same token another time":   {oldToken + " and again " + oldToken, "github-token"},
		"a token in the middle of text": {"x=" + oldToken + ";", "github-token"},
	} {
		masked, kinds := secret.Mask("Before it.\n" + c.value + "\nAfter it.")
		core := c.value
		if c.kind == "generic-api-key" {
			core = "Vn6Tx1Lw9Kb4"
		}
		if strings.Contains(masked, core) || strings.Contains(masked, oldToken) || !strings.Contains(masked, secret.Masked) ||
			!strings.HasPrefix(masked, "Before it.\n") || !strings.HasSuffix(masked, "\nAfter it.") || !strings.Contains(strings.Join(kinds, " "), c.kind) {
			t.Errorf("%s: %q, kinds %v", name, masked, kinds)
		}
	}
}

func TestWhatIsNoSecretStays(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "fix the failing test", "see https://example.com/a/b/c?page=12 and issue 1234567890", "it broke in 0123456789abcdef0123456789abcdef01234567",
		"panic: runtime error: index out of range [5] with length 3\n\tmain.go:1234 +0x1b4", "The password is the name of my cat.",
	} {
		if masked, kinds := secret.Mask(text); masked != text || kinds != nil {
			t.Errorf("%q became %q: %v", text, masked, kinds)
		}
	}
}
