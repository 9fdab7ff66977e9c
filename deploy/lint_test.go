package deploy_test

import (
	"os"
	"os/exec"
	"testing"
)

func TestTemplatesAreCleanOfLint(t *testing.T) {
	needs(t, "cfn-lint", "--version")
	out, err := exec.CommandContext(t.Context(), "cfn-lint", mainTemplate, dashboardTemplate, oldAccountTemplate).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// needs runs a command that shows whether a tool is there. In CI it has to be; elsewhere what needs it is not tested.
func needs(t *testing.T, name string, args ...string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("%s is not here, and CI needs it (pip install cfn-lint 'moto[server]' awscli): %v\n%s", name, err, out)
	default:
		t.Skipf("NOT TESTED: %s is not here (pip install cfn-lint 'moto[server]' awscli): %v\n%s", name, err, out)
	}
}
