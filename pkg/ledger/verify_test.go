package ledger_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/migration"
)

const sub = "0b5ad4f1-3c1e-4a0f-9d65-6a1f0c8f2b11"

var text = rapid.StringOfN(rapid.RuneFrom([]rune("abcXYZ019-_é\u2028\"\\")), 0, 12, -1)

// drawStream draws a user's stream, sealed and chained.
func drawStream(t *rapid.T, sub string, least int) []migration.Event {
	stream := make([]migration.Event, rapid.IntRange(least, 6).Draw(t, "events"))
	prev := ""
	for i := range stream {
		at := time.UnixMilli(rapid.Int64Range(0, 4e12).Draw(t, "at")).UTC()
		e := migration.Event{
			Schema: migration.Schema, Sub: sub, Seq: i + 1, ID: text.Draw(t, "id"), Kind: migration.Attempt, At: at,
			RecordedAt: at.Add(time.Duration(i) * time.Millisecond), Trigger: rapid.SampledFrom(migration.Triggers).Draw(t, "trigger"),
			Outcome: rapid.SampledFrom(migration.Outcomes).Draw(t, "outcome"), Challenge: text.Draw(t, "challenge"),
			Factors: rapid.SliceOfN(text, 0, 2).Draw(t, "factors"), RequestID: text.Draw(t, "request"),
			FunctionVersion: "$LATEST", Prev: prev,
		}
		stream[i] = seal(t, e)
		prev = stream[i].Hash
	}
	return stream
}

func seal(t interface{ Fatal(...any) }, e migration.Event) migration.Event {
	hash, err := ledger.Hash(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Hash = hash
	return e
}

func kinds(findings []ledger.Finding) []ledger.FindingKind {
	var kinds []ledger.FindingKind
	for _, f := range findings {
		kinds = append(kinds, f.Kind)
	}
	return kinds
}

func TestAStreamAsItWasWrittenHasNoFindings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		if findings := ledger.CheckStream(sub, drawStream(t, sub, 0)); len(findings) > 0 {
			t.Fatal(findings)
		}
	})
}

// No field of an event can be altered unseen.
func TestEveryFieldIsSealed(t *testing.T) {
	for field := range reflect.TypeFor[migration.Event]().NumField() {
		name := reflect.TypeFor[migration.Event]().Field(field).Name
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				stream := drawStream(t, sub, 1)
				i := rapid.IntRange(0, len(stream)-1).Draw(t, "event")
				alter(reflect.ValueOf(&stream[i]).Elem().Field(field))
				if !slices.Contains(kinds(ledger.CheckStream(sub, stream)), ledger.AlteredEvent) {
					t.Fatalf("%s of event %d was altered: %v", name, i+1, ledger.CheckStream(sub, stream))
				}
			})
		})
	}
}

func alter(v reflect.Value) {
	switch value := v.Interface().(type) {
	case int:
		v.SetInt(int64(value + 1))
	case []string:
		v.Set(reflect.ValueOf(append(slices.Clone(value), "x")))
	case time.Time:
		v.Set(reflect.ValueOf(value.Add(time.Millisecond)))
	default:
		v.SetString(v.String() + "x")
	}
}

// What was done to a stream of whole events is named, and where.
func TestEveryChangeOfAStreamIsNamed(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*rapid.T, []migration.Event) []migration.Event
		want   ledger.FindingKind
	}{
		"an event deleted": {func(t *rapid.T, s []migration.Event) []migration.Event {
			i := rapid.IntRange(0, len(s)-2).Draw(t, "which")
			return slices.Delete(s, i, i+1)
		}, ledger.Gap},
		"two events swapped": {func(t *rapid.T, s []migration.Event) []migration.Event {
			i := rapid.IntRange(0, len(s)-2).Draw(t, "which")
			s[i], s[i+1] = s[i+1], s[i]
			return s
		}, ledger.BrokenChain},
		"an event inserted": {func(t *rapid.T, s []migration.Event) []migration.Event {
			i := rapid.IntRange(0, len(s)-1).Draw(t, "before")
			inserted := s[i]
			inserted.ID += "x"
			return slices.Insert(s, i, seal(t, inserted))
		}, ledger.BrokenChain},
		"an event rewritten and sealed again": {func(t *rapid.T, s []migration.Event) []migration.Event {
			i := rapid.IntRange(0, len(s)-2).Draw(t, "which")
			s[i].ID += "x"
			s[i] = seal(t, s[i])
			return s
		}, ledger.BrokenChain},
		"another user's events": {func(t *rapid.T, _ []migration.Event) []migration.Event {
			return drawStream(t, strings.ToUpper(sub), 2)
		}, ledger.ForeignEvent},
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				findings := ledger.CheckStream(sub, tt.change(t, drawStream(t, sub, 2)))
				if !slices.Contains(kinds(findings), tt.want) {
					t.Fatalf("want %s: %v", tt.want, findings)
				}
			})
		})
	}
}

func TestAGapSaysWhatIsMissing(t *testing.T) {
	stream := []migration.Event{seal(t, migration.Event{Sub: sub, Seq: 4, Factors: []string{}})}
	want := []ledger.Finding{{Kind: ledger.Gap, Sub: sub, Seq: 4, Detail: "events 1 to 3 are missing"}}
	if diff := cmp.Diff(want, ledger.CheckStream(sub, stream)); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestFindingsAreCountedAndTheFirstAreKept(t *testing.T) {
	v := ledger.NewVerification(time.Now())
	for i := range 70 {
		v.Find(
			ledger.Finding{Kind: ledger.RecordMissing, Detail: fmt.Sprint(2 * i)},
			ledger.Finding{Kind: ledger.RecordMissing, Detail: fmt.Sprint(2*i + 1)},
		)
	}
	v.Find(ledger.Finding{Kind: ledger.AlteredEvent, Detail: strings.Repeat("ä", 100_000)}) // is not hidden by the others
	if detail := v.Findings[100].Detail; len(detail) > 600 || !utf8.ValidString(detail) {
		t.Errorf("a detail of %d bytes", len(detail))
	}
	if v.FindingCount != 141 || len(v.Findings) != ledger.MaxFindings+1 || v.Findings[99].Detail != "99" ||
		v.Findings[100].Kind != ledger.AlteredEvent || v.Kinds[ledger.RecordMissing] != 140 || v.Kinds[ledger.AlteredEvent] != 1 {
		t.Errorf("%d counted, %v, %d kept", v.FindingCount, v.Kinds, len(v.Findings))
	}
}
