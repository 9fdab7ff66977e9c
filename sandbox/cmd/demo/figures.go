package main

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/census"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// figure is one number of the report beside what the demo did.
type figure struct {
	group, name    string
	reported, done int
}

// figures are numbers by "group/name".
type figures map[string]int

// reportAnswer is the report's answer to the view progress.
type reportAnswer struct {
	progress.Progress
	Census    census.Result     `json:"census"`
	Readiness reportedReadiness `json:"readiness"`
}

// expected counts what the demo had its users do.
func expected(users int) figures {
	f := figures{"ledger/found wrong": 0, "users of the old pool/in all": users}
	for i := range users {
		s := of(i)
		expectArrivals(f, i)
		if s.status != migration.StatusMigrated && s.status != migration.StatusConfirmed {
			f["users of the old pool/left"]++
		}
		if s.status == "" {
			continue
		}
		f["ledger/users verified"]++
		f["ledger/events verified"] += len(s.events)
		f["users/"+string(s.status)]++
		if s.status == migration.StatusConfirmed {
			f["ledger/events verified"]++ // the confirmation
		}
		movedOn := s.status == migration.StatusMigrated || s.status == migration.StatusConfirmed
		if movedOn {
			f["days/users handed over"]++
		}
		if movedOn && !s.refused {
			f["users of the new pool/in all"]++
			f["users of the new pool/with the attributes of the rules"]++
		}
		for _, e := range s.events {
			outcome := migration.Migrated
			if e.reason != "" {
				outcome = e.reason.Outcome()
				f["reasons/"+string(e.reason)]++
			}
			if e.challenge != "" {
				f["challenges/"+e.challenge]++
			}
			f["attempts/"+string(outcome)]++
			f["days/attempts"]++
			f[string(e.trigger)+"/"+string(outcome)]++
		}
		if last := s.events[len(s.events)-1]; s.status == migration.StatusBlocked {
			f["blocked/"+strings.TrimSpace(string(last.reason)+" "+last.challenge)]++
		}
	}
	return f
}

// reported takes the same numbers out of the report.
func reported(p reportAnswer, inNewPool, whole int) figures {
	f := figures{
		"users/attempted": p.Users.Attempted, "users/blocked": p.Users.Blocked,
		"users/migrated": p.Users.Migrated, "users/confirmed": p.Users.Confirmed,
		"attempts/migrated": p.Attempts.Migrated, "attempts/rejected": p.Attempts.Rejected, "attempts/failed": p.Attempts.Failed,
		"attempts/reoffered": p.Reoffered, "users of the new pool/in all": inNewPool,
		"users of the old pool/in all": p.Census.Old.Users, "users of the old pool/left": p.Census.Old.Remaining,
		"users of the new pool/with the attributes of the rules": whole,
	}
	if v := p.Verification; v != nil && v.Complete {
		f["ledger/users verified"], f["ledger/events verified"], f["ledger/found wrong"] = v.Users, v.Events, v.Findings
	}
	for trigger, a := range p.Triggers {
		f[trigger+"/migrated"], f[trigger+"/rejected"], f[trigger+"/failed"] = a.Migrated, a.Rejected, a.Failed
	}
	for reason, n := range p.Reasons {
		f["reasons/"+reason] = n
	}
	for challenge, n := range p.Challenges {
		f["challenges/"+challenge] = n
	}
	for _, b := range p.Blocked {
		f["blocked/"+strings.TrimSpace(string(b.Reason)+" "+b.Challenge)] = b.Users
	}
	for _, d := range p.Days {
		f["days/attempts"] += d.Migrated + d.Rejected + d.Failed
		f["days/users handed over"] += d.FirstHandovers
	}
	return f
}

func compare(done, reported figures) []figure {
	all := maps.Clone(done)
	maps.Copy(all, reported)
	order := []string{"users", "blocked", "users of the old pool", "left, by name", "users of the new pool", "arrivals", "attempts"}
	rank := func(f figure) int {
		if i := slices.Index(order, f.group); i >= 0 {
			return i
		}
		return len(order)
	}
	var rows []figure
	for key := range all {
		group, name, _ := strings.Cut(key, "/")
		rows = append(rows, figure{group, name, reported[key], done[key]})
	}
	slices.SortFunc(rows, func(a, b figure) int {
		return cmp.Or(rank(a)-rank(b), cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name))
	})
	return rows
}
