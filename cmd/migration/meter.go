package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// meter shows on stderr how far a long task is: as a bar on a terminal, else as a line now and then.
type meter struct {
	out   *output
	what  string
	total int
	bar   *progressbar.ProgressBar
	said  time.Time
}

// pause is how long a meter without a bar keeps silent between two lines.
const pause = 10 * time.Second

// meter starts a meter of what, up to a total; -1 if the total is unknown.
func (o *output) meter(what string, total int) *meter {
	m := &meter{out: o, what: what, total: total}
	if o.watched {
		m.bar = progressbar.NewOptions(total,
			progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(o.stderr), progressbar.OptionSetWidth(30),
			progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(true), progressbar.OptionClearOnFinish(),
			progressbar.OptionSetRenderBlankState(true))
	}
	return m
}

// set shows how far the task is.
func (m *meter) set(n int) {
	count := message.NewPrinter(language.English)
	so := m.what + ": " + count.Sprint(n)
	if m.total >= 0 {
		so += " of " + count.Sprint(m.total)
	}
	switch {
	case m.bar != nil:
		m.bar.Describe(so)
		_ = m.bar.Set(n)
	case time.Since(m.said) > pause:
		m.said = time.Now()
		m.out.sayf("%s so far", so)
	}
}

// end removes the bar.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}
