package report

import (
	"bytes"
	"fmt"
	"html/template"
	"image/color"
	"math"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

// The colors of a picture stand for the page's, which depend on the theme.
var (
	textColor, lineColor   = color.NRGBA{B: 1, A: 0xff}, color.NRGBA{B: 2, A: 0xff}
	barColor, faintColor   = color.NRGBA{B: 3, A: 0xff}, color.NRGBA{B: 4, A: 0xff}
	groundColor, warnColor = color.NRGBA{B: 5, A: 0xff}, color.NRGBA{B: 6, A: 0xff}
	bandColor              = color.NRGBA{B: 7, A: 0xff}

	pageColors = strings.NewReplacer("#000001", "var(--text)", "#000002", "var(--line)", "#000003", "var(--bar)", "#000004", "var(--faint)",
		"#000005", "var(--back)", "#000006", "var(--warn)", "#000007", "var(--band)")
)

// size is the size of a picture, and how many dates have room below it.
type size struct {
	width, height vg.Length
	dates         int
}

// sizes are for wide windows and for narrow ones.
var sizes = []size{{960, 230, 8}, {358, 210, 4}}

// picture is a drawing in each size, as SVG.
type picture struct {
	Title  string
	Drawn  []template.HTML
	Legend []swatch
}

// swatch is what a kind of attempts is drawn in.
type swatch struct{ Class, Name string }

// pictures draws the course of the migration, and the attempts. They are nil without events.
func pictures(r Report) (users, attempts *picture, err error) {
	if len(r.Days) == 0 {
		return nil, nil, nil
	}
	c, err := courseOf(r)
	if err != nil {
		return nil, nil, fmt.Errorf("draw the report: %w", err)
	}
	users = &picture{Title: c.title}
	if c.lastDay() > c.today {
		users.Legend = []swatch{{"band", "READY expected"}}
	}
	if _, likely := c.likely(); likely {
		users.Legend = append(users.Legend, swatch{"dashes", "most likely"})
	}
	attempts = &picture{Title: "Attempts recorded a " + c.period}
	for _, k := range c.kinds() {
		attempts.Legend = append(attempts.Legend, k.swatch)
	}
	for _, s := range sizes {
		for _, drawing := range []struct {
			to    *picture
			plot  func(size) (*plot.Plot, error)
			label string
		}{{users, c.plotUsers, c.label()}, {attempts, c.plotAttempts, attempts.Title}} {
			svg, err := s.draw(drawing.plot, drawing.label)
			if err != nil {
				return nil, nil, fmt.Errorf("draw the report: %w", err)
			}
			drawing.to.Drawn = append(drawing.to.Drawn, svg)
		}
	}
	return users, attempts, nil
}

// draw draws a plot as an SVG element, for a page that has the colors.
func (s size) draw(drawing func(size) (*plot.Plot, error), label string) (template.HTML, error) {
	p, err := drawing(s)
	if err != nil {
		return "", err
	}
	canvas := vgsvg.New(s.width, s.height)
	p.Draw(draw.Crop(draw.New(canvas), 0, -14, 0, -4)) // the last date is wider than its place
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return "", err
	}
	_, element, _ := strings.Cut(svg.String(), "<svg") // without the document's head
	element = `<svg role="img" aria-label="` + template.HTMLEscapeString(label) + `"` + pageColors.Replace(element)
	return template.HTML(element), nil //nolint:gosec // drawn here from numbers and dates
}

// maxDays is how many days are drawn singly; more are drawn by the week.
const maxDays = 120

// course has the values to draw.
type course struct {
	first time.Time // day 0
	today float64   // the number of the present day

	title    string
	users    plotter.XYs
	expected []expected // when READY is

	step                       int // days from one bar to the next
	period                     string
	migrated, rejected, failed plotter.Values
}

func courseOf(r Report) (course, error) {
	var days []time.Time // those that have a figure
	for _, text := range []string{r.Days[0].Day, firstCount(r)} {
		day, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return course{}, err
		}
		days = append(days, day)
	}
	c := course{first: slices.MinFunc(days, time.Time.Compare), step: 1, period: "day", expected: forecast(r.Readiness.Decision)}
	c.today = c.day(r.AsOf)
	if c.today > maxDays {
		c.step, c.period = 7, "week"
	}
	c.countAttempts(r.Days)
	if len(r.Remaining) > 1 {
		c.title = "Users left in the old pool, by census"
		for _, n := range r.Remaining {
			day, err := time.Parse(time.DateOnly, n.Day)
			if err != nil {
				return course{}, err
			}
			c.users = append(c.users, plotter.XY{X: c.day(day), Y: float64(n.Remaining)})
		}
		return c, nil
	}
	return c, c.countMoved(r.Days)
}

