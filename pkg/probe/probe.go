// Package probe holds what a probe is: a sign-in at the new pool of a user who does not exist. The trigger answers it with a fixed error
// once the old pool has said that it knows no such user. So a probe that is answered has shown that the trigger is attached, that Cognito
// may call it, that the function works, and that the old pool can be asked.
//
// Package newpool asks the new pool, and package dynamo counts the answers.
package probe

import (
	"crypto/rand"
	"fmt"
	"regexp"
	"strings"
)

// Config names the app client of the new pool that probes sign in by: the one that the apps use. Without one nothing is probed.
type Config struct {
	AppClientID string `env:"PROBE_APP_CLIENT_ID"`
}

// Validate names the variable that does not fit.
func (c Config) Validate() error {
	if fits, _ := regexp.MatchString(`^\w{0,128}$`, c.AppClientID); !fits {
		return fmt.Errorf("PROBE_APP_CLIENT_ID is %q: allowed are 1 to 128 letters and digits, or nothing", c.AppClientID)
	}
	return nil
}

// Answered is the text of the trigger's error that answers a probe.
const Answered = "PROBE_ANSWERED"

// The mark of a probe, in the client metadata of its sign-in, and what its name is made of. Nobody has a name under .invalid.
// https://www.rfc-editor.org/rfc/rfc2606#section-2
const (
	mark       = "migration-probe"
	prefix     = "migration-probe-"
	suffix     = "@probe.invalid"
	randomSize = 26 // of rand.Text, in characters
)

// Metadata is the client metadata that marks a probe.
func Metadata() map[string]string { return map[string]string{mark: "yes"} }

// NewName returns a name for a probe to sign in with. It has the form of an email address, which pools of every kind take.
func NewName() string { return prefix + strings.ToLower(rand.Text()) + suffix }

// Is tells whether a sign-in is a probe: by its mark, and by a name that only a probe has. The mark alone tells nothing: anybody can send
// it, with anybody's name.
func Is(name string, metadata map[string]string) bool {
	if metadata[mark] == "" {
		return false
	}
	random, ok := strings.CutPrefix(name, prefix)
	random, ok2 := strings.CutSuffix(random, suffix)
	return ok && ok2 && len(random) == randomSize && !strings.ContainsFunc(random, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '2' || r > '7')
	})
}
