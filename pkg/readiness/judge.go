package readiness

import "math"

// Judge judges a series of days by what was declared, as of any day of the series.
type Judge struct {
	*Series
	Declared
	now Present
}

// Judge returns a judge of the series by what is declared.
func (s *Series) Judge(d Declared) (*Judge, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	return &Judge{Series: s, Declared: d}, nil
}

// present tells whether the days before day end are all there are, so that what is known of the present holds.
func (j *Judge) present(end int) bool { return end >= len(j.days) }

// tolerated returns how many users may be locked out at day end.
func (j *Judge) tolerated(end int) int {
	if j.Tolerance.Share > 0 {
		return int(math.Floor(j.Tolerance.Share*float64(j.moved[end]) + nearly))
	}
	return j.Tolerance.Users
}

// lockedOut returns how many users are locked out at day end even if the old pool stays.
func (j *Judge) lockedOut(end int) int {
	n := j.blocked[end]
	if j.now.Blocked != nil && j.present(end) {
		n = *j.now.Blocked
	}
	return n + j.missing()
}

// missing is the least number of migrated users whom the new pool does not have.
func (j *Judge) missing() int {
	if j.now.Missing == nil {
		return 0
	}
	return *j.now.Missing
}

// enumerated tells whether a census proves that no more users are left than are tolerated.
func (j *Judge) enumerated(end int) bool {
	return j.now.Remaining != nil && j.present(end) && *j.now.Remaining+j.missing() <= j.tolerated(end)
}
