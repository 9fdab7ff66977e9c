package ledger

import (
	"fmt"
	"strings"
	"time"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

// FindingKind is the kind of a finding.
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

// Finding is one thing that is wrong with the ledger, and where. Fields that do not apply are zero.
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
	Journal int `json:"journal"` // entries of the journal

	Found
}

// NewVerification returns a verification that has found nothing yet.
func NewVerification(now time.Time) Verification {
	return Verification{StartedAt: migration.Millis(now), Found: Found{Kinds: map[FindingKind]int{}, Findings: []Finding{}}}
}

// Found holds findings: all are counted, and the first MaxFindings of each kind are kept.
type Found struct {
	FindingCount int                 `json:"finding_count"`
	Kinds        map[FindingKind]int `json:"kinds"`    // findings by kind
	Findings     []Finding           `json:"findings"` // the first MaxFindings of each kind
}

// detailLength is how much of a detail is kept, in bytes: a verification has to fit into an item of a table, whatever it finds.
const detailLength = 500

// Find adds findings.
func (f *Found) Find(findings ...Finding) {
	for _, finding := range findings {
		f.count(finding.Kind, 1)
		f.keep(finding)
	}
}

// Add adds what others have found.
func (f *Found) Add(others ...Found) {
	for _, other := range others {
		for kind, n := range other.Kinds {
			f.count(kind, n)
		}
		for _, finding := range other.Findings {
			f.keep(finding)
		}
	}
}

func (f *Found) count(kind FindingKind, n int) {
	if f.Kinds == nil {
		f.Kinds = map[FindingKind]int{}
	}
	f.FindingCount += n
	f.Kinds[kind] += n
}

func (f *Found) keep(finding Finding) {
	kept := 0
	for _, other := range f.Findings {
		if other.Kind == finding.Kind {
			kept++
		}
	}
	if kept == MaxFindings {
		return
	}
	if len(finding.Detail) > detailLength {
		finding.Detail = strings.ToValidUTF8(finding.Detail[:detailLength], "") + " …"
	}
	f.Findings = append(f.Findings, finding)
}

// Chain checks a user's events one by one: every event is sealed by its hash, belongs to this user, and follows the one before. It cannot
// see that the newest events were cut off; the user's record can. NewChain returns one.
type Chain struct {
	sub     string
	next    int
	prev    string
	skipped bool // the event before could not be read
}

// NewChain returns a chain that waits for a user's first event.
func NewChain(sub string) Chain { return Chain{sub: sub, next: 1} }

// Check checks the next event, and returns what is wrong with it.
func (c *Chain) Check(e migration.Event) []Finding {
	var findings []Finding
	find := func(kind FindingKind, detail string) {
		findings = append(findings, Finding{Kind: kind, Sub: c.sub, Seq: e.Seq, Detail: detail})
	}
	if e.Sub != c.sub {
		find(ForeignEvent, "the event was written for another user")
	}
	if hash, err := Hash(e); err != nil || hash != e.Hash {
		find(AlteredEvent, "the hash does not seal the event")
	}
	switch {
	case e.Seq > c.next:
		find(Gap, fmt.Sprintf("events %d to %d are missing", c.next, e.Seq-1))
	case e.Seq < c.next:
		find(BrokenChain, fmt.Sprintf("the event is where event %d belongs", c.next))
	case e.Prev != c.prev && !c.skipped:
		find(BrokenChain, "prev is not the hash of the event before")
	}
	c.next, c.prev, c.skipped = e.Seq+1, e.Hash, false
	return findings
}

// Skip goes past an event that can't be read.
func (c *Chain) Skip() { c.next, c.skipped = c.next+1, true }

// CheckStream checks the chain of a user's stream, which must be in order. It returns nothing if all is right.
func CheckStream(sub string, stream []migration.Event) []Finding {
	var findings []Finding
	chain := NewChain(sub)
	for _, e := range stream {
		findings = append(findings, chain.Check(e)...)
	}
	return findings
}
