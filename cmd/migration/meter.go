package main

import (
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

// meter shows on stderr how far something long is: as a bar if a person looks on, else as a line now and then.
type meter struct {
	out   *output
	what  string
	total int
	bar   *progressbar.ProgressBar
	said  time.Time
}

// pause is how long a meter without a bar keeps silent between two lines.
const pause = 10 * time.Second

// meter starts a meter of what, which may come to a total; -1 if nobody knows.
func (o *output) meter(what string, total int) *meter {
	m := &meter{out: o, what: what, total: total}
	if o.watched {
		m.bar = progressbar.NewOptions(total,
			progressbar.OptionSetDescription(what), progressbar.OptionSetWriter(o.stderr), progressbar.OptionShowCount(),
			progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(false), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionClearOnFinish(), progressbar.OptionSetRenderBlankState(true))
	}
	return m
}

// set says how far it is, while it goes on.
func (m *meter) set(n int) {
	if m.bar != nil {
		_ = m.bar.Set(n)
		return
	}
	if time.Since(m.said) < pause {
		return
	}
	m.said = time.Now()
	of := ""
	if m.total >= 0 {
		of = " of " + message.NewPrinter(language.English).Sprint(m.total)
	}
	m.out.sayf("%s: %v%s so far", m.what, n, of)
}

// end takes the bar away.
func (m *meter) end() {
	if m.bar != nil {
		_ = m.bar.Finish()
	}
}
