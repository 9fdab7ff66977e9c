package e2e

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/fault"
)

// What Cognito is answered, and so what an app gets to see.
const (
	handsOver   = "hands the user over"
	untouched   = "gives the event back untouched"
	unavailable = "TEMPORARILY_UNAVAILABLE"
	reset       = "RESET_PASSWORD_TO_CONTINUE"
)

// throws makes the old pool answer an operation with an exception.
func throws(operation, exception string) fault.Rule {
	return fault.Rule{
		Kind: fault.Error, Probability: 1, Operation: operation,
		Exception: fault.Exception{Status: http.StatusBadRequest, Type: exception, Message: "about ada@example.com"},
	}
}

// answers makes the old pool answer an operation with these members.
func answers(operation string, members map[string]any) fault.Rule {
	return fault.Rule{
		Kind: fault.Error, Probability: 1, Operation: operation,
		Exception: fault.Exception{Status: http.StatusOK, Members: members},
	}
}

func challenges(name string) fault.Rule {
	return answers("AdminInitiateAuth", map[string]any{"ChallengeName": name, "Session": strings.Repeat("s", 20), "ChallengeParameters": map[string]any{}})
}

const wrong = "Wrong-password-1"

type answerRow struct {
	name     string
	trigger  migration.Trigger
	user     func(*cognito.User)
	password string // typed; empty: the right one
	rules    []fault.Rule
	before   *migration.Event // recorded before

	reason    migration.Reason // empty: migrated
	challenge string
	answer    string
	noEvent   bool   // there is no sub to record it under
	exception string // named in the log
}

func withStatus(s string) func(*cognito.User) { return func(u *cognito.User) { u.Status = s } }

func withFactors(factors ...string) func(*cognito.User) {
	return func(u *cognito.User) { u.MFA = factors }
}

// refusedBy refuses a user by the text of a NotAuthorizedException.
func refusedBy(text string) func(*cognito.User) {
	return func(u *cognito.User) { u.SignInError = text }
}

func disabled(u *cognito.User)   { u.Disabled = true }
func unverified(u *cognito.User) { u.Attributes["email_verified"] = "false" }

