package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/readiness"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox"
	"github.com/cognito-user-migration/cognito-user-migration/sandbox/process"
)

// What the demo's operator declares.
const (
	tolerance = 80
	horizon   = 30
)

// declare is the configuration that declares it.
func (p past) declare(env map[string]string) {
	env["TOLERANCE"], env["HORIZON"], env["YEARLY_HABITS"] = fmt.Sprint(tolerance), fmt.Sprint(horizon), "no"
	env["OPENED"] = p.start.Format(time.DateOnly)
	env["MAILINGS"] = p.start.AddDate(0, 0, mailedOn).Format(time.DateOnly)
}

// decide judges the past by what the demo knows of it, without the ledger.
func (p past) decide(f figures) (readiness.Decision, error) {
	in := readiness.Input{Start: p.start, Days: make([]readiness.Day, pastDays)}
	in.Tolerance.Users, in.Horizon, in.NoYearlyHabits, in.Mailings = tolerance, horizon, true, []int{mailedOn}
	for _, v := range p.visitors {
		in.Days[v.day].Demand++
		if v.blocked {
			in.Days[v.day].Blocked++
			in.Days[v.day].Invocations++
		}
		if day, moved := v.moved(); moved {
			in.Days[day].Moved++
			in.Days[day].Invocations++
			if v.blocked {
				in.Days[day].Released++
			}
		}
	}
	for day := range in.Days {
		in.Days[day].Probe = readiness.ProbeOK
	}
	in.Days[deadOn].Probe = readiness.ProbeFailed
	remaining, blocked, missing := f["users of the old pool/left"], f["users/blocked"], f["arrivals/not there after 15 minutes"]
	in.Present = readiness.Present{Remaining: &remaining, Blocked: &blocked, Missing: &missing}
	return readiness.Decide(in)
}

// expectVerdict adds the figures that the verdict rests on.
func (p past) expectVerdict(f figures) error {
	d, err := p.decide(f)
	if err != nil {
		return err
	}
	addVerdict(f, d)
	f["verdict/days alive, by the probe"], f["verdict/days with a failed probe"] = pastDays-1, 1
	return nil
}

// addVerdict adds the figures of a verdict.
func addVerdict(f figures, d readiness.Decision) {
	f["verdict/"+string(d.Verdict)] = 1
	f["verdict/came in the last "+fmt.Sprintf("%.0f", d.Look.Exposure)+" live days"] = d.Look.Late
	f["verdict/locked out already"] = d.Look.LockedOut
	f["verdict/most who will be locked out"] = *d.Bound
}

// addAnswer adds what the report says of it.
func (r reportedReadiness) addAnswer(f figures) {
	addVerdict(f, r.Decision)
	f["verdict/days alive, by the probe"], f["verdict/days with a failed probe"] = r.Evidence.Probed.OK, r.Evidence.Probed.Failed
}

// reportedReadiness is what the report says of readiness.
type reportedReadiness struct {
	readiness.Decision
	Evidence struct {
		Probed struct {
			OK     int `json:"ok"`
			Failed int `json:"failed"`
		} `json:"probed"`
	} `json:"evidence"`
}

// showVerdict has the verdict recorded in the journal, and shows it as the operator's tool prints it.
func showVerdict(ctx context.Context, sb *sandbox.Sandbox, stack *sandbox.Stack) error {
	root, err := process.Root()
	if err != nil {
		return err
	}
	tool := exec.CommandContext(ctx, filepath.Join(root, "build", "migration"), "readiness", "--record", "--stack="+stack.Name)
	tool.Env = sb.Environ()
	text, err := tool.Output()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) { // 1 is a verdict other than READY
		return fmt.Errorf("migration readiness: %w", err)
	}
	fmt.Printf("May the old pool be switched off? migration readiness --record says:\n\n%s\n", text)
	return nil
}
