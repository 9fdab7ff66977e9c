package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/history"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/preflight"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// nasty is what a shell, make, a parser or a terminal could take for something else.
var nasty = []string{
	"$(touch x)", "`touch x`", "$HOME", "${HOME}", "${default}", "%s%n", "*", "~", "@/etc/passwd", "file:///etc/passwd",
	`"`, `'`, `\`, `\n`, `a "quoted" name`, `{"view":"html"}`, `","view":"html`, "a\nb", "a\tb", " a ", "a=b", "=", "a,b", "a;b", "<a&b>",
	"-", "--", "---", "-x", "--json", "--help", "--stack=other", "-h", "report", "null", "0", "true",
	"ümläut", "名前", "\u202eevil", "\x1b[31mred", "\x7f", "\u009b31m", "🙂", strings.Repeat("long", 1000),
}

// The functions get exactly what the operator typed.
func TestQuestionsAreLiteral(t *testing.T) {
	answers := map[string]any{
		"user": history.Tell(sub, nil, ""), "blocked": waiting(0), "trail": map[string]any{"events": []int{}},
		"verify": ledger.Verification{Complete: true},
	}
	fake := startFake(t, func(_ string, question map[string]any) any { return answers[question["view"].(string)] })
	for name, tt := range map[string]struct {
		args  func(s string) []string
		asked func(s string) map[string]any
	}{
		"a username": {
			func(s string) []string { return []string{"user", "--stack=live", "--", s} },
			func(s string) map[string]any { return map[string]any{"view": "user", "username": s} },
		},
		"a username by its flag": {
			func(s string) []string { return []string{"user", "--username=" + s, "--stack=live"} },
			func(s string) map[string]any { return map[string]any{"view": "user", "username": s} },
		},
		"a sub": {
			func(s string) []string { return []string{"user", "--sub=" + s, "--stack=live"} },
			func(s string) map[string]any { return map[string]any{"view": "user", "sub": s} },
		},
		"a reason": {
			func(s string) []string { return []string{"blocked", "--stack=live", "--", s} },
			func(s string) map[string]any { return map[string]any{"view": "blocked", "reason": s} },
		},
		"a challenge": {
			func(s string) []string { return []string{"blocked", "challenge", "--challenge=" + s, "--stack=live"} },
			func(s string) map[string]any {
				return map[string]any{"view": "blocked", "reason": "challenge", "challenge": s}
			},
		},
		"what a trail is filtered by": {
			func(s string) []string {
				return []string{"trail", "--from=2026-07-14", "--outcome=" + s, "--reason=" + s, "--challenge=" + s, "--stack=live"}
			},
			func(s string) map[string]any {
				return map[string]any{"view": "trail", "from": "2026-07-14", "outcome": s, "reason": s, "challenge": s}
			},
		},
		"a sub to verify": {
			func(s string) []string { return []string{"verify", "--sub=" + s, "--stack=live"} },
			func(s string) map[string]any { return map[string]any{"view": "verify", "sub": s, "seconds": 240.0} },
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, s := range nasty {
				fake.calls = nil
				stdout, stderr, code := tool(t, tt.args(s)...)
				if code != 0 || len(fake.calls) != 1 {
					t.Errorf("%q: exit code %d, %d calls: %s", s, code, len(fake.calls), stderr)
					continue
				}
				if diff := cmp.Diff(tt.asked(s), fake.calls[0].question); diff != "" {
					t.Errorf("%q (-want +asked):\n%s", s, diff)
				}
				holdsNoControls(t, stdout+stderr)
			}
		})
	}
}

// A stack's name is literal as well, in the request and in what is said about it.
func TestAStacksNameIsLiteral(t *testing.T) {
	startFake(t, nil)
	for _, name := range nasty {
		for _, how := range []string{"by flag", "by variable"} {
			args := []string{"report", "--stack=" + name}
			if how == "by variable" {
				args = args[:1]
				t.Setenv("STACK", name)
			}
			_, stderr, code := tool(t, args...)
			if code != 1 || !strings.Contains(stderr, "there is no stack "+printable(name)+" in Region eu-west-1") {
				t.Errorf("%q %s: exit code %d, said %s", name, how, code, stderr)
			}
			holdsNoControls(t, stderr)
		}
	}
}

// No text from functions, AWS or log lines can steer the operator's terminal.
func TestNothingSteersTheTerminal(t *testing.T) {
	const evil = "\x1b]0;owned\x07\x1b[2J\u009b31m\u202e\x7f\r\n\tend"
	p := progress.Progress{Blocked: []progress.Blocked{{Reason: evil, Challenge: evil}}}
	event := migration.Event{Sub: evil, Trigger: evil, Outcome: evil, Reason: evil, Challenge: evil, Kind: evil}
	record := migration.Record{Status: evil, Reason: evil, Challenge: evil}
	user := history.History{Sub: evil, Summary: evil, Record: &record, Events: []migration.Event{event}}
	v := ledger.NewVerification(noon)
	v.Complete = true
	v.Find(ledger.Finding{Kind: evil, Sub: evil, Day: evil, Detail: evil})
	list := map[string]any{"users": []any{map[string]any{"sub": evil}}, "events": []any{event}}
	finding := preflight.Issue{ID: evil, Severity: evil, What: evil, Why: evil, Mend: evil, Docs: evil}
	checked := preflight.Report{Verdict: evil, Findings: []preflight.Issue{finding}}
	counted := census.Result{Old: census.OldPool{RemainingStates: map[string]int{evil: 1}}}
	answers := map[string]any{
		"run": map[string]any{"result": counted}, "progress": p, "html": "<p>" + evil, "user": user, "blocked": list, "unconfirmed": list, "trail": list, "preflight": checked,
		"verify": v, "rebuild": map[string]any{"complete": true, "evil": evil}, "close": map[string]any{"closed": []string{evil}},
	}
	ask := func(_ string, question map[string]any) any { return answers[question["view"].(string)] }
	fail := only(failure(evil))
	for _, command := range []string{
		"census", "census --json", "report", "report --json", "report --html", "user ada", "user ada --json", "blocked", "blocked --json", "blocked x", "blocked x --json",
		"unconfirmed", "trail --from=2026-07-14", "trail --from=2026-07-14 --json", "preflight", "preflight --json", "verify", "verify --json",
		"rebuild", "rebuild --json", "close", "close --json", "logs", "logs --json",
	} {
		for name, answer := range map[string]func(string, map[string]any) any{"answers": ask, "fails": fail} {
			t.Run(command+" "+name, func(t *testing.T) {
				fake := startFake(t, answer)
				fake.lines = []string{evil, fmt.Sprintf(`{"level":"ERROR","msg":%q,"sub":"\u001b[2J\n"}`, "\u202e\u009b")}
				stdout, stderr, _ := tool(t, append(strings.Fields(command), "--stack=live")...)
				if stdout+stderr == "" {
					t.Error("nothing is printed")
				}
				holdsNoControls(t, stdout+stderr)
			})
		}
	}
	t.Run("preflight --users", func(t *testing.T) {
		startSurvey(t, evil)
		stdout, _, _ := tool(t, "preflight", "--users", "--show=1", "--stack=live")
		if !strings.Contains(stdout, "end") {
			t.Error(stdout)
		}
		holdsNoControls(t, stdout)
	})
	t.Run("AWS refuses", func(t *testing.T) {
		fake := startFake(t, ask)
		fake.refuse = map[string][2]string{"Invoke": {"InvalidRequestContentException", evil}}
		_, stderr, _ := tool(t, "report", "--stack=live")
		if !strings.Contains(stderr, "end") {
			t.Error(stderr)
		}
		holdsNoControls(t, stderr)
	})
	t.Run("the command line is wrong", func(t *testing.T) {
		_, stderr, _ := tool(t, evil)
		holdsNoControls(t, stderr)
		_, stderr, _ = tool(t, "trail", "--from="+evil)
		holdsNoControls(t, stderr)
	})
}

// holdsNoControls holds a text to characters that show, line ends and, between columns, tabs.
func holdsNoControls(t *testing.T, text string) {
	t.Helper()
	for _, r := range text {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) {
			t.Errorf("%U is in %q", r, text)
			return
		}
	}
}

// The tool reads no variable but STACK and those of the AWS SDK.
func TestOtherVariablesChangeNothing(t *testing.T) {
	fake := startFake(t, only(midway()))
	want, _, _ := tool(t, "report", "--stack=live")
	for _, name := range []string{
		"REGION", "PROFILE", "VIEW", "REQUEST", "USERNAME", "SUB", "REASON", "CHALLENGE", "FROM", "TO", "DAY", "NEXT", "OUT", "LIMIT", "JSON",
		"MIGRATION_STACK", "MIGRATION_REGION",
	} {
		t.Setenv(name, "us-east-1")
	}
	t.Setenv("STACK", "live")
	got, _, _ := tool(t, "report")
	if diff := cmp.Diff(want, got); diff != "" || want == "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(fake.calls[0], fake.calls[1], cmp.AllowUnexported(call{})); diff != "" {
		t.Errorf("asked (-before +after):\n%s", diff)
	}
	if slices.ContainsFunc(fake.regions, func(region string) bool { return region != "eu-west-1" }) {
		t.Errorf("asked in %v", fake.regions)
	}
}

// The Region and the credentials are those of the flags, else those of the SDK.
func TestRegionAndProfile(t *testing.T) {
	fake := startFake(t, only(midway()))
	config := t.TempDir() + "/config"
	text := "[profile abroad]\nregion = us-west-2\naws_access_key_id = other\naws_secret_access_key = other\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", config)
	for want, args := range map[string][]string{
		"eu-west-1": nil, "eu-north-1": {"--region=eu-north-1"},
		"us-west-2": {"--profile=abroad"}, "eu-west-3": {"--profile=abroad", "--region=eu-west-3"},
	} {
		t.Run(want, func(t *testing.T) {
			if strings.Contains(strings.Join(args, ""), "profile") {
				for _, name := range []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} {
					t.Setenv(name, "")
				}
			}
			fake.regions = nil
			if _, stderr, code := tool(t, append(args, "report", "--stack=live")...); code != 0 {
				t.Fatalf("exit code %d: %s", code, stderr)
			}
			asked := map[string]bool{}
			for _, region := range fake.regions {
				asked[region] = true
			}
			if diff := cmp.Diff([]string{want}, slices.Sorted(maps.Keys(asked))); diff != "" {
				t.Errorf("asked in (-want +got):\n%s", diff)
			}
		})
	}
}
