package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/smithy-go"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/attach"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// The passwords of the trial's users. The pools live for minutes, and hold nobody.
const (
	rightPassword = "Right-password-1"
	wrongPassword = "Wrong-password-1"
)

// trialUser is a user of the old pool, and what a trial has that user meet.
type trialUser struct {
	name       string
	unverified bool   // the email address
	state      string // of the account: "" is CONFIRMED
	forgot     bool   // asks for a new password instead of signing in
	password   string // typed, if not the right one
	reason     migration.Reason
	challenge  string
}

// trialUsers meet both migrations, and each outcome that needs no second factor and no outage.
var trialUsers = []trialUser{
	{name: "ada"},
	{name: "bob", forgot: true},
	{name: "carl", password: wrongPassword, reason: migration.WrongPassword},
	{name: "dora", state: "disabled", reason: migration.Disabled},
	{name: "eve", unverified: true, forgot: true, reason: migration.NoVerifiedContact},
	{name: "fritz", state: "temporary", reason: migration.ChallengeRequired, challenge: "NEW_PASSWORD_REQUIRED"},
	{name: "gina", state: "unconfirmed", reason: migration.Unconfirmed},
	{name: "hugo", state: "reset", reason: migration.PasswordResetRequired},
}

// email is an address of Amazon SES's mailbox simulator: mail to it is taken, and does not count as bounced.
// https://docs.aws.amazon.com/ses/latest/dg/send-an-email-from-console.html#send-email-simulator
func email(name string) string { return "success+" + name + "@simulator.amazonses.com" }

func (m *smoke) makeUsers(ctx context.Context) error {
	for _, u := range trialUsers {
		if err := m.makeUser(ctx, u); err != nil {
			return fmt.Errorf("%s: %w", u.name, m.stack.explain(ctx, err))
		}
	}
	return nil
}

func (m *smoke) makeUser(ctx context.Context, u trialUser) error {
	attributes := []types.AttributeType{
		{Name: ptr("email"), Value: ptr(email(u.name))}, {Name: ptr("custom:note"), Value: ptr("a note of " + u.name)},
	}
	if u.state == "unconfirmed" {
		made, err := m.cognito.SignUp(ctx, &cognitoidentityprovider.SignUpInput{
			ClientId: &m.oldApp, Username: &u.name, Password: ptr(rightPassword), UserAttributes: attributes,
		})
		if err == nil {
			m.subs[u.name] = aws.ToString(made.UserSub)
		}
		return err
	}
	verified := types.AttributeType{Name: ptr("email_verified"), Value: ptr(fmt.Sprint(!u.unverified))}
	made, err := m.cognito.AdminCreateUser(ctx, &cognitoidentityprovider.AdminCreateUserInput{
		UserPoolId: &m.oldID, Username: &u.name, TemporaryPassword: ptr(rightPassword), MessageAction: types.MessageActionTypeSuppress,
		UserAttributes: append(attributes, verified),
	})
	if err != nil {
		return err
	}
	for _, a := range made.User.Attributes {
		if aws.ToString(a.Name) == "sub" {
			m.subs[u.name] = aws.ToString(a.Value)
		}
	}
	if u.state != "temporary" {
		_, err = m.cognito.AdminSetUserPassword(ctx, &cognitoidentityprovider.AdminSetUserPasswordInput{
			UserPoolId: &m.oldID, Username: &u.name, Password: ptr(rightPassword), Permanent: true,
		})
	}
	switch {
	case err != nil:
	case u.state == "disabled":
		_, err = m.cognito.AdminDisableUser(ctx, &cognitoidentityprovider.AdminDisableUserInput{UserPoolId: &m.oldID, Username: &u.name})
	case u.state == "reset":
		_, err = m.cognito.AdminResetUserPassword(ctx, &cognitoidentityprovider.AdminResetUserPasswordInput{UserPoolId: &m.oldID, Username: &u.name})
	}
	return err
}

