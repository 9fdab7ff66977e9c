package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// The page shows without scrolling how many have moved of how many, who is blocked by what, today's failures and the time of the
// data: wide and narrow, light and dark, in a real browser.
func TestPage(t *testing.T) {
	t.Parallel()
	browser := findBrowser(t)
	stack := deploy(t, nil)
	mixed(t, stack)
	html := query[string](t, stack, "report", `{"view":"html"}`)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true))
	allocator, cancel := chromedp.NewExecAllocator(t.Context(), options...)
	defer cancel()
	for _, size := range []struct{ width, height int64 }{{1280, 800}, {390, 844}} {
		for scheme, background := range map[string]string{"light": "rgb(255, 255, 255)", "dark": "rgb(15, 27, 42)"} {
			t.Run(fmt.Sprintf("%dx%d, %s", size.width, size.height, scheme), func(t *testing.T) {
				tab, cancel := chromedp.NewContext(allocator)
				defer cancel()
				tab, cancelTimeout := context.WithTimeout(tab, time.Minute)
				defer cancelTimeout()
				var text, color string
				var visible, shown []string
				var wide bool
				var picture []byte
				err := chromedp.Run(tab,
					chromedp.EmulateViewport(size.width, size.height),
					emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
					chromedp.Navigate("file://"+file),
					// What lies wholly inside the window, without scrolling.
					chromedp.Evaluate(`[...document.querySelectorAll("h1, h2, .quiet, tr")].filter(e => {
						const r = e.getBoundingClientRect()
						return r.top >= 0 && r.bottom <= innerHeight && r.left >= 0 && r.right <= innerWidth
					}).map(e => e.innerText)`, &visible),
					chromedp.Evaluate(`getComputedStyle(document.querySelector("main")).backgroundColor`, &color),
					chromedp.Evaluate(`[...document.querySelectorAll("figure")].filter(e => e.offsetParent).map(e => e.className)`, &shown),
					chromedp.Evaluate(`document.documentElement.scrollWidth > innerWidth`, &wide),
					chromedp.Text("main", &text),
					chromedp.CaptureScreenshot(&picture),
				)
				if err != nil {
					t.Fatal(err)
				}
				all := strings.Join(visible, "\n")
				for _, want := range []string{
					"2 of 5 users who came have moved", "as of 20", "Blocked: 2", "challenge SMS_MFA", "disabled", "Failures today: 0",
				} {
					if !strings.Contains(all, want) {
						t.Errorf("%q is not to be seen without scrolling:\n%s", want, all)
					}
				}
				if color != background {
					t.Errorf("the background is %s, want %s", color, background)
				}
				if len(shown) != 1 || shown[0] != scheme {
					t.Errorf("the pictures shown are %v, want the %s one", shown, scheme)
				}
				if wide {
					t.Error("the page is wider than the window")
				}
				keepScreenshot(t, fmt.Sprintf("report-%d-%s.png", size.width, scheme), picture)
			})
		}
	}
}

// keepScreenshot leaves a picture for a person to look at.
func keepScreenshot(t *testing.T, name string, picture []byte) {
	t.Helper()
	path := filepath.Join("..", "build", "screenshots", name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, picture, 0o600); err != nil {
		t.Fatal(err)
	}
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
