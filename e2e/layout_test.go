package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cognito-user-migration/cognito-user-migration/"

type goPackage struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// goList asks the go command about packages, as it builds them for deployment.
func goList(t *testing.T, patterns ...string) []goPackage {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go",
		append([]string{"list", "-json=ImportPath,Imports,TestImports,XTestImports,Deps", "-tags=lambda.norpc"}, patterns...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); decoder.More(); {
		var p goPackage
		if err := decoder.Decode(&p); err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}

// layers lists what a package may import of the project's own, tests apart. Imports run one way: from the functions and
// the tool down to the pure heart.
var layers = map[string][]string{
	"pkg/migration":                    {},
	"pkg/attach":                       {},
	"pkg/config":                       {},
	"pkg/function":                     {"pkg/redact"},
	"pkg/invocation":                   {"pkg/migration", "pkg/version"},
	"pkg/emf":                          {},
	"pkg/listusers":                    {"pkg/migration"},
	"pkg/probe":                        {},
	"pkg/guard":                        {"pkg/cognitoevent", "pkg/emf", "pkg/invocation", "pkg/migration", "pkg/redact", "pkg/version"},
	"pkg/secrethash":                   {},
	"pkg/oldpool":                      {"pkg/config", "pkg/listusers", "pkg/migration", "pkg/secrethash"},
	"pkg/newpool":                      {"pkg/listusers", "pkg/migration", "pkg/probe", "pkg/secrethash"},
	"pkg/census":                       {"pkg/migration"},
	"pkg/importcsv":                    {},
	"pkg/ledger":                       {"pkg/migration", "pkg/redact"},
	"pkg/ledger/memory":                {"pkg/ledger", "pkg/migration"},
	"pkg/ledger/journal":               {"pkg/ledger", "pkg/migration"},
	"pkg/ledger/dynamo":                {"pkg/ledger", "pkg/ledger/dynamo/internal/table", "pkg/ledger/journal", "pkg/migration", "pkg/probe", "pkg/redact"},
	"pkg/ledger/dynamo/internal/table": {"pkg/ledger", "pkg/ledger/journal", "pkg/migration"},
	"pkg/ledger/dynamo/fsck":           {"pkg/ledger", "pkg/ledger/dynamo", "pkg/ledger/dynamo/internal/table", "pkg/ledger/journal", "pkg/migration"},
	"pkg/ledger/spool":                 {"pkg/migration"},
	"pkg/ledger/ledgertest":            {"pkg/ledger", "pkg/migration"},
	"pkg/preflight":                    {"pkg/config", "pkg/migration"},
	"pkg/progress":                     {"pkg/ledger", "pkg/migration"},
	"pkg/gauges":                       {"pkg/progress"},
	"pkg/history":                      {"pkg/migration"},
	"pkg/version":                      {},
	"pkg/redact":                       {},
	"pkg/request":                      {"pkg/redact"},
	"pkg/cognitoevent":                 {"pkg/migration"},
	"pkg/recorder":                     {"pkg/emf", "pkg/ledger", "pkg/migration", "pkg/redact"},
	"pkg/confirm":                      {"pkg/config", "pkg/emf", "pkg/invocation", "pkg/migration", "pkg/newpool", "pkg/recorder", "pkg/redact"},
	"pkg/signin":                       {"pkg/cognitoevent", "pkg/config", "pkg/emf", "pkg/invocation", "pkg/migration", "pkg/probe", "pkg/recorder", "pkg/redact"},
	"pkg/report":                       {"pkg/census", "pkg/config", "pkg/ledger", "pkg/ledger/journal", "pkg/migration", "pkg/probe", "pkg/progress", "pkg/readiness", "pkg/redact", "pkg/request", "pkg/version"},
	"pkg/safeguard":                    {"pkg/redact"},
	"pkg/replay":                       {"pkg/emf", "pkg/ledger", "pkg/ledger/spool", "pkg/migration", "pkg/redact"},
	// The tool asks the functions. It reaches no table, and no pool but to attach the trigger and to list users for the operator.
	"cmd/migration": {"pkg/attach", "pkg/census", "pkg/history", "pkg/importcsv", "pkg/ledger", "pkg/ledger/journal", "pkg/listusers", "pkg/migration", "pkg/preflight", "pkg/probe", "pkg/progress", "pkg/readiness", "pkg/version"},
	"pkg/readiness": {},
}

func TestImportsRunOneWay(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"pkg/...", module+"functions/...", module+"cmd/...") {
		path := strings.TrimPrefix(p.ImportPath, module)
		isFunction := strings.HasPrefix(path, "functions/")
		allowed, known := layers[path]
		if !known && !isFunction {
			t.Errorf("%s has no place in the layers: give it one", path)
		}
		for _, imported := range p.Imports {
			own, isOwn := strings.CutPrefix(imported, module)
			switch {
			case isOwn && isFunction && !strings.HasPrefix(own, "pkg/"), isOwn && !isFunction && !slices.Contains(allowed, own):
				t.Errorf("%s imports %s", path, own)
			}
		}
		for _, imported := range slices.Concat(p.TestImports, p.XTestImports) {
			if strings.HasPrefix(imported, module+"sandbox") {
				t.Errorf("the tests of %s import %s: only e2e may", path, imported)
			}
		}
	}
}