// check tries every promise, and observes every open fact.
func (m *smoke) check(ctx context.Context) {
	m.promise(ctx, "attaching changes nothing but the trigger", "the new pool's description before and after", m.onlyTheTrigger)
	m.promise(ctx, "preflight finds no error in pools that are set up right", "migration preflight", m.preflight)
	for _, u := range trialUsers {
		m.promise(ctx, promiseOf(u), triedBy(u), func(ctx context.Context) (string, error) { return m.meet(ctx, u) })
	}
	m.promise(ctx, "a user who has moved signs in at the new pool alone", "ada signs in again, after the old pool's user is disabled", m.again)
	m.promise(ctx, "an unknown name gets the same answer as a wrong password", "a user who does not exist tries to sign in", m.nobody)
	m.promise(ctx, "the figures are exact", "migration report, against what was done", m.figures)
	m.promise(ctx, "the record verifies", "migration verify", m.verify)
	m.promise(ctx, "the report is a page, and a dashboard's widget", "report is asked as a dashboard asks it", m.pages)
	m.promise(ctx, "users who arrive are confirmed", "the stream feeds confirm, which asks the new pool", m.confirmed)
	m.promise(ctx, "no alarm rings", "the states of the stack's alarms", m.alarms)
	m.checkRights(ctx)
	m.observeFacts(ctx)
	m.promise(ctx, "a stranger can't take the name of a user who is still to come", "the guard at PreSignUp; a stranger signs up as carl, who has not moved, and as zoe, who is nobody", m.guarded)
	m.promise(ctx, "detaching leaves the pool as it was", "the new pool's description before attaching and after detaching", m.detached)
}

func promiseOf(u trialUser) string {
	switch {
	case u.reason == "" && u.forgot:
		return "a forgotten password moves a user"
	case u.reason == "":
		return "a sign-in moves a user"
	default:
		return strings.TrimSpace(fmt.Sprintf("a user is refused and recorded: %s %s", u.reason, u.challenge))
	}
}

func triedBy(u trialUser) string {
	if u.forgot {
		return u.name + " asks for a new password as an app does (ForgotPassword)"
	}
	return u.name + " signs in as an app does (USER_PASSWORD_AUTH)"
}

// onlyTheTrigger holds that the pool differs by the trigger alone.
func (m *smoke) onlyTheTrigger(ctx context.Context) (string, error) {
	w, err := m.stack.wiring(ctx)
	if err != nil {
		return "", err
	}
	changed := m.before.differences(w.before)
	if len(changed) != 1 || !w.ours("UserMigration") {
		return "", fmt.Errorf("differs: %s", list(changed))
	}
	return "LambdaConfig.UserMigration differs, and nothing else", nil
}

// guarded attaches the guard in the witness's place, and has strangers sign up.
func (m *smoke) guarded(ctx context.Context) (string, error) {
	w, err := m.stack.wiring(ctx)
	if err != nil {
		return "", err
	}
	guard := attach.Triggers{attach.PreSignUp: w.functions[attach.PreSignUp]}
	if err := refuseUninvited(ctx, w, m.out, guard); err != nil {
		return "", err
	}
	if err := w.pool.set(ctx, w.before, w.before.with(w.before.UserPool.With(guard))); err != nil {
		return "", err
	}
	signUp := func(name string) error {
		_, err := m.cognito.SignUp(ctx, &cognitoidentityprovider.SignUpInput{
			ClientId: &m.newApp, Username: &name, Password: ptr(wrongPassword),
			UserAttributes: []types.AttributeType{{Name: ptr("email"), Value: ptr(email("of-a-stranger"))}},
		})
		return err
	}
	taken, free := outcomeOf(signUp("carl")), outcomeOf(signUp("zoe"))
	if !strings.Contains(taken, "SIGN_IN_INSTEAD") || free != "served" {
		return "", fmt.Errorf("as carl: %s; as zoe: %s", taken, free)
	}
	return fmt.Sprintf("as carl: %s; as zoe: %s", taken, free), nil
}

func (m *smoke) detached(ctx context.Context) (string, error) {
	w, err := m.stack.wiring(ctx)
	if err != nil {
		return "", err
	}
	if err := w.pool.set(ctx, w.before, m.before); err != nil {
		return "", err
	}
	after, err := w.pool.look(ctx)
	if err != nil {
		return "", err
	}
	if changed := m.before.differences(after); len(changed) > 0 {
		return "", fmt.Errorf("differs: %s", list(changed))
	}
	return "nothing differs", nil
}

// preflight holds that preflight finds no error. It may warn: the new pool is open for sign-up.
func (m *smoke) preflight(ctx context.Context) (string, error) {
	inspect, err := m.stack.function(ctx, "inspect")
	if err != nil {
		return "", err
	}
	var report preflight.Report
	if _, err := inspect.askInto(ctx, question{View: "preflight"}, &report); err != nil {
		return "", err
	}
	var errs, others []string
	for _, f := range report.Findings {
		if f.Severity == preflight.Error {
			errs = append(errs, f.ID)
		} else {
			others = append(others, f.ID)
		}
	}
	if len(errs) > 0 {
		return "", fmt.Errorf("errors: %s", strings.Join(errs, ", "))
	}
	return fmt.Sprintf("%s; besides errors: %s", report.Verdict, strings.Join(others, ", ")), nil
}

