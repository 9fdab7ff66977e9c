package report

import (
	"bytes"
	"fmt"
	"image/color"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/progress"
)

type palette struct{ text, line, moved, rejected, failed color.Color }

// The three kinds of attempts differ in lightness as much as in hue, and stand in the order of the legend.
var palettes = map[Theme]palette{
	Light: {rgb(0x16191f), rgb(0xd5dbdb), rgb(0x0b5cad), rgb(0x8fbce6), rgb(0xa4270e)},
	Dark:  {rgb(0xe9ebed), rgb(0x414d5c), rgb(0x6cb0f5), rgb(0x2b5f91), rgb(0xff9d85)},
}

func rgb(hex uint32) color.Color {
	return color.RGBA{R: uint8(hex >> 16), G: uint8(hex >> 8), B: uint8(hex), A: 0xff}
}

// maxDays is how many days are drawn singly; more are drawn by the week.
const maxDays = 120

const (
	pictureWidth  = 25 * vg.Centimeter
	pictureHeight = 13 * vg.Centimeter
)

// Picture draws an SVG: how many users have moved in all, and below that the recorded attempts by day, or week, from the first day with
// events until now.
func Picture(days []progress.Day, now time.Time, theme Theme) (string, error) {
	c, err := courseOf(days, now)
	if err != nil {
		return "", fmt.Errorf("draw the progress: %w", err)
	}
	above, err := c.plotMoved(palettes[theme])
	if err != nil {
		return "", fmt.Errorf("draw the progress: %w", err)
	}
	below, err := c.plotAttempts(palettes[theme])
	if err != nil {
		return "", fmt.Errorf("draw the progress: %w", err)
	}
	canvas := vgsvg.New(pictureWidth, pictureHeight)
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadY: 4 * vg.Millimeter}
	pair := [][]*plot.Plot{{above}, {below}}
	for i, row := range plot.Align(pair, tiles, draw.New(canvas)) {
		pair[i][0].Draw(row[0])
	}
	var svg bytes.Buffer
	if _, err := canvas.WriteTo(&svg); err != nil {
		return "", fmt.Errorf("draw the progress: %w", err)
	}
	// Inside a page it is an element, not a document.
	_, element, _ := strings.Cut(svg.String(), "<svg")
	return `<svg role="img" aria-label="Users moved in all, and attempts recorded over time"` + element, nil
}

// course has the values to draw, one for each day or week.
type course struct {
	first  time.Time
	step   int // days from one value to the next
	period string

	moved                      plotter.XYs
	migrated, rejected, failed plotter.Values
}

func courseOf(days []progress.Day, now time.Time) (course, error) {
	first, err := time.Parse(time.DateOnly, days[0].Day)
	if err != nil {
		return course{}, err
	}
	totals := map[string]ledger.Totals{}
	for _, d := range days {
		totals[d.Day] = d.Totals
	}
	c := course{first: first, step: 1, period: "day"}
	if now.Sub(first) > maxDays*24*time.Hour {
		c.step, c.period = 7, "week"
	}
	sum := 0
	for day := first; !day.After(now); day = day.AddDate(0, 0, c.step) {
		var t ledger.Totals
		for i := range c.step {
			d := totals[day.AddDate(0, 0, i).Format(time.DateOnly)]
			t.Migrated, t.Rejected, t.Failed, t.FirstHandovers = t.Migrated+d.Migrated, t.Rejected+d.Rejected, t.Failed+d.Failed, t.FirstHandovers+d.FirstHandovers
		}
		sum += t.FirstHandovers
		c.moved = append(c.moved, plotter.XY{X: float64(len(c.moved)), Y: float64(sum)})
		c.migrated = append(c.migrated, float64(t.Migrated))
		c.rejected = append(c.rejected, float64(t.Rejected))
		c.failed = append(c.failed, float64(t.Failed))
	}
	return c, nil
}

func (c course) plotMoved(colors palette) (*plot.Plot, error) {
	p := newPlot("Users moved in all", colors, c.first, len(c.moved), c.step)
	line, points, err := plotter.NewLinePoints(c.moved)
	if err != nil {
		return nil, err
	}
	line.Color, line.Width, line.StepStyle = colors.moved, vg.Points(2), plotter.NoStep
	points.Color, points.Shape, points.Radius = colors.moved, draw.CircleGlyph{}, vg.Points(2.5)
	p.Add(line)
	if len(c.moved) <= 45 {
		p.Add(points) // more would run into one another
	}
	return p, nil
}

func (c course) plotAttempts(colors palette) (*plot.Plot, error) {
	p := newPlot("Attempts recorded a "+c.period, colors, c.first, len(c.moved), c.step)
	width := max(vg.Points(1), min(vg.Points(40), (pictureWidth-2.5*vg.Centimeter)/font.Length(len(c.moved)+1)*0.8))
	var under *plotter.BarChart
	for _, kind := range []struct {
		name   string
		values plotter.Values
		color  color.Color
	}{{"migrated", c.migrated, colors.moved}, {"rejected", c.rejected, colors.rejected}, {"failed", c.failed, colors.failed}} {
		bars, err := plotter.NewBarChart(kind.values, width)
		if err != nil {
			return nil, err
		}
		bars.Color, bars.LineStyle.Width = kind.color, 0
		if under != nil {
			bars.StackOn(under)
		}
		under = bars
		p.Add(bars)
		p.Legend.Add(kind.name+"  ", bars) // fonts differ in width
	}
	return p, nil
}

func newPlot(title string, colors palette, first time.Time, places, step int) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.Transparent
	p.Title.Text = title
	p.Title.TextStyle.Color, p.Title.Padding = colors.text, vg.Points(4)
	p.Title.TextStyle.Font = sans(12)
	p.Y.Min, p.Y.Tick.Marker = 0, wholeTicks{}
	p.X.Min, p.X.Max = -0.6, float64(places)-0.4
	p.X.Tick.Marker = dayTicks{first: first, places: places, step: step}
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Color, axis.Tick.Color, axis.Tick.Label.Color = colors.line, colors.line, colors.text
		axis.Tick.Label.Font = sans(11)
	}
	p.Legend.Top, p.Legend.TextStyle.Color, p.Legend.Padding = true, colors.text, vg.Points(3)
	p.Legend.TextStyle.Font = sans(11)
	grid := plotter.NewGrid()
	grid.Vertical.Width = 0
	grid.Horizontal.Color = colors.line
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
		if tick.Value == float64(int(tick.Value)) {
			if tick.Label != "" {
				tick.Label = fmt.Sprint(int(tick.Value))
			}
			ticks = append(ticks, tick)
		}
	}
	return ticks
}

// dayTicks names at most eight days.
type dayTicks struct {
	first        time.Time
	places, step int // how many there are, and how many days apart
}

func (t dayTicks) Ticks(float64, float64) []plot.Tick {
	layout, every := "2 Jan", (t.places+7)/8
	if t.places*t.step > 300 {
		layout = "Jan 2006"
	}
	var ticks []plot.Tick
	for i := 0; i < t.places; i += every {
		ticks = append(ticks, plot.Tick{Value: float64(i), Label: t.first.AddDate(0, 0, i*t.step).Format(layout)})
	}
	return ticks
}