// answerTable has a row for each account state, reason and challenge, by both triggers where both can meet it.
func answerTable() []answerRow {
	in, forgot := migration.SignIn, migration.ForgotPassword
	rows := []answerRow{
		{name: "right password", trigger: in, answer: handsOver},
		{name: "wrong password", trigger: in, password: wrong, reason: migration.WrongPassword, answer: untouched},
		{name: "locked out", trigger: in, user: func(u *cognito.User) { u.FailedSignIns = 14 }, reason: migration.TooManyAttempts, answer: untouched},
		{name: "threat protection", trigger: in, user: refusedBy("Unable to login because of security reasons."), reason: migration.ThreatProtection, answer: untouched, exception: "NotAuthorizedException"},
		{name: "an expired temporary password", trigger: in, user: refusedBy("Temporary password has expired and must be reset by an administrator."), reason: migration.TemporaryPasswordExpired, answer: untouched, exception: "NotAuthorizedException"},
		{name: "the old pool's trigger refuses", trigger: in, user: func(u *cognito.User) { u.PreAuthenticationError = "not today" }, reason: migration.OldPoolTrigger, answer: untouched, exception: "UserLambdaValidationException"},
		{name: "removed after confirmation", trigger: in, before: &migration.Event{Kind: migration.Confirmation, ID: "confirmation"}, reason: migration.RemovedAfterConfirmation, answer: untouched},
		{name: "removed after confirmation, forgot password", trigger: forgot, before: &migration.Event{Kind: migration.Confirmation, ID: "confirmation"}, reason: migration.RemovedAfterConfirmation, answer: untouched},
		{name: "an address as username that is no verified alias", trigger: in, user: func(u *cognito.User) {
			u.Username, u.Attributes["email_verified"] = u.Attributes["email"], "false"
		}, reason: migration.AliasUnverified, answer: untouched},
		{name: "an attribute that Cognito refuses", trigger: in, user: func(u *cognito.User) { u.Attributes["custom:bio"] = strings.Repeat("x", 2049) }, reason: migration.AttributeRejected, answer: untouched},
		{name: "an attribute that Cognito refuses, forgot password", trigger: forgot, user: func(u *cognito.User) { u.Attributes["custom:bio"] = strings.Repeat("x", 2049) }, reason: migration.AttributeRejected, answer: untouched},

		{name: "forgot password", trigger: forgot, answer: handsOver},
		{name: "forgot password, no verified address", trigger: forgot, user: unverified, reason: migration.NoVerifiedContact, answer: untouched},
		{name: "forgot password, with a factor", trigger: forgot, user: withFactors("SMS_MFA"), answer: handsOver},
		{name: "RESET_REQUIRED", trigger: in, user: withStatus("RESET_REQUIRED"), reason: migration.PasswordResetRequired, answer: untouched},
		{name: "RESET_REQUIRED, forgot password", trigger: forgot, user: withStatus("RESET_REQUIRED"), answer: handsOver},
		{name: "FORCE_CHANGE_PASSWORD", trigger: in, user: withStatus("FORCE_CHANGE_PASSWORD"), reason: migration.ChallengeRequired, challenge: "NEW_PASSWORD_REQUIRED", answer: reset},
		{name: "FORCE_CHANGE_PASSWORD, wrong password", trigger: in, user: withStatus("FORCE_CHANGE_PASSWORD"), password: wrong, reason: migration.WrongPassword, answer: untouched},
		{name: "FORCE_CHANGE_PASSWORD, forgot password", trigger: forgot, user: withStatus("FORCE_CHANGE_PASSWORD"), answer: handsOver},

		{name: "a challenge, no verified address", trigger: in, user: func(u *cognito.User) { withFactors("SMS_MFA")(u); unverified(u) }, reason: migration.ChallengeRequired, challenge: "SMS_MFA", answer: untouched},
		{name: "SMS_MFA, wrong password", trigger: in, user: withFactors("SMS_MFA"), password: wrong, reason: migration.WrongPassword, answer: untouched},
		{name: "an answer to the password that is none", trigger: in, rules: []fault.Rule{answers("AdminInitiateAuth", nil)}, reason: migration.Internal, answer: unavailable, exception: "EmptyAnswer"},
		{name: "a user without a sub", trigger: in, rules: []fault.Rule{answers("AdminGetUser", map[string]any{"Username": "ada", "Enabled": true, "UserStatus": "CONFIRMED"})}, reason: migration.Internal, answer: unavailable, noEvent: true, exception: "NoSub"},
	}
	secret := throws("AdminInitiateAuth", "NotAuthorizedException")
	secret.Exception.Message = "Unable to verify secret hash for client 1old2client3of4the5pool678"
	rows = append(rows,
		answerRow{name: "the app client has a secret", trigger: in, rules: []fault.Rule{secret}, reason: migration.Misconfigured, answer: unavailable, exception: "NotAuthorizedException"},
		answerRow{name: "an emulator's word for a wrong password", trigger: in, rules: []fault.Rule{throws("AdminInitiateAuth", "InvalidPasswordException")}, reason: migration.WrongPassword, answer: untouched},
	)
	for _, name := range []string{"SMS_MFA", "EMAIL_OTP", "SOFTWARE_TOKEN_MFA"} {
		rows = append(rows, answerRow{name: name, trigger: in, user: withFactors(name), reason: migration.ChallengeRequired, challenge: name, answer: reset})
	}
	rows = append(rows, answerRow{name: "SELECT_MFA_TYPE", trigger: in, user: withFactors("SMS_MFA", "SOFTWARE_TOKEN_MFA"), reason: migration.ChallengeRequired, challenge: "SELECT_MFA_TYPE", answer: reset})
	for name, answer := range map[string]string{
		"MFA_SETUP": reset, "CUSTOM_CHALLENGE": untouched, "PASSWORD_VERIFIER": untouched, "DEVICE_SRP_AUTH": untouched,
		"DEVICE_PASSWORD_VERIFIER": untouched, "ADMIN_NO_SRP_AUTH": untouched, "SMS_OTP": untouched, "WEB_AUTHN": untouched,
		"PASSWORD": untouched, "PASSWORD_SRP": untouched, "SELECT_CHALLENGE": untouched, "A_CHALLENGE_THAT_IS_NEW": untouched,
	} {
		rows = append(rows, answerRow{name: name, trigger: in, rules: []fault.Rule{challenges(name)}, reason: migration.ChallengeRequired, challenge: name, answer: answer})
	}
	rows = append(rows, answerRow{name: "a challenge whose name is none", trigger: in, rules: []fault.Rule{challenges("for ada@example.com")}, reason: migration.ChallengeRequired, challenge: "UNRECOGNIZED", answer: untouched})

	for _, trigger := range migration.Triggers {
		by := ", " + string(trigger)
		rows = append(rows,
			answerRow{name: "disabled" + by, trigger: trigger, user: disabled, reason: migration.Disabled, answer: untouched},
			answerRow{name: "UNCONFIRMED" + by, trigger: trigger, user: withStatus("UNCONFIRMED"), reason: migration.Unconfirmed, answer: untouched},
			answerRow{name: "EXTERNAL_PROVIDER" + by, trigger: trigger, user: withStatus("EXTERNAL_PROVIDER"), reason: migration.ExternalProvider, answer: untouched},
			answerRow{name: "unknown user" + by, trigger: trigger, rules: []fault.Rule{throws("AdminGetUser", "UserNotFoundException"), throws("AdminInitiateAuth", "NotAuthorizedException")}, reason: migration.UnknownUser, answer: untouched, noEvent: true},
		)
		for _, status := range []string{"ARCHIVED", "COMPROMISED", "UNKNOWN", "A_STATE_THAT_IS_NEW"} {
			rows = append(rows, answerRow{name: status + by, trigger: trigger, user: withStatus(status), reason: migration.AccountStatus, answer: untouched})
		}
	}

	// Exceptions, by their type; the text quotes a person and must go nowhere.
	for exception, reason := range map[string]migration.Reason{
		"NotAuthorizedException": migration.WrongPassword, "UserNotFoundException": migration.UnknownUser,
		"UserNotConfirmedException": migration.Unconfirmed, "PasswordResetRequiredException": migration.PasswordResetRequired,
		"UserLambdaValidationException": migration.OldPoolTrigger, "UnexpectedLambdaException": migration.OldPoolUnavailable,
		"InvalidLambdaResponseException": migration.Misconfigured, "TooManyRequestsException": migration.Throttled,
		"LimitExceededException": migration.Throttled, "ThrottlingException": migration.Throttled,
		"InternalErrorException": migration.OldPoolUnavailable, "ServiceUnavailable": migration.OldPoolUnavailable,
		"InvalidParameterException": migration.Misconfigured, "ResourceNotFoundException": migration.Misconfigured,
		"InvalidUserPoolConfigurationException":       migration.Misconfigured,
		"MFAMethodNotFoundException":                  migration.Misconfigured,
		"InvalidSmsRoleAccessPolicyException":         migration.Misconfigured,
		"InvalidSmsRoleTrustRelationshipException":    migration.Misconfigured,
		"InvalidEmailRoleAccessPolicyException":       migration.Misconfigured,
		"UnsupportedOperationException":               migration.Misconfigured,
		"OperationNotEnabledException":                migration.Misconfigured,
		"ForbiddenException":                          migration.Misconfigured,
		"AccessDeniedException":                       migration.Misconfigured,
		"UnrecognizedClientException":                 migration.Misconfigured,
		"ExpiredTokenException":                       migration.Misconfigured,
		"AnExceptionThatIsNew":                        migration.Misconfigured,
		"AnExceptionThatIsNewAndQuotes <ada@example>": migration.Misconfigured,
	} {
		named := exception
		if strings.Contains(exception, " ") {
			named = "UNRECOGNIZED"
		}
		answer := untouched
		if reason.Outcome() == migration.Failed {
			answer = unavailable
		}
		rows = append(rows, answerRow{name: "AdminInitiateAuth: " + exception, trigger: in, rules: []fault.Rule{throws("AdminInitiateAuth", exception)}, reason: reason, answer: answer, exception: named})

		reason = map[bool]migration.Reason{true: reason, false: migration.Misconfigured}[reason.Outcome() == migration.Failed || reason == migration.UnknownUser]
		answer = unavailable
		if reason == migration.UnknownUser {
			answer = untouched
		}
		rows = append(rows, answerRow{name: "AdminGetUser: " + exception, trigger: in, rules: []fault.Rule{throws("AdminGetUser", exception)}, reason: reason, answer: answer, noEvent: true, exception: named})
	}
	return rows
}

