package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cognitoidp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/cognito"
)

// attachable is a new pool without a trigger, and a stack for it.
type attachable struct {
	pool  *cognito.Pool
	stack *sandbox.Stack
	env   []string // of the tool, besides the sandbox's
	dir   string   // where the tool runs
}

// newAttachable starts a pool and deploys a stack for it.
func newAttachable(t *testing.T, settings map[string]any, unknown ...string) attachable {
	t.Helper()
	pool, err := cognito.Start(t.Context(), cognito.Config{
		PoolID: sandbox.NewPoolID, ClientID: sandbox.NewClientID, AliasAttributes: []string{"email", "phone_number"},
		LambdaEndpoint: local.Lambda.Endpoint(), Settings: settings, NewSettings: unknown,
		SchemaAttributes: []types.SchemaAttributeType{
			{Name: aws.String("custom:tenant")}, {Name: aws.String("custom:bio")}, {Name: aws.String("custom:note")},
		},
	}, output)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	region, err := cognito.StartRegion(map[string]string{sandbox.OldPoolID: local.Old.Endpoint(), sandbox.NewPoolID: pool.Endpoint()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(region.Close)
	name := unique("attach")
	stack, err := local.Deploy(t.Context(), name, map[string]string{
		"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER": region.Endpoint(), "AWS_ENDPOINT_URL_LAMBDA": local.Lambda.Endpoint(),
		"MIGRATE_FUNCTION": name + "-migrate", "SECOND_FACTOR": "drop",
		"NEW_POOL": `{"AliasAttributes":["email","phone_number"],"SchemaAttributes":[{"Name":"custom:tenant"},{"Name":"custom:bio"},{"Name":"custom:note"}],"MfaConfiguration":"OFF"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return attachable{pool, stack, []string{"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=" + region.Endpoint()}, t.TempDir()}
}

func (a attachable) tool(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	return toolOf(t, local, a.stack, a.dir, a.env, args...)
}

// signIn signs a user in at the pool.
func (a attachable) signIn(ctx context.Context, u cognito.User) error {
	_, err := cognitoidp.NewFromConfig(sandbox.Config(a.pool.Endpoint())).InitiateAuth(ctx, &cognitoidp.InitiateAuthInput{
		ClientId: aws.String(sandbox.NewClientID), AuthFlow: types.AuthFlowTypeUserPasswordAuth,
		AuthParameters: map[string]string{"USERNAME": u.Username, "PASSWORD": u.Password},
	})
	return err
}

// described is the pool's description, as it came, but for what moves by itself.
func (a attachable) described(t *testing.T) map[string]any {
	t.Helper()
	ask, err := http.NewRequestWithContext(t.Context(), http.MethodPost, a.pool.Endpoint(), strings.NewReader(`{"UserPoolId":"`+sandbox.NewPoolID+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	ask.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService.DescribeUserPool")
	res, err := http.DefaultClient.Do(ask)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ UserPool map[string]any }
	if err := errors.Join(json.NewDecoder(res.Body).Decode(&answer), res.Body.Close()); err != nil {
		t.Fatal(err)
	}
	delete(answer.UserPool, "LastModifiedDate")
	delete(answer.UserPool, "EstimatedNumberOfUsers")
	return answer.UserPool
}

// Attached, the trigger moves users; detached, it moves nobody. An operator needs no flag for it, but the one for scripts.
func TestAttachMovesUsers(t *testing.T) {
	t.Parallel()
	a := newAttachable(t, nil)
	ada, bob := newUser(t, nil), newUser(t, nil)
	if err := a.signIn(t.Context(), ada); err == nil {
		t.Fatal("a user gets in before the trigger is attached")
	}
	if stdout, stderr, code := a.tool(t, "attach", "--yes"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if err := a.signIn(t.Context(), ada); err != nil {
		t.Errorf("attached: %v\n%s", err, a.stack.Logs("migrate"))
	}
	if stdout, stderr, code := a.tool(t, "detach", "--yes"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	if err := a.signIn(t.Context(), bob); err == nil {
		t.Error("a user moves after the trigger is detached")
	}
}

// everySetting is a description with a value for every setting that the SDK knows. A code and a link exclude each other.
func everySetting(t *testing.T, link bool) map[string]any {
	t.Helper()
	var pool types.UserPoolType
	fill(reflect.ValueOf(&pool).Elem(), "UserPool")
	text, err := json.Marshal(pool)
	var settings map[string]any
	if err := errors.Join(err, json.Unmarshal(text, &settings)); err != nil {
		t.Fatal(err)
	}
	for _, decided := range []string{ // when the pool is made, or by itself
		"Id", "Name", "Arn", "CreationDate", "LastModifiedDate", "EstimatedNumberOfUsers", "Status", "AliasAttributes", "UsernameAttributes",
		"UsernameConfiguration", "SchemaAttributes", "EmailConfigurationFailure", "SmsConfigurationFailure",
	} {
		delete(settings, decided)
	}
	delete(settings["LambdaConfig"].(map[string]any), "UserMigration")
	message := "EmailMessageByLink"
	if link {
		message = "EmailMessage"
	}
	delete(settings["VerificationMessageTemplate"].(map[string]any), message)
	return settings
}

// fill gives a value, and all that it holds, values that are not zero.
func fill(v reflect.Value, name string) {
	if values := v.MethodByName("Values"); values.IsValid() { // an enumeration: its last value is the least likely default
		all := values.Call(nil)[0]
		v.Set(all.Index(all.Len() - 1))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Struct:
		if _, isTime := v.Interface().(time.Time); isTime {
			return
		}
		for _, field := range reflect.VisibleFields(v.Type()) {
			if field.IsExported() && len(field.Index) == 1 {
				fill(v.FieldByIndex(field.Index), field.Name)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("tag"), reflect.ValueOf("value"))
	case reflect.String:
		v.SetString("a value of " + name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int32:
		v.SetInt(3)
	default:
		panic(fmt.Sprintf("%s is of kind %s: say what its value is", name, v.Kind()))
	}
}

// Whatever is set: after attaching nothing differs but the trigger, and after detaching nothing.
func TestAttachChangesNothingElse(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		settings map[string]any
		unknown  []string
	}{
		"every setting that the SDK knows, codes": {everySetting(t, false), nil},
		"every setting that the SDK knows, links": {everySetting(t, true), nil},
		"settings that no SDK knows": {map[string]any{
			"Quantum": map[string]any{"Spin": 0.5, "Axes": []any{"x", map[string]any{"y": nil}}}, "Plain": "ü", "Flag": false,
			"LambdaConfig": map[string]any{"NewTrigger": map[string]any{"LambdaArn": "arn:x", "LambdaVersion": "V9_0"}},
			"Policies":     map[string]any{"NewPolicy": map[string]any{"Depth": 7}},
		}, []string{"Quantum", "Plain", "Flag"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAttachable(t, tt.settings, tt.unknown...)
			before := a.described(t)
			// Preflight has much to say about a pool in which everything is set.
			if stdout, stderr, code := a.tool(t, "attach", "--yes", "--force"); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
			}
			want := maps.Clone(before)
			config := maps.Clone(want["LambdaConfig"].(map[string]any))
			config["UserMigration"] = "arn:aws:lambda:eu-west-1:123456789012:function:" + a.stack.Name + "-migrate"
			if config["PreSignUp"] == nil { // else the pool has one already, which stays
				config["PreSignUp"] = "arn:aws:lambda:eu-west-1:123456789012:function:" + a.stack.Name + "-guard"
			}
			want["LambdaConfig"] = config
			// These days have no effect once others are set, and can't be sent beside those.
			if admin, ok := want["AdminCreateUserConfig"].(map[string]any); ok {
				delete(admin, "UnusedAccountValidityDays")
			}
			if diff := cmp.Diff(want, a.described(t)); diff != "" {
				t.Errorf("after attaching (-want +got):\n%s", diff)
			}
			if stdout, stderr, code := a.tool(t, "detach", "--yes"); code != 0 {
				t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
			}
			if diff := cmp.Diff(before, a.described(t)); diff != "" {
				t.Errorf("after detaching (-want +got):\n%s", diff)
			}
		})
	}
}

// What UpdateUserPool does not take is refused by Cognito: the operator is told which, and the pool is as it was.
func TestAttachLeavesAPoolThatCantBeSentBack(t *testing.T) {
	t.Parallel()
	a := newAttachable(t, map[string]any{"Quantum": 1, "DeletionProtection": "ACTIVE"}) // shown, and not taken
	before := a.described(t)
	_, stderr, code := a.tool(t, "attach", "--yes")
	if code != 1 || !strings.Contains(stderr, "Unknown member Quantum (SerializationException); the pool is unchanged") {
		t.Errorf("exit code %d: %s", code, stderr)
	}
	if diff := cmp.Diff(before, a.described(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// A pool that lost settings gets them back from the file that attach left.
func TestRestorePutsSettingsBack(t *testing.T) {
	t.Parallel()
	a := newAttachable(t, everySetting(t, false))
	before := a.described(t)
	if _, stderr, code := a.tool(t, "attach", "--yes", "--force"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	client := cognitoidp.NewFromConfig(sandbox.Config(a.pool.Endpoint()))
	if _, err := client.UpdateUserPool(t.Context(), &cognitoidp.UpdateUserPoolInput{UserPoolId: aws.String(sandbox.NewPoolID)}); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(a.dir, "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v: %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if stdout, stderr, code := a.tool(t, "restore", filepath.Base(files[0]), "--yes"); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, stdout, stderr)
	}
	delete(before["AdminCreateUserConfig"].(map[string]any), "UnusedAccountValidityDays")
	if diff := cmp.Diff(before, a.described(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// Of two operators who look at the same difference, the second to agree is told, and changes nothing.
func TestTwoOperatorsAttachAtOnce(t *testing.T) {
	t.Parallel()
	a := newAttachable(t, nil)
	slow := a.atTerminal(t, "attach")
	slow.waitFor(t, "Change the pool? [y/N]")
	if _, stderr, code := a.tool(t, "attach", "--yes"); code != 0 {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	after := a.described(t)
	slow.typed(t, "y\n")
	said, code := slow.wait(t)
	if code != 1 || !strings.Contains(said, "somebody else changed the pool meanwhile (LambdaConfig.PreSignUp, LambdaConfig.UserMigration): nothing was changed") {
		t.Errorf("exit code %d: %s", code, said)
	}
	if diff := cmp.Diff(after, a.described(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// Somebody who attaches between a tool's two looks at the pool is not overwritten, also if nobody is asked.
func TestAttachBetweenTwoLooks(t *testing.T) {
	t.Parallel()
	a := newAttachable(t, nil)
	target, err := url.Parse(strings.TrimPrefix(a.env[0], "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER="))
	if err != nil {
		t.Fatal(err)
	}
	var looks atomic.Int32
	var after map[string]any
	forward := httputil.NewSingleHostReverseProxy(target)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".DescribeUserPool") && looks.Add(1) == 2 {
			if _, stderr, code := a.tool(t, "attach", "--yes"); code != 0 {
				t.Errorf("exit code %d: %s", code, stderr)
			}
			after = a.described(t)
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	slow := a
	slow.env = []string{"AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=" + proxy.URL}
	stdout, stderr, code := slow.tool(t, "attach", "--yes")
	if code != 1 || !strings.Contains(stdout+stderr, "somebody else changed the pool meanwhile") {
		t.Errorf("exit code %d: %s%s", code, stdout, stderr)
	}
	if diff := cmp.Diff(after, a.described(t)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

// terminal is a tool that runs at a terminal.
type terminal struct {
	cmd  *exec.Cmd
	side *os.File // of the person
	said strings.Builder
}

// atTerminal starts the tool at a terminal of its own.
func (a attachable) atTerminal(t *testing.T, args ...string) *terminal {
	t.Helper()
	binary, err := toolBinary()
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("NOT TESTED at a terminal: there are none here (is /dev/pts mounted?); TestAttachBetweenTwoLooks holds the promise: %v", err)
	}
	number, err := unix.IoctlGetInt(int(side.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(side.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	other, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &terminal{cmd: exec.CommandContext(t.Context(), binary, args...), side: side}
	term.cmd.Env = append(append(local.Environ(), "STACK="+a.stack.Name, "HOME="+t.TempDir()), a.env...)
	term.cmd.Dir, term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = a.dir, other, other, other
	if err := errors.Join(term.cmd.Start(), other.Close()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = side.Close() })
	return term
}

// waitFor reads what the tool says until it has said this.
func (term *terminal) waitFor(t *testing.T, text string) {
	t.Helper()
	for piece := make([]byte, 4096); !strings.Contains(term.said.String(), text); {
		n, err := term.side.Read(piece)
		term.said.Write(piece[:n])
		if err != nil {
			t.Fatalf("%v; said %s", err, term.said.String())
		}
	}
}

func (term *terminal) typed(t *testing.T, text string) {
	t.Helper()
	if _, err := io.WriteString(term.side, text); err != nil {
		t.Fatal(err)
	}
}

// wait returns what the tool said, when it has ended. A terminal whose other side is closed reads as an error.
func (term *terminal) wait(t *testing.T) (said string, code int) {
	t.Helper()
	_, _ = io.Copy(&term.said, term.side)
	if err := term.cmd.Wait(); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			t.Fatal(err)
		}
	}
	return term.said.String(), term.cmd.ProcessState.ExitCode()
}