// firstCount is the day of the first census, or else the first with events.
func firstCount(r Report) string {
	if len(r.Remaining) > 0 {
		return r.Remaining[0].Day
	}
	return r.Days[0].Day
}

// day returns the number of the day.
func (c course) day(t time.Time) float64 { return math.Floor(t.Sub(c.first).Hours() / 24) }

// countMoved counts the users who have moved up to each day.
func (c *course) countMoved(days []progress.Day) error {
	c.title = "Users moved"
	sum := 0
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if err != nil {
			return err
		}
		sum += d.FirstHandovers
		c.users = append(c.users, plotter.XY{X: c.day(day), Y: float64(sum)})
	}
	if last := c.users[len(c.users)-1]; last.X < c.today {
		c.users = append(c.users, plotter.XY{X: c.today, Y: last.Y})
	}
	return nil
}

// countAttempts adds the days' attempts up, by the period.
func (c *course) countAttempts(days []progress.Day) {
	n := int(c.today)/c.step + 1
	c.migrated, c.rejected, c.failed = make(plotter.Values, n), make(plotter.Values, n), make(plotter.Values, n)
	for _, d := range days {
		day, err := time.Parse(time.DateOnly, d.Day)
		if i := int(c.day(day)) / c.step; err == nil && i >= 0 && i < n {
			c.migrated[i] += float64(d.Migrated)
			c.rejected[i] += float64(d.Rejected)
			c.failed[i] += float64(d.Failed)
		}
	}
}

// label says what the picture of the users shows, for those who can't see it.
func (c course) label() string {
	label := fmt.Sprintf("%s: %.0f on %s", c.title, c.users[len(c.users)-1].Y, day(c.first.AddDate(0, 0, int(c.today))))
	for _, e := range c.expected {
		label += "; READY " + e.Name + ": " + e.Date
	}
	return label
}

func (c course) plotUsers(s size) (*plot.Plot, error) {
	last := c.lastDay()
	p := newPlot(dayTicks{first: c.first, places: int(last) + 1, step: 1, most: s.dates})
	p.X.Min, p.X.Max = 0, max(last, 1)
	line, points, err := plotter.NewLinePoints(c.users)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width = barColor, vg.Points(2)
	points.Color, points.Shape, points.Radius = barColor, draw.CircleGlyph{}, vg.Points(2.5)
	p.Add(line)
	if len(c.users) <= 30 {
		p.Add(points) // more would run into one another
	}
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, 1)
	return p, c.addForecast(p, last)
}

// lastDay is the last day to draw: the forecast's latest, but no farther ahead than a year, or twice as many days as have
// gone by.
func (c course) lastDay() float64 {
	if len(c.expected) == 0 || c.expected[0].Days == nil {
		return c.today
	}
	last := c.today
	for _, e := range c.expected {
		if e.Days != nil {
			last = max(last, c.today+float64(*e.Days))
		} else {
			last = math.Inf(1)
		}
	}
	farthest := c.today + max(2*c.today, 365)
	if float64(*c.expected[0].Days)+c.today > farthest {
		return c.today
	}
	return math.Ceil(min(last, farthest) + 0.04*c.today)
}

// addForecast shades the days in which READY is expected, and draws a line on the most likely one, as far as there is room.
func (c course) addForecast(p *plot.Plot, last float64) error {
	if last <= c.today {
		return nil
	}
	top, to := p.Y.Max, last
	if latest := c.expected[2].Days; latest != nil {
		to = min(last, c.today+float64(*latest))
	}
	from := c.today + float64(*c.expected[0].Days)
	to = max(to, from+0.003*last) // to be seen even if it is one day
	band, err := plotter.NewPolygon(plotter.XYs{{X: from}, {X: from, Y: top}, {X: to, Y: top}, {X: to}})
	if err != nil {
		return err
	}
	band.Color, band.Width = bandColor, 0
	p.Add(band)
	x, likely := c.likely()
	if !likely {
		return nil
	}
	line, err := plotter.NewLine(plotter.XYs{{X: x}, {X: x, Y: top}})
	if err != nil {
		return err
	}
	line.Color, line.Width, line.Dashes = textColor, vg.Points(1.5), []vg.Length{vg.Points(5), vg.Points(4)}
	p.Add(line)
	return nil
}