// meet has a user come to the new pool, and holds what the app saw and what was recorded to what should be.
func (m *smoke) meet(ctx context.Context, u trialUser) (string, error) {
	var err error
	if u.forgot {
		_, err = m.cognito.ForgotPassword(ctx, &cognitoidentityprovider.ForgotPasswordInput{ClientId: &m.newApp, Username: &u.name})
	} else {
		password := rightPassword
		if u.password != "" {
			password = u.password
		}
		err = m.signIn(ctx, m.newApp, u.name, password)
	}
	m.attempts++
	app := "the app: " + outcomeOf(err)
	if u.reason == "" {
		m.handedOver++
		if err != nil {
			return "", errors.New(app)
		}
		return m.arrived(ctx, u)
	}
	m.blockedReasons[string(u.reason)]++
	if err == nil && !u.forgot { // a forgotten password that is refused is answered as if it were not
		return "", errors.New("the user got in")
	}
	record, err := m.record(ctx, u.name)
	switch {
	case err != nil:
		return "", err
	case len(record.Events) != 1 || record.Events[0].Reason != u.reason || record.Events[0].Challenge != u.challenge:
		return "", fmt.Errorf("%s; recorded: %+v", app, record.Events)
	}
	return fmt.Sprintf("%s; recorded: %s", app, strings.TrimSpace(string(u.reason)+" "+u.challenge)), nil
}

func (m *smoke) signIn(ctx context.Context, app, name, password string) error {
	_, err := m.cognito.InitiateAuth(ctx, &cognitoidentityprovider.InitiateAuthInput{
		ClientId: &app, AuthFlow: types.AuthFlowTypeUserPasswordAuth, AuthParameters: map[string]string{"USERNAME": name, "PASSWORD": password},
	})
	return err
}

// outcomeOf is what an app saw.
func outcomeOf(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return "served"
	case errors.As(err, &api):
		return api.ErrorCode() + ": " + api.ErrorMessage()
	default:
		return err.Error()
	}
}

// arrived holds that the new pool has a user as the old one had, and that the record says so.
func (m *smoke) arrived(ctx context.Context, u trialUser) (string, error) {
	want := map[string]string{
		"email": email(u.name), "email_verified": "true", "custom:note": "a note of " + u.name, "custom:old_sub": m.subs[u.name],
	}
	status := types.UserStatusTypeConfirmed
	if u.forgot {
		status = types.UserStatusTypeResetRequired
	}
	user, err := m.cognito.AdminGetUser(ctx, &cognitoidentityprovider.AdminGetUserInput{UserPoolId: &m.newID, Username: &u.name})
	if err != nil {
		return "", m.stack.explain(ctx, err)
	}
	got := map[string]string{}
	for _, a := range user.UserAttributes {
		got[aws.ToString(a.Name)] = aws.ToString(a.Value)
	}
	delete(got, "sub")
	if !maps.Equal(got, want) || user.UserStatus != status {
		return "", fmt.Errorf("the new pool has %s: %v, want %s: %v", user.UserStatus, got, status, want)
	}
	record, err := m.record(ctx, u.name)
	if err != nil {
		return "", err
	}
	if len(record.Events) == 0 || record.Events[0].Outcome != migration.Migrated {
		return "", fmt.Errorf("recorded: %+v", record.Events)
	}
	return fmt.Sprintf("served; %s in the new pool, with the same attributes; recorded: migrated", status), nil
}

// record asks inspect for a user's history.
func (m *smoke) record(ctx context.Context, name string) (told, error) {
	inspect, err := m.stack.function(ctx, "inspect")
	if err != nil {
		return told{}, err
	}
	var user told
	_, err = inspect.askInto(ctx, question{View: "user", Sub: m.subs[name]}, &user)
	return user, err
}

// again signs a user in who has moved, with the old pool's user disabled: the old pool is not asked.
func (m *smoke) again(ctx context.Context) (string, error) {
	name := "ada"
	disable := &cognitoidentityprovider.AdminDisableUserInput{UserPoolId: &m.oldID, Username: &name}
	if _, err := m.cognito.AdminDisableUser(ctx, disable); err != nil {
		return "", m.stack.explain(ctx, err)
	}
	err := m.signIn(ctx, m.newApp, name, rightPassword)
	enable := &cognitoidentityprovider.AdminEnableUserInput{UserPoolId: &m.oldID, Username: &name}
	if _, err := m.cognito.AdminEnableUser(ctx, enable); err != nil {
		return "", m.stack.explain(ctx, err)
	}
	return "the app: " + outcomeOf(err), err
}

