package readiness

import (
	"fmt"
	"math"
	"slices"
)

// Outlook says in how many days READY is expected. A nil field means more than five years, or never.
type Outlook struct {
	Sentence string `json:"sentence"`

	Earliest *int `json:"earliest"` // the truth is meant to lie between this and Latest four times out of five
	Central  *int `json:"central"`
	Latest   *int `json:"latest"`

	Backtest Backtest `json:"backtest"`
}

// Backtest says how well the counts would have forecast the next 28 days, every 28 days of the last year.
type Backtest struct {
	Forecasts   int     `json:"forecasts"`
	MedianError float64 `json:"median_error"` // of what came
	Coverage    float64 `json:"coverage"`     // the share of forecasts whose 80 % interval held what came
}

const (
	farthest = 5 * 365 // days; there is no forecast beyond
	month    = 28
	quarter  = 91

	shortest    = 28                 // days to take a pace from, at least
	wearsOff    = 14                 // days after which a mailing is without effect
	persistence = week * (looks - 1) // days from the first look that passes to READY
	eighty      = 1.28               // standard deviations to either side that hold 80 % of a normal distribution
	slopeDoubt  = 0.35               // how far a decline strays from its course, as a share of its slope
)

// pace is how fast first arrivals decline: how many came in the last days, and in as many days before.
type pace struct {
	days          int
	recent, older float64 // as if all days had been live
	age           float64 // of the migration, in days
	dispersion    float64
}

// pace returns the pace before day end, from at most so many days and as many before; false if there are too few.
func (j *Judge) pace(end, most int) (pace, bool) {
	since := j.Open
	for _, day := range j.Mailings {
		if day < end {
			since = max(since, day+wearsOff)
		}
	}
	days := min(most, (end-since)/2/week*week)
	if days < shortest {
		return pace{}, false
	}
	middle, start := end-days, end-2*days
	recent, older := j.Exposure(middle, end), j.Exposure(start, middle)
	if min(recent, older) < float64(days)/2 {
		return pace{}, false
	}
	return pace{
		days: days, age: float64(end - j.Open), dispersion: j.dispersion(end, j.Open),
		recent: float64(j.came(middle, end)*days) / recent, older: float64(j.came(start, middle)*days) / older,
	}, true
}

// slope is by how much, as a logarithm, fewer came in the last days than in those before.
func (p pace) slope() float64 { return math.Log((p.older + 0.5) / (p.recent + 0.5)) }

// doubt is the standard deviation of the slope.
func (p pace) doubt() float64 {
	drift := slopeDoubt * p.slope()
	return math.Sqrt(p.dispersion/(p.recent+0.5) + p.dispersion/(p.older+0.5) + drift*drift)
}

// ages returns how old the migration was in the middle of the last days, and of those before.
func (p pace) ages() (recent, older float64) {
	return p.age - float64(p.days)/2, p.age - 1.5*float64(p.days)
}

// byPower returns in how many days the pace has fallen by a factor, given as its logarithm, if it declines by a power of the age.
func (p pace) byPower(slope, fall float64) float64 {
	if slope <= 0 {
		return math.Inf(1)
	}
	recent, older := p.ages()
	return recent*math.Exp(fall*math.Log(recent/older)/slope) - p.age
}

// byHalfLife returns in how many days the pace has fallen by a factor, given as its logarithm, if it declines by the same share each day.
func (p pace) byHalfLife(slope, fall float64) float64 {
	if slope <= 0 {
		return math.Inf(1)
	}
	recent, _ := p.ages()
	return recent + float64(p.days)*fall/slope - p.age
}

// next returns how many users come in the next 28 days, if the pace declines by a power of the age.
func (p pace) next(slope float64) float64 {
	recent, older := p.ages()
	return (p.recent + 0.5) * month / float64(p.days) * math.Pow((p.age+month/2)/recent, -slope/math.Log(recent/older))
}

