package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Memory is in bytes.
type Memory float64

func (m Memory) String() string { return fmt.Sprintf("%.0f MB", float64(m)/1e6) }

// PeakMemory is the most that a process of a function, of those that run, has ever held in memory.
func PeakMemory(function string) (peak Memory, err error) {
	root, err := Root()
	if err != nil {
		return 0, err
	}
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		return 0, err
	}
	for _, link := range links {
		if exe, err := os.Readlink(link); err != nil || exe != filepath.Join(root, "build", "host", function, "bootstrap") {
			continue
		}
		status, err := os.ReadFile(filepath.Join(filepath.Dir(link), "status"))
		if err != nil {
			continue // it has ended
		}
		_, after, _ := strings.Cut(string(status), "VmHWM:")
		var kilobytes float64
		if _, err := fmt.Sscan(after, &kilobytes); err == nil {
			peak = max(peak, Memory(kilobytes*1024))
		}
	}
	if peak == 0 {
		return 0, fmt.Errorf("no process of the function %s runs", function)
	}
	return peak, nil
}
