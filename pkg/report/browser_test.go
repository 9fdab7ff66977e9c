package report_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/cognito-user-migration/cognito-user-migration/pkg/ledger"
	"github.com/cognito-user-migration/cognito-user-migration/pkg/report"
)

// look is a way to look at a page.
type look struct {
	name          string
	width, height int64
	media         string
	features      map[string]string
	rare          bool // for some pages only
}

var looks = []look{
	{"wide-light", 1280, 800, "screen", map[string]string{"prefers-color-scheme": "light"}, false},
	{"wide-dark", 1280, 800, "screen", map[string]string{"prefers-color-scheme": "dark"}, false},
	{"narrow-light", 390, 844, "screen", map[string]string{"prefers-color-scheme": "light"}, false},
	{"narrow-dark", 390, 844, "screen", map[string]string{"prefers-color-scheme": "dark"}, false},
	{"print", 800, 1100, "print", map[string]string{"prefers-color-scheme": "dark"}, true},
	{"forced-colors", 1280, 800, "screen", map[string]string{"forced-colors": "active", "prefers-color-scheme": "dark"}, true},
}

// seen is what a browser shows of a page.
type seen struct {
	Background string   `json:"background"`
	First      []string `json:"first"`    // texts that lie wholly inside the window, without scrolling
	Overflow   []string `json:"overflow"` // elements that reach beyond the window
	Clipped    []string `json:"clipped"`  // texts of pictures that reach beyond their picture
	Pictures   []string `json:"pictures"` // the kinds of pictures that are shown
	Loaded     int      `json:"loaded"`   // what the page has loaded
}

const lookAround = `(() => {
	const shown = e => e.getClientRects().length > 0
	const inside = (e, r, box) => r.left >= box.left - 1 && r.right <= box.right + 1 && r.top >= box.top - 1 && r.bottom <= box.bottom + 1
	const all = [...document.querySelectorAll("main *")].filter(shown)
	const name = e => e.tagName + " " + e.textContent.trim().slice(0, 40)
	return {
		background: getComputedStyle(document.querySelector("main")).backgroundColor,
		first: [...document.querySelectorAll("h1, h2, p, dd, li, tr")].filter(shown)
			.filter(e => inside(e, e.getBoundingClientRect(), {left: 0, top: 0, right: innerWidth, bottom: innerHeight})).map(e => e.innerText),
		overflow: all.filter(e => !e.closest("svg") && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).map(name),
		clipped: all.filter(e => e.tagName == "text")
			.filter(e => !inside(e, e.getBoundingClientRect(), e.closest("svg").getBoundingClientRect())).map(name),
		pictures: [...document.querySelectorAll("figure > div")].filter(shown).map(e => e.className),
		loaded: performance.getEntriesByType("resource").length,
	}
})()`

// Every state is to be read in a real browser: wide and narrow, light and dark, printed, and in the colors that a user forces. Nothing
// reaches beyond the window, nothing of a picture is cut off, and the verdict and the standing are seen without scrolling.
func TestPageInABrowser(t *testing.T) {
	t.Parallel()
	allocator := startBrowser(t)
	for name, e := range examples() {
		r := e.report(t)
		html, err := report.Page(r, report.Auto)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "page.html")
		if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, l := range looks {
			if l.rare && name != "a million users" && name != "much is wrong" {
				continue
			}
			t.Run(name+", "+l.name, func(t *testing.T) {
				s := l.at(t, allocator, "file://"+file, strings.ReplaceAll(name, " ", "-")+"-"+l.name)
				l.check(t, s, string(r.Readiness.Verdict), len(r.Days) > 0)
			})
		}
	}
}

func (l look) check(t *testing.T, s seen, verdict string, drawn bool) {
	t.Helper()
	first := strings.Join(s.First, "\n")
	for _, want := range []string{verdict, ledger.Day(today), "left"} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is not to be seen without scrolling:\n%s", want, first)
		}
	}
	if len(s.Overflow) > 0 || len(s.Clipped) > 0 {
		t.Errorf("beyond the window: %q; beyond its picture: %q", s.Overflow, s.Clipped)
	}
	want := map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(15, 27, 42)"}[l.features["prefers-color-scheme"]]
	if l.media == "print" {
		want = "rgb(255, 255, 255)"
	}
	if l.features["forced-colors"] == "" && s.Background != want {
		t.Errorf("the background is %s, want %s", s.Background, want)
	}
	size := "wide"
	if l.width < 700 {
		size = "narrow"
	}
	if pictures := strings.Join(s.Pictures, " "); drawn && pictures != size+" "+size || !drawn && pictures != "" {
		t.Errorf("the pictures shown are %q, want %s ones: %t", pictures, size, drawn)
	}
	if s.Loaded != 0 {
		t.Errorf("the page loads %d things", s.Loaded)
	}
}

// A widget fits into its place on a dashboard, in the dashboard's theme.
func TestWidgetInABrowser(t *testing.T) {
	t.Parallel()
	allocator := startBrowser(t)
	for _, name := range []string{"not ready", "ready", "before a census", "much is wrong"} {
		for _, theme := range []report.Theme{report.Light, report.Dark} {
			html, err := report.Widget(examples()[name].report(t), theme)
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "widget.html")
			if err := os.WriteFile(file, []byte("<!doctype html><body>"+html), 0o600); err != nil {
				t.Fatal(err)
			}
			t.Run(name+", "+string(theme), func(t *testing.T) {
				l := look{width: 588, height: 580, media: "screen"}
				s := l.at(t, allocator, "file://"+file, strings.ReplaceAll(name, " ", "-")+"-widget-"+string(theme))
				first := strings.Join(s.First, "\n")
				for _, want := range []string{"READY", "left"} {
					if name != "before a census" && !strings.Contains(first, want) {
						t.Errorf("%q is not to be seen without scrolling:\n%s", want, first)
					}
				}
				if len(s.Overflow) > 0 {
					t.Errorf("beyond the widget: %q", s.Overflow)
				}
			})
		}
	}
}

// at looks at a page, and keeps a picture of all of it for people.
func (l look) at(t *testing.T, allocator context.Context, address, name string) seen {
	t.Helper()
	tab, cancel := chromedp.NewContext(allocator)
	defer cancel()
	tab, cancelTimeout := context.WithTimeout(tab, time.Minute)
	defer cancelTimeout()
	media := emulation.SetEmulatedMedia().WithMedia(l.media)
	for name, value := range l.features {
		media.Features = append(media.Features, &emulation.MediaFeature{Name: name, Value: value})
	}
	var s seen
	var picture []byte
	err := chromedp.Run(tab, chromedp.EmulateViewport(l.width, l.height), media, chromedp.Navigate(address),
		chromedp.Evaluate(lookAround, &s), chromedp.FullScreenshot(&picture, 100))
	if err != nil {
		t.Fatal(err)
	}
	keepScreenshot(t, "report-"+name+".png", picture)
	return s
}

// keepScreenshot leaves a picture for a person to look at.
func keepScreenshot(t *testing.T, name string, picture []byte) {
	t.Helper()
	path := filepath.Join("..", "..", "build", "screenshots", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		t.Fatal(err)
	}
}

func startBrowser(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(findBrowser(t)), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancel)
	browser, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	if err := chromedp.Run(browser); err != nil {
		t.Fatal(err)
	}
	return browser
}

func findBrowser(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI needs a browser: apt-get install chromium")
	}
	t.Skip("no browser is found, so nobody has looked at the page: install chromium to have this test")
	return ""
}