func (m *smoke) nobody(ctx context.Context) (string, error) {
	unknown := outcomeOf(m.signIn(ctx, m.newApp, "nobody", wrongPassword))
	if wrong := outcomeOf(m.signIn(ctx, m.newApp, "ada", wrongPassword)); unknown != wrong {
		return "", fmt.Errorf("nobody is told %s, and a wrong password %s", unknown, wrong)
	}
	return "both: " + unknown, nil
}

// progress asks report.
func (m *smoke) progress(ctx context.Context) (progress.Progress, error) {
	report, err := m.stack.function(ctx, "report")
	if err != nil {
		return progress.Progress{}, err
	}
	var p progress.Progress
	_, err = report.askInto(ctx, question{View: "progress"}, &p)
	return p, err
}

func (m *smoke) figures(ctx context.Context) (string, error) {
	p, err := m.progress(ctx)
	if err != nil {
		return "", err
	}
	got := fmt.Sprintf("%d attempts, %d users handed over, reasons %v", p.Attempts.Migrated+p.Attempts.Rejected+p.Attempts.Failed, p.Users.HandedOver(), p.Reasons)
	want := fmt.Sprintf("%d attempts, %d users handed over, reasons %v", m.attempts, m.handedOver, m.blockedReasons)
	if got != want {
		return "", fmt.Errorf("%s, want %s", got, want)
	}
	return got, nil
}

func (m *smoke) verify(ctx context.Context) (string, error) {
	raw, err := askToTheEnd(ctx, m.stack, m.out, question{View: "verify"}, "Events verified")
	if err != nil {
		return "", err
	}
	var v ledger.Verification
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", err
	}
	if v.FindingCount > 0 || v.Events < m.attempts {
		return "", fmt.Errorf("%d findings in %d events of %d attempts", v.FindingCount, v.Events, m.attempts)
	}
	return fmt.Sprintf("%d events of %d users, and nothing is wrong", v.Events, v.Streams), nil
}

func (m *smoke) pages(ctx context.Context) (string, error) {
	report, err := m.stack.function(ctx, "report")
	if err != nil {
		return "", err
	}
	for _, request := range []string{`{"view":"html"}`, `{"widgetContext":{"theme":"dark"}}`, `{"describe":true}`} {
		out, err := report.client.Invoke(ctx, &lambda.InvokeInput{FunctionName: &report.id, Payload: []byte(request)})
		switch {
		case err != nil:
			return "", m.stack.explain(ctx, err)
		case out.FunctionError != nil:
			return "", newFunctionError("report", out.Payload)
		case len(out.Payload) < 50:
			return "", fmt.Errorf("%s is answered with %s", request, out.Payload)
		}
	}
	return "a page, a widget, and what the widget is", nil
}

// confirmed waits until the one user who has a password in the new pool is confirmed.
func (m *smoke) confirmed(ctx context.Context) (string, error) {
	patience := 3 * time.Minute
	if m.local {
		patience = time.Second // no stream feeds a function there
	}
	err := m.until(ctx, patience, func(ctx context.Context) (bool, error) {
		p, err := m.progress(ctx)
		return p.Users.Confirmed == 1, err
	})
	return "ada is confirmed; bob, who has not set a new password, is not", m.onlyAWS("no stream feeds a function", err)
}

func (m *smoke) alarms(ctx context.Context) (string, error) {
	out, err := cloudwatch.NewFromConfig(*m.stack.cfg).DescribeAlarms(ctx, &cloudwatch.DescribeAlarmsInput{AlarmNamePrefix: ptr(m.run + "-")})
	if err != nil {
		return "", m.onlyAWS("no alarms", m.stack.explain(ctx, err))
	}
	states, ringing := map[string]int{}, []string{}
	for _, a := range out.MetricAlarms {
		states[string(a.StateValue)]++
		if a.StateValue == "ALARM" {
			ringing = append(ringing, aws.ToString(a.AlarmName))
		}
	}
	switch {
	case len(out.MetricAlarms) == 0:
		return "", m.onlyAWS("no alarms", errors.New("the stack has no alarms"))
	case len(ringing) > 0:
		return "", fmt.Errorf("rings: %s", strings.Join(ringing, ", "))
	}
	var seen []string
	for _, state := range slices.Sorted(maps.Keys(states)) {
		seen = append(seen, fmt.Sprintf("%d %s", states[state], state))
	}
	return strings.Join(seen, ", "), nil
}
