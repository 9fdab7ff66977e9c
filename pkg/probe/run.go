package probe

import (
	"context"
	"time"
)

// Reason is why a probe was not answered. The set is closed.
type Reason string

// The reasons.
const (
	NotAnswered    Reason = "not_answered"    // the pool answers as for nobody: another function is its trigger, or none, or MODE is not live
	NotPermitted   Reason = "not_permitted"   // Cognito may not call the function
	NotInvoked     Reason = "not_invoked"     // Cognito called the function and got no answer
	FunctionFailed Reason = "function_failed" // the function failed, or its answer was none
	OldPool        Reason = "old_pool"        // the function could not ask the old pool
	AppClient      Reason = "app_client"      // the app client is gone, or does not allow USER_PASSWORD_AUTH
	Throttled      Reason = "throttled"       // the new pool was asked too often
	Unreachable    Reason = "unreachable"     // the new pool did not answer
	Unexpected     Reason = "unexpected"      // the new pool answered with what is none of these
)

// Result is what a probe came to.
type Result struct {
	Answered bool
	Reason   Reason // of the last try, unless answered
	Cause    error  // of the last try, unless answered; nil if the new pool refused nothing
	Tries    int
}

// pauses are those between the tries: a single throttled call is no outage.
var pauses = []time.Duration{250 * time.Millisecond, 750 * time.Millisecond}

// Run probes, in three tries at most. Ask signs in by a name, and returns why that was not answered as a probe; no reason if it was.
func Run(ctx context.Context, ask func(ctx context.Context, name string) (Reason, error)) Result {
	for tries := 1; ; tries++ {
		reason, err := ask(ctx, NewName())
		if reason == "" {
			return Result{Answered: true, Tries: tries}
		}
		if tries > len(pauses) || ctx.Err() != nil {
			return Result{Reason: reason, Cause: err, Tries: tries}
		}
		select {
		case <-time.After(pauses[tries-1]):
		case <-ctx.Done():
		}
	}
}
