package main

import (
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	cognito "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"golang.org/x/time/rate"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/listusers"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// remainingCommand lists the old pool with the operator's own credentials. What it finds about people stays on this machine.
type remainingCommand struct {
	Count  bool   `required:"" xor:"form" help:"Say how many are left."`
	CSV    bool   `name:"csv" required:"" xor:"form" help:"Print who is left, as CSV."`
	Import string `required:"" xor:"form" placeholder:"FOLDER" help:"Write files for Cognito's CSV import into a folder, which must not exist. After a kill the same command goes on."`
	Rate   int    `default:"10" placeholder:"N" help:"Lists of users a second at most, of the account's 30 (default: ${default})."`
}

func (remainingCommand) Help() string {
	return example("migration remaining --csv --stack=my-migration >remaining.csv")
}

func (c remainingCommand) Validate() error {
	if c.Rate < 1 || c.Rate > 30 {
		return errors.New("--rate: allowed is 1 to 30")
	}
	return nil
}

func (c remainingCommand) Run(ctx context.Context, s *stack, out *output) error {
	w, err := newWalk(ctx, s, out, c.Rate)
	if err != nil {
		return err
	}
	switch {
	case c.Import != "":
		return w.toImport(ctx, filepath.Clean(c.Import))
	case c.CSV:
		return w.toCSV(ctx)
	default:
		return w.toCount(ctx)
	}
}

// walk goes through the old pool and finds who is left.
type walk struct {
	stack    *stack
	out      *output
	inspect  *function
	old, new *cognito.Client
	oldID    string
	newID    string
	policy   migration.Policy
	rules    []string // the parameters that the policy is made of
	limiter  *rate.Limiter

	listed, left int
	token        string       // of the next page; empty before the first
	paged        func() error // is called after each page, if it is set
}

func newWalk(ctx context.Context, s *stack, out *output, perSecond int) (*walk, error) {
	inspect, err := s.function(ctx, "inspect")
	if err != nil {
		return nil, err
	}
	parameters, err := s.parameters(ctx)
	if err != nil {
		return nil, err
	}
	w := &walk{
		stack: s, out: out, inspect: inspect, oldID: parameters["USER_POOL_ID"], newID: parameters["NEW_USER_POOL_ID"],
		limiter: rate.NewLimiter(rate.Limit(perSecond), 1),
	}
	w.old, w.new = s.pools(w.oldID), s.pools(w.newID)
	w.rules = []string{parameters["ASSUME_VERIFIED"], parameters["NEW_POOL"], parameters["ATTRIBUTES"]}
	w.policy, err = policyOf(parameters)
	return w, err
}

// pools is a client of the pools in the Region of one.
func (s *stack) pools(id string) *cognito.Client {
	region, _, _ := strings.Cut(id, "_")
	return cognito.NewFromConfig(*s.cfg, func(o *cognito.Options) { o.Region = region })
}

// policyOf reads what of the policy decides which attributes a user gets.
func policyOf(parameters map[string]string) (migration.Policy, error) {
	var p migration.Policy
	var errs []error
	for _, address := range strings.Split(parameters["ASSUME_VERIFIED"], ",") {
		var a migration.Address
		if address != "" {
			errs = append(errs, a.UnmarshalText([]byte(address)))
			p.AssumeVerified = append(p.AssumeVerified, a)
		}
	}
	if shape := parameters["NEW_POOL"]; shape != "" {
		errs = append(errs, p.NewPool.UnmarshalText([]byte(shape)))
	}
	errs = append(errs, p.Attributes.UnmarshalText([]byte(parameters["ATTRIBUTES"])))
	if err := errors.Join(errs...); err != nil {
		return p, fmt.Errorf("the stack's parameters are not understood: is this tool of the version that is deployed? (%w)", err)
	}
	return p, nil
}

// remaining hands on who is left, with the status of the record.
func (w *walk) remaining(ctx context.Context, take func(a migration.Account, status string) error) error {
	listing := listusers.Listing{Client: w.old, Limiter: w.limiter, PoolID: w.oldID}
	estimated, err := listing.Estimate(ctx)
	if err != nil {
		return w.stack.explain(ctx, err)
	}
	meter := w.out.meter("Users looked at", estimated)
	defer meter.end()
	for first := true; first || w.token != ""; first = false {
		accounts, next, err := listing.List(ctx, "", w.token)
		var ended *listusers.InvalidTokenError
		switch {
		case errors.As(err, &ended):
			return ended // for who can begin again
		case err != nil:
			return w.stack.explain(ctx, err)
		}
		statuses, err := w.statuses(ctx, accounts)
		if err != nil {
			return err
		}
		for _, a := range accounts {
			w.listed++
			status := cmp.Or(statuses[a.Sub], census.NeverCame)
			if !census.Remains(status) {
				continue
			}
			w.left++
			if err := take(a, status); err != nil {
				return err
			}
		}
		meter.set(w.listed)
		w.token = next
		if w.paged == nil {
			continue
		}
		if err := w.paged(); err != nil {
			return err
		}
	}
	return nil
}

// statuses asks how far a page of users has come.
func (w *walk) statuses(ctx context.Context, accounts []migration.Account) (map[string]string, error) {
	if len(accounts) == 0 {
		return nil, nil
	}
	q := question{View: "records"}
	for _, a := range accounts {
		q.Subs = append(q.Subs, a.Sub)
	}
	var answer struct{ Statuses map[string]string }
	_, err := w.inspect.askInto(ctx, q, &answer)
	return answer.Statuses, err
}

func (w *walk) toCount(ctx context.Context) error {
	counts := map[string]int{}
	if err := w.remaining(ctx, func(_ migration.Account, status string) error {
		counts[status]++
		return nil
	}); err != nil {
		return err
	}
	w.out.printf("%v of %v users of the old pool are left: never came %v, attempted %v, blocked %v.\n", w.left, w.listed,
		counts[census.NeverCame], counts[string(migration.StatusAttempted)], counts[string(migration.StatusBlocked)])
	return nil
}

func (w *walk) toCSV(ctx context.Context) error {
	var text strings.Builder
	rows := csv.NewWriter(&text)
	row := func(cells ...string) error {
		if err := rows.Write(cells); err != nil {
			return err
		}
		rows.Flush()
		err := w.out.raw(text.String())
		text.Reset()
		return err
	}
	if err := row("sub", "username", "state", "enabled", "modified", "record", "email", "phone_number"); err != nil {
		return err
	}
	return w.remaining(ctx, func(a migration.Account, status string) error {
		return row(a.Sub, a.Username, a.Status, fmt.Sprint(a.Enabled), a.Modified.UTC().Format(time.RFC3339), status,
			a.Attributes["email"], a.Attributes["phone_number"])
	})
}

// columns makes a user's attributes the columns of an import, whose MFA column has to say what the pool's setting does.
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-using-import-tool-csv-header.html
func columns(attributes map[string]string, mfa string) map[string]string {
	user := map[string]string{"cognito:mfa_enabled": fmt.Sprint(mfa == "ON")}
	for name, value := range attributes {
		if name == "username" {
			name = "cognito:username"
		}
		user[name] = value
	}
	return user
}