// untilReady returns in how many days the last three looks will pass, by the pace alone: at the earliest, most likely and at the latest,
// with infinity for never. It is false if the counts allow no forecast.
func (j *Judge) untilReady(end int) (days [3]float64, found bool) {
	l := j.look(end)
	if l.reason == ReasonBlocked {
		return days, false
	}
	p, found := j.pace(end, max(l.window, quarter))
	if !found {
		return days, false
	}
	window := float64(l.window)
	allowed := math.Max(0.5, mostLate(l.tolerated-l.locked, float64(j.Horizon)/window, p.dispersion, j.perLook()))
	fall := math.Log(window / float64(p.days) * (p.recent + 0.5) / allowed)
	if l.proven(j.perLook()) || fall <= 0 {
		return [3]float64{persistence, persistence, persistence}, true
	}
	slope, doubt := p.slope(), eighty*p.doubt()
	days = [3]float64{p.byHalfLife(slope+doubt, fall), p.byPower(slope, fall), p.byPower(slope-doubt, fall)}
	for i := range days {
		days[i] = math.Max(persistence, days[i]+window/2+persistence)
	}
	return days, true
}

// soonest returns in how many days the verdict is READY, if no old user comes any more; false if not within five years.
func (j *Judge) soonest(end int) (days int, found bool) {
	quiet := *j
	quiet.Series = j.silence(end, farthest)
	passed := make([]int, persistence, farthest+2*persistence) // looks that passed in a row, for each day from two weeks before the first
	for day := max(0, end-persistence); day <= end+farthest; day++ {
		n := 0
		if quiet.look(day).passes() {
			n = passed[len(passed)-week] + 1
		}
		if n >= looks && day >= end {
			return day - end, true
		}
		passed = append(passed, n)
	}
	return 0, false
}

// Outlook returns when READY is expected, as of day end; false if the counts allow no forecast.
func (j *Judge) Outlook(end int) (Outlook, bool) {
	days, found := j.untilReady(end)
	if !found {
		return Outlook{}, false
	}
	o := Outlook{Backtest: j.backtest(end)}
	if soonest, possible := j.soonest(end); possible {
		for i, to := range []**int{&o.Earliest, &o.Central, &o.Latest} {
			if days[i] <= farthest {
				n := max(soonest, int(math.Ceil(days[i])))
				*to = &n
			}
		}
	}
	o.Sentence = o.say() + " This is an order of magnitude, not a date to plan on."
	return o, true
}

func (o Outlook) say() string {
	switch {
	case o.Earliest == nil:
		return "No date can be given: READY is farther away than five years, or never comes."
	case o.Central == nil:
		return fmt.Sprintf("READY may come in %s at the earliest; at the present pace it is farther away than five years, or never comes.",
			count(*o.Earliest, "day"))
	case o.Latest == nil:
		return fmt.Sprintf("READY is likely in about %s, and %d at the earliest; no date can be given for the latest.",
			count(*o.Central, "day"), *o.Earliest)
	case *o.Earliest == *o.Latest:
		return fmt.Sprintf("READY is likely in about %s.", count(*o.Central, "day"))
	}
	return fmt.Sprintf("READY is likely in about %s, and in %d to %d days four times out of five.",
		count(*o.Central, "day"), *o.Earliest, *o.Latest)
}

// backtest forecasts the last 28 days, the 28 before, and so on for a year, each from what was known before them.
func (j *Judge) backtest(end int) Backtest {
	var errs []float64
	held := 0
	for at := end - month; at >= max(0, end-13*month); at -= month {
		p, found := j.pace(at, max(j.look(at).window, 2*quarter))
		exposure := j.Exposure(at, at+month)
		if !found || exposure < month/2 {
			continue
		}
		came := float64(j.came(at, at+month)) * month / exposure
		slope, doubt := p.slope(), eighty*p.doubt()
		expected := p.next(slope)
		errs = append(errs, math.Abs(expected-came)/math.Max(1, came))
		chance := eighty * math.Sqrt(p.dispersion*expected)
		if came >= p.next(slope+doubt)-chance && came <= p.next(slope-doubt)+chance {
			held++
		}
	}
	if len(errs) == 0 {
		return Backtest{}
	}
	slices.Sort(errs)
	return Backtest{Forecasts: len(errs), MedianError: errs[len(errs)/2], Coverage: float64(held) / float64(len(errs))}
}