// likely is the day on which READY is most likely; false if there is none to draw.
func (c course) likely() (float64, bool) {
	if len(c.expected) == 0 || c.expected[1].Days == nil {
		return 0, false
	}
	x := c.today + float64(*c.expected[1].Days)
	return x, x <= c.lastDay()
}

// kind is a kind of attempts, and how it is drawn: also without colors, each is unlike the one below it.
type kind struct {
	swatch
	values     plotter.Values
	fill, edge color.Color // without an edge, nil
}

// kinds are in the order in which they are stacked.
func (c course) kinds() []kind {
	return []kind{
		{swatch{"bar-migrated", "migrated"}, c.migrated, barColor, nil},
		{swatch{"bar-rejected", "rejected"}, c.rejected, faintColor, nil},
		{swatch{"bar-failed", "failed"}, c.failed, groundColor, warnColor},
	}
}

func (c course) plotAttempts(s size) (*plot.Plot, error) {
	places := len(c.migrated)
	p := newPlot(dayTicks{first: c.first, places: places, step: c.step, most: s.dates})
	width := max(vg.Points(1), min(vg.Points(30), (s.width-60)/vg.Length(places+1)*0.8))
	var under *plotter.BarChart
	for _, k := range c.kinds() {
		chart, err := plotter.NewBarChart(k.values, width)
		if err != nil {
			return nil, err
		}
		chart.Color, chart.LineStyle.Color, chart.LineStyle.Width = k.fill, k.edge, 0
		if k.edge != nil {
			chart.LineStyle.Width = vg.Points(1) // few of them are still seen beside many others
		}
		if under != nil {
			chart.StackOn(under)
		}
		under = chart
		p.Add(bars{chart})
	}
	p.X.Min, p.X.Max = -0.6, float64(places)-0.4
	p.Y.Min, p.Y.Max = 0, max(p.Y.Max, 1)
	return p, nil
}

// bars is a bar chart that draws no edge around nothing.
type bars struct{ *plotter.BarChart }

// Plot implements plot.Plotter.
func (b bars) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	for i, value := range b.Values {
		if value == 0 {
			continue
		}
		left, low := toX(float64(i))-b.Width/2, toY(b.BarHeight(i)-value)
		right, high := left+b.Width, toY(b.BarHeight(i))
		corners := []vg.Point{{X: left, Y: low}, {X: left, Y: high}, {X: right, Y: high}, {X: right, Y: low}, {X: left, Y: low}}
		c.FillPolygon(b.Color, corners)
		c.StrokeLines(b.LineStyle, corners)
	}
}

func newPlot(dates dayTicks) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.Y.Tick.Marker, p.X.Tick.Marker = wholeTicks{}, dates
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color, axis.Tick.Label.Color = lineColor, lineColor, textColor
		axis.Tick.Label.Font = sans(11)
	}
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = lineColor
	p.Add(grid)
	return p
}

func sans(points float64) font.Font {
	return font.From(font.Font{Typeface: "Liberation", Variant: "Sans"}, vg.Points(points))
}

// wholeTicks leaves out fractions: there is no half a user.
type wholeTicks struct{}

func (wholeTicks) Ticks(low, high float64) []plot.Tick {
	var ticks []plot.Tick
	for _, tick := range (plot.DefaultTicks{}).Ticks(low, max(high, 1)) {
		if tick.Value == math.Trunc(tick.Value) {
			if tick.Label != "" {
				tick.Label = count(int(tick.Value))
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// dayTicks names some days.
type dayTicks struct {
	first        time.Time
	places, step int // how many there are, and how many days apart
	most         int // to be named
}

func (t dayTicks) Ticks(float64, float64) []plot.Tick {
	layout, every := "2 Jan", (t.places+t.most-1)/t.most
	if t.places*t.step > 300 {
		layout = "Jan 2006"
	}
	var ticks []plot.Tick
	for i := 0; i < t.places; i += every {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: t.first.AddDate(0, 0, i*t.step).Format(layout)})
	}
	return ticks
}
