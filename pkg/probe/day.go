package probe

import "time"

// Day is what the probes of a day (UTC) came to. An hour counts once, however many probes it had: it failed if one of them failed.
type Day struct {
	Day    string // 2006-01-02
	OK     int    // hours whose probes were answered
	Failed int    // hours of which a probe was not

	LastOK     time.Time // when a probe was answered last, to the second; zero if none was
	LastFailed time.Time // when a probe was not answered last; zero if all were
	Reason     Reason    // of that one
}

// State is whether the way of a sign-in was alive on a day.
type State string

// Alive: at least one probe ran, and none failed. Dead: one failed. NotProbed: none ran.
const (
	Alive     State = "ok"
	Dead      State = "failed"
	NotProbed State = "none"
)

// State judges the day.
func (d Day) State() State {
	switch {
	case d.Failed > 0:
		return Dead
	case d.OK > 0:
		return Alive
	default:
		return NotProbed
	}
}

// Latest is what the latest probe says.
type Latest struct {
	State      State     `json:"state"` // NotProbed if none has run within two hours
	AnsweredAt time.Time `json:"answered_at,omitzero"`
	FailedAt   time.Time `json:"failed_at,omitzero"`
	Reason     Reason    `json:"reason,omitempty"` // of the failure
}

// stale is how long a probe says something about now: one is due each hour.
const stale = 2 * time.Hour

// LatestOf judges now by the days that may matter: those of the last two hours.
func LatestOf(days []Day, now time.Time) Latest {
	l := Latest{State: NotProbed}
	for _, d := range days {
		if d.LastOK.After(l.AnsweredAt) {
			l.AnsweredAt = d.LastOK
		}
		if d.LastFailed.After(l.FailedAt) {
			l.FailedAt, l.Reason = d.LastFailed, d.Reason
		}
	}
	fresh := func(at time.Time) bool { return !at.IsZero() && now.Sub(at) <= stale }
	switch {
	case fresh(l.FailedAt) && !l.AnsweredAt.After(l.FailedAt):
		l.State = Dead
	case fresh(l.AnsweredAt):
		l.State = Alive
	}
	return l
}