// The pure heart, attach and readiness know no clock, no I/O and no AWS.
func TestHeartIsPure(t *testing.T) {
	t.Parallel()
	for path, beyond := range map[string][]string{
		"pkg/attach":    {},
		"pkg/migration": {},
		"pkg/readiness": {"gonum.org/v1/gonum/mathext"},
	} {
		sources, err := filepath.Glob("../" + path + "/*.go")
		if err != nil || len(sources) == 0 {
			t.Fatalf("no sources: %v", err)
		}
		for _, source := range sources {
			text, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			if clock := regexp.MustCompile(`time\.(Now|Since|Until|After|Tick|Sleep|NewTimer)\b`).Find(text); clock != nil {
				t.Errorf("%s reads the clock: %s", source, clock)
			}
		}
		for _, imported := range goList(t, module+path)[0].Imports {
			impure := []string{"os", "net", "net/http", "io", "context", "math/rand", "math/rand/v2"}
			if (strings.Contains(imported, ".") || slices.Contains(impure, imported)) && !slices.Contains(beyond, imported) {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}

// The trigger's cold start is a feature: it links nothing that only reports need.
func TestTriggerLinksNoReports(t *testing.T) {
	t.Parallel()
	for _, dependency := range goList(t, module+"functions/migrate")[0].Deps {
		for _, unwanted := range []string{"service/cloudwatch", "gonum.org", "html/template", "net/rpc", module + "pkg/report", module + "pkg/progress", module + "pkg/gauges", module + "pkg/history", module + "pkg/replay", module + "pkg/preflight", module + "pkg/readiness", module + "pkg/census", module + "pkg/confirm", module + "pkg/ledger/dynamo/fsck"} {
			if strings.Contains(dependency, unwanted) {
				t.Errorf("functions/migrate links %s", dependency)
			}
		}
	}
}

// Functions have their credentials from the environment. The SDK's own loader links everything else that could give some.
func TestFunctionsLinkNoLoader(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"functions/...") {
		if slices.Contains(p.Deps, "github.com/aws/aws-sdk-go-v2/config") {
			t.Errorf("%s links the SDK's loader", p.ImportPath)
		}
	}
}

// The guard is part of a sign-up as the trigger is of a sign-in: it links what it asks, and nothing that writes.
func TestWhatTheGuardLinks(t *testing.T) {
	t.Parallel()
	allowed := []string{
		"pkg/cognitoevent", "pkg/config", "pkg/emf", "pkg/function", "pkg/guard", "pkg/invocation", "pkg/ledger", "pkg/ledger/dynamo",
		"pkg/ledger/dynamo/internal/table",
		"pkg/ledger/journal", "pkg/listusers", "pkg/migration", "pkg/oldpool", "pkg/probe", "pkg/redact", "pkg/secrethash", "pkg/version",
	}
	for _, dependency := range goList(t, module+"functions/guard")[0].Deps {
		if own, ok := strings.CutPrefix(dependency, module); ok && !slices.Contains(allowed, own) {
			t.Errorf("functions/guard links %s", own)
		}
	}
}

// Only maintain may rewrite the progress table, and look at what guards the record, so only maintain holds the code that does.
func TestWhatMaintainAloneLinks(t *testing.T) {
	t.Parallel()
	for _, p := range goList(t, module+"functions/...") {
		for _, own := range []string{"pkg/ledger/dynamo/fsck", "pkg/safeguard"} {
			links := slices.Contains(p.Deps, module+own)
			if isMaintain := strings.HasSuffix(p.ImportPath, "/maintain"); links != isMaintain {
				t.Errorf("%s links %s: %t", p.ImportPath, own, links)
			}
		}
	}
}