// Whatever the old pool answers comes to the decided outcome, event and answer, and to what Cognito makes of it for the app.
func TestEveryAnswerOfTheOldPool(t *testing.T) {
	stack := attach(t, deploy(t, nil))
	t.Cleanup(func() { local.OldFaults.Set() })
	seen := map[migration.Reason]bool{}
	for _, tt := range answerTable() {
		seen[tt.reason] = true
		t.Run(tt.name, func(t *testing.T) { checkAnswer(t, stack, tt) })
	}

	refusing := attach(t, deploy(t, map[string]string{"FORGOT_PASSWORD": "refuse_mfa"}))
	for _, tt := range []answerRow{
		{name: "refuse_mfa, with a factor", trigger: migration.ForgotPassword, user: withFactors("SMS_MFA"), reason: migration.ForgotPasswordRefused, answer: untouched},
		{name: "refuse_mfa, without", trigger: migration.ForgotPassword, answer: handsOver},
		{name: "refuse_mfa, a challenge", trigger: migration.SignIn, user: withFactors("SMS_MFA"), reason: migration.ChallengeRequired, challenge: "SMS_MFA", answer: untouched},
	} {
		seen[tt.reason] = true
		t.Run(tt.name, func(t *testing.T) { checkAnswer(t, refusing, tt) })
	}
	for _, reason := range migration.Reasons() {
		if !seen[reason] && reason != migration.Timeout && reason != migration.AuditUnavailable { // those are faults
			t.Errorf("no row for %s", reason)
		}
	}
}

