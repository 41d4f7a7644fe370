package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/gatehouse-proxy/gatehouse/e2e"
)

// cargo is what an Envoy loads.
type cargo struct {
	title   string
	plugins []e2e.Plugin
}

// loadCost is what Envoy has used when it is ready.
type loadCost struct {
	cpu, wall time.Duration
	rss       int // KiB
}

type loadRow struct {
	title   string
	workers int
	costs   []loadCost // beyond a bare Envoy of the same round
}

// cargoes are each filter's module alone, all modules side by side, and the
// bundle with every filter in it mounted.
func cargoes() ([]cargo, error) {
	var alone, bundled []e2e.Plugin
	var list []cargo
	filters, err := filepath.Glob(filepath.Join(e2e.Root(), "filters", "*", "schema.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range filters {
		name := filepath.Base(filepath.Dir(path))
		config, err := sampleConfig(name)
		if err != nil {
			return nil, err
		}
		own := e2e.Plugin{Filter: name, Config: config, Env: placeholders(config), VM: "gatehouse." + name}
		alone = append(alone, own)
		list = append(list, cargo{name + ".wasm", []e2e.Plugin{own}})
		own.Module, own.VM = "gatehouse", "gatehouse"
		bundled = append(bundled, own)
	}
	if len(alone) > 1 {
		list = append(list, cargo{"all of them, side by side", alone})
	}
	return append(list, cargo{"gatehouse.wasm, every filter mounted", bundled}), nil
}

// sampleConfig is the configuration of the shipped sample.
func sampleConfig(filter string) (string, error) {
	path := filepath.Join(e2e.Root(), "envoy", filter, "envoy.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	var sample any
	if err := yaml.Unmarshal(text, &sample); err != nil {
		return "", err
	}
	if config, ok := mountedConfig(sample, filter); ok {
		return config, nil
	}
	return "", fmt.Errorf("%s mounts no %s", path, filter)
}

// mountedConfig finds the StringValue beside a root_id.
func mountedConfig(node any, rootID string) (config string, ok bool) {
	switch n := node.(type) {
	case []any:
		for _, child := range n {
			if config, ok = mountedConfig(child, rootID); ok {
				return config, true
			}
		}
	case map[string]any:
		if value, is := n["configuration"].(map[string]any); is && n["root_id"] == rootID {
			config, ok = value["value"].(string)
			return config, ok
		}
		for _, child := range n {
			if config, ok = mountedConfig(child, rootID); ok {
				return config, true
			}
		}
	}
	return "", false
}

var fromEnvironment = regexp.MustCompile(`"env"\s*:\s*"(\w+)"`)

// placeholders stand for the secrets that a configuration takes from the
// environment.
func placeholders(config string) map[string]string {
	env := map[string]string{}
	for _, m := range fromEnvironment.FindAllStringSubmatch(config, -1) {
		env[m[1]] = "placeholder-for-the-benchmark"
	}
	return env
}

func measureLoading(ctx context.Context, p plan, dir string) ([]loadRow, error) {
	list, err := cargoes()
	if err != nil {
		return nil, err
	}
	var rows []loadRow
	for _, workers := range p.workers {
		at := len(rows)
		for _, c := range list {
			rows = append(rows, loadRow{title: c.title, workers: workers})
		}
		for i := range p.loads {
			fmt.Fprintf(os.Stderr, "bench: loading with %d workers, round %d of %d\n", workers, i+1, p.loads)
			bare, err := loadOnce(ctx, dir, workers, nil)
			if err != nil {
				return nil, err
			}
			for j, c := range list {
				cost, err := loadOnce(ctx, dir, workers, c.plugins)
				if err != nil {
					return nil, fmt.Errorf("%s: %w", c.title, err)
				}
				row := &rows[at+j]
				row.costs = append(row.costs, loadCost{cost.cpu - bare.cpu, cost.wall - bare.wall, cost.rss - bare.rss})
			}
		}
	}
	return rows, nil
}

func loadOnce(ctx context.Context, dir string, workers int, plugins []e2e.Plugin) (cost loadCost, err error) {
	c := chain{name: "load", filter: plugins}
	boot := e2e.Bootstrap{Dir: dir, Listeners: []e2e.Listener{c.listener()}}
	config, err := boot.JSON()
	if err != nil {
		return cost, err
	}
	began := time.Now()
	envoy, err := e2e.Start(ctx, e2e.Options{Bootstrap: config, Dir: dir, Concurrency: workers})
	if err != nil {
		return cost, err
	}
	cost.wall = time.Since(began)
	cost.cpu, err = envoy.CPU()
	rss, errRSS := residentSet(envoy.PID())
	cost.rss = rss
	return cost, first(err, errRSS, envoy.Stop())
}

// residentSet is the memory of a process in KiB (proc(5), VmRSS).
func residentSet(pid int) (int, error) {
	path := fmt.Sprintf("/proc/%d/status", pid)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			return strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	return 0, fmt.Errorf("%s has no VmRSS", path)
}
