package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/gowebpki/jcs"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// Hash returns the hash that seals an event: SHA-256, in hexadecimal, over the canonical JSON (RFC 8785) of all its fields but
// the hash itself. Since it covers the sub, the sequence number and the hash before, a stream can be checked by anyone who
// can read it, and one that was copied under another key, cut in the middle or reordered does not pass.
func Hash(e migration.Event) (string, error) {
	plain, err := json.Marshal(struct {
		migration.Event
		Hash *struct{} `json:"hash,omitempty"` // hides the embedded field
	}{Event: e})
	if err != nil {
		return "", fmt.Errorf("hash event %s: %w", e.ID, err)
	}
	canonical, err := jcs.Transform(plain)
	if err != nil {
		return "", fmt.Errorf("hash event %s: %w", e.ID, err)
	}
	sum := sha256.Sum256(canonical)
	return hex.EncodeToString(sum[:]), nil
}
