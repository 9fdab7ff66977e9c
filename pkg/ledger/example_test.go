package ledger_test

import (
	"context"
	"fmt"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger/memory"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// The same again within the window adds nothing to the stream.
func ExampleLedger_Append() {
	now := time.Date(2026, 7, 14, 12, 0, 0, 0, time.UTC)
	l := ledger.New(memory.New(), migration.Windows{RetryWindow: 20 * time.Second, RepeatWindow: time.Hour}, func() time.Time { return now })
	account := migration.Account{Sub: "0f6bd1c2-7a3c-4f0e-9d55-8d6c2f1b7e10"}
	for _, id := range []string{"01K0FZQ4T4Z3M6Y0S2J8H5V7XN", "01K0FZQ4T4Z3M6Y0S2J8H5V7XP"} {
		appended, err := l.Append(context.Background(), account.Sub, func(migration.Record) migration.Event {
			return migration.NewAttempt(migration.Origin{ID: id, At: now}, migration.SignIn, account, migration.Decision{Outcome: migration.Migrated})
		})
		fmt.Println(appended.Record.Version, appended.Repeat, err)
	}
	// Output:
	// 1 false <nil>
	// 1 true <nil>
}
