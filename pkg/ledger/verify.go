package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// FindingKind is what is wrong.
type FindingKind string

// The kinds of finding.
const (
	Gap              FindingKind = "gap"               // events are missing before this one
	AlteredEvent     FindingKind = "altered_event"     // the event is not as it was written
	BrokenChain      FindingKind = "broken_chain"      // the event does not follow the one before it
	ForeignEvent     FindingKind = "foreign_event"     // the event is another user's
	StreamMissing    FindingKind = "stream_missing"    // there is a record, and no event
	RecordMissing    FindingKind = "record_missing"    // there are events, and no record
	RecordDiffers    FindingKind = "record_differs"    // the record is not the fold of its stream
	AttentionDiffers FindingKind = "attention_differs" // the index of those who wait has an entry too many, lacks one, or has a wrong one
	TallyDiffers     FindingKind = "tally_differs"     // a tally is not the recount of the events
)

// Finding is one thing that is wrong with the ledger, and where. What does not apply is zero.
type Finding struct {
	Kind   FindingKind `json:"kind"`
	Sub    string      `json:"sub,omitempty"`
	Seq    int         `json:"seq,omitempty"`
	Day    string      `json:"day,omitempty"` // or month, of a tally
	Detail string      `json:"detail"`        // for a person to read; names attributes, quotes none of a record or an event
}

// MaxFindings is how many findings of each kind a Verification keeps; the others are only counted.
const MaxFindings = 100

// Verification is what was verified, and what was found.
type Verification struct {
	StartedAt  time.Time `json:"started_at"`
	FinishedAt time.Time `json:"finished_at,omitzero"`
	Complete   bool      `json:"complete"` // all that was asked for was verified; if not, the next call goes on

	Streams int `json:"streams"` // users whose events were verified, with the record and its place in the index of those who wait
	Events  int `json:"events"`
	Records int `json:"records"` // records that were looked up the other way, from record to stream
	Tallies int `json:"tallies"` // tallies compared with the recount

	FindingCount int                 `json:"finding_count"`
	Kinds        map[FindingKind]int `json:"kinds"`    // findings by kind
	Findings     []Finding           `json:"findings"` // the first MaxFindings of each kind
}

// NewVerification returns a verification that has not come upon anything yet.
func NewVerification(now time.Time) Verification {
	return Verification{StartedAt: migration.Millis(now), Kinds: map[FindingKind]int{}, Findings: []Finding{}}
}

// detailLength is how much of a detail is kept, in bytes: a verification has to fit into an item of a table, whatever it finds.
const detailLength = 500

// Find adds findings.
func (v *Verification) Find(findings ...Finding) {
	for _, f := range findings {
		v.FindingCount++
		if v.Kinds[f.Kind]++; v.Kinds[f.Kind] <= MaxFindings {
			if len(f.Detail) > detailLength {
				f.Detail = strings.ToValidUTF8(f.Detail[:detailLength], "") + " …"
			}
			v.Findings = append(v.Findings, f)
		}
	}
}

// CheckStream holds a user's stream, in order, to its chain: every event is sealed by its hash, is this user's, and follows the
// one before. It returns nothing if so. It cannot see that the newest events were cut off; the user's record can.
func CheckStream(sub string, stream []migration.Event) []Finding {
	var findings []Finding
	next, prev := 1, ""
	for _, e := range stream {
		find := func(kind FindingKind, detail string) {
			findings = append(findings, Finding{Kind: kind, Sub: sub, Seq: e.Seq, Detail: detail})
		}
		if e.Sub != sub {
			find(ForeignEvent, "the event was written for another user")
		}
		if hash, err := Hash(e); err != nil || hash != e.Hash {
			find(AlteredEvent, "the hash does not seal the event")
		}
		switch {
		case e.Seq > next:
			find(Gap, fmt.Sprintf("events %d to %d are missing", next, e.Seq-1))
		case e.Seq < next:
			find(BrokenChain, fmt.Sprintf("the event stands where event %d belongs", next))
		case e.Prev != prev:
			find(BrokenChain, "prev is not the hash of the event before")
		}
		next, prev = e.Seq+1, e.Hash
	}
	return findings
}