func checkAnswer(t *testing.T, stack *sandbox.Stack, tt answerRow) {
	u := newUser(t, tt.user)
	if tt.before != nil {
		before := *tt.before
		before.At = time.Now().Add(-time.Hour)
		l := ledger.New(store(stack), migration.Windows{}, time.Now)
		if _, err := l.Append(t.Context(), u.Sub, func(migration.Record) migration.Event { return before }); err != nil {
			t.Fatal(err)
		}
	}
	local.OldFaults.Set(tt.rules...)
	password := tt.password
	if password == "" {
		password = u.Password
	}
	logged := len(stack.Logs("migrate"))
	sent := event(tt.trigger, u.Username, password)
	answer, failure := invoke(t, stack, sent)
	checkFunctionAnswer(t, tt, u, sent, answer, failure)
	checkLogLine(t, tt, u, stack.Logs("migrate")[logged:])
	checkClient(t, tt, u, password)
	local.OldFaults.Set()

	stream, err := store(stack).Stream(t.Context(), u.Sub)
	if err != nil {
		t.Fatal(err)
	}
	if tt.before != nil {
		stream = stream[1:]
	}
	if tt.noEvent {
		if len(stream) != 0 {
			t.Errorf("events: %+v", stream)
		}
		return
	}
	if len(stream) != 1 {
		t.Fatalf("%d events, want one, and the app's attempt a repeat: %+v", len(stream), stream)
	}
	type essence struct {
		Trigger   migration.Trigger
		Outcome   migration.Outcome
		Reason    migration.Reason
		Challenge string
		Factors   []string
	}
	want := essence{tt.trigger, outcomeOf(tt), tt.reason, tt.challenge, append([]string{}, u.MFA...)}
	e := stream[0]
	if diff := cmp.Diff(want, essence{e.Trigger, e.Outcome, e.Reason, e.Challenge, e.Factors}); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func outcomeOf(tt answerRow) migration.Outcome {
	if tt.reason == "" {
		return migration.Migrated
	}
	return tt.reason.Outcome()
}

func checkFunctionAnswer(t *testing.T, tt answerRow, u cognito.User, sent, answer map[string]any, failure string) {
	t.Helper()
	switch tt.answer {
	case unavailable, reset:
		if failure != tt.answer {
			t.Errorf("answer %v, error %q; want the error %s", answer, failure, tt.answer)
		}
	case untouched:
		sent["request"] = map[string]any{"userAttributes": nil}
		if diff := cmp.Diff(sent, answer); diff != "" || failure != "" {
			t.Errorf("error %q, answer (-sent +got):\n%s", failure, diff)
		}
	case handsOver:
		response, _ := answer["response"].(map[string]any)
		attributes, _ := response["userAttributes"].(map[string]any)
		if failure != "" || attributes["email"] != u.Attributes["email"] || attributes["sub"] != nil {
			t.Errorf("error %q, response %v", failure, response)
		}
	}
}

func checkLogLine(t *testing.T, tt answerRow, u cognito.User, log string) {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal([]byte(log), &line); err != nil {
		t.Fatalf("not one line of JSON: %s", log)
	}
	reason := string(tt.reason)
	if reason == "" {
		reason = "none"
	}
	if line["Trigger"] != string(tt.trigger) || line["Outcome"] != string(outcomeOf(tt)) || line["Reason"] != reason || line["Attempts"] != 1.0 {
		t.Errorf("log: %s", log)
	}
	if tt.exception != "" && !strings.Contains(log, `"`+tt.exception+`"`) {
		t.Errorf("the log does not name %s: %s", tt.exception, log)
	}
	for _, personal := range []string{u.Username, u.Password, u.Attributes["email"], u.Attributes["phone_number"], "ada@example"} {
		if strings.Contains(log, personal) {
			t.Errorf("the log holds %q: %s", personal, log)
		}
	}
}

// checkClient does the same by amazon-cognito-identity-js, at the new pool.
func checkClient(t *testing.T, tt answerRow, u cognito.User, password string) {
	t.Helper()
	var got browserResult
	if tt.trigger == migration.SignIn {
		got = browser(t, "signIn", u.Username, password)
	} else {
		got = browser(t, "forgotPassword", u.Username)
	}
	want := browserResult{Code: "UserLambdaValidationException", Message: "UserMigration failed with error " + tt.answer + "."}
	switch {
	case tt.answer == handsOver, tt.answer == untouched && tt.trigger == migration.ForgotPassword:
		want = browserResult{OK: true} // for a user who does not exist too: a delivery that is simulated
	case tt.answer == untouched:
		want = browserResult{Code: "NotAuthorizedException", Message: "Incorrect username or password."}
	}
	got.Claims = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the app (-want +got):\n%s", diff)
	}
	if n := len(arrived(t, u.Username)); (n == 1) != (tt.answer == handsOver) {
		t.Errorf("%d users arrived", n)
	}
}
