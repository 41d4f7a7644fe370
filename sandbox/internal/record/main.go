// Command record asks real Lua engines what the programs under
// sandbox/testdata/oracle print, and writes their answers beside them. Run by
// hand, from the root of the repository, after a program was added:
//
//	go run ./sandbox/internal/record            # hand-written packs
//	go run ./sandbox/internal/record -generated # the generated programs as well
//	go run ./sandbox/internal/record -show 17   # print generated program 17
//
// It needs lua5.1 and luajit on the PATH (Debian: apt-get install lua5.1
// luajit). Cases on which the engines disagree and that
// testdata/differences.txt does not list are printed at the end, and the exit
// status is 1: find out why, then list them with the reason.
package main

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"sync"
	"time"

	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/gen"
	"github.com/gatehouse-proxy/gatehouse/sandbox/internal/oracle"
)

//go:embed driver.lua
var driver []byte

func main() {
	generated := flag.Bool("generated", false, "record the generated programs as well")
	programs := flag.Int("programs", 3000, "how many programs to generate")
	show := flag.Int64("show", 0, "print the generated program of this seed and end")
	jit := flag.Bool("jit", false, "with -show: the program with LuaJIT's extensions")
	dir := flag.String("dir", "sandbox/testdata", "the test data")
	flag.Parse()
	if *show != 0 {
		if *jit {
			fmt.Print(gen.JIT(uint64(*show)))
		} else {
			fmt.Print(gen.Program(uint64(*show)))
		}
		return
	}
	if err := run(*dir, *generated, *programs); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

func run(dir string, generated bool, programs int) error {
	for _, e := range []string{oracle.Lua51, oracle.LuaJIT} {
		if _, err := exec.LookPath(e); err != nil {
			return fmt.Errorf("%s is not there; on Debian: apt-get install lua5.1 luajit", e)
		}
	}
	tmp, err := os.MkdirTemp("", "record")
	if err != nil {
		return err
	}
	//nolint:errcheck // a temporary folder
	defer os.RemoveAll(tmp)
	r := &recorder{tmp: tmp, driver: filepath.Join(tmp, "driver.lua")}
	if err := os.WriteFile(r.driver, driver, 0o600); err != nil {
		return err
	}
	listed, err := oracle.Differences(filepath.Join(dir, "differences.txt"))
	if err != nil {
		return err
	}
	packs, err := oracle.Packs(filepath.Join(dir, "oracle"))
	if err != nil {
		return err
	}
	var unlisted []string
	stale := map[string]bool{}
	for id, d := range listed {
		stale[id] = d.Counts != oracle.Own
	}
	total := 0
	for _, path := range packs {
		p, err := oracle.ReadPack(path)
		if err != nil {
			return err
		}
		total += len(p.Cases)
		if len(p.Engines) == 0 {
			continue
		}
		outs, err := r.all(p.Cases, p.Engines)
		if err != nil {
			return err
		}
		for _, c := range p.Cases {
			if outs[c.Name].One {
				continue
			}
			stale[c.ID()] = false
			if listed[c.ID()].Reason == "" {
				unlisted = append(unlisted, fmt.Sprintf("%s\n\tlua5.1: %s\tluajit: %s", c.ID(), outs[c.Name].Lua51, outs[c.Name].JIT))
			}
		}
		if err := oracle.WriteOut(oracle.OutPath(path), p.Cases, outs); err != nil {
			return err
		}
	}
	fmt.Printf("%d hand-written programs in %d packs\n", total, len(packs))
	if generated {
		both := []string{oracle.Lua51, oracle.LuaJIT}
		if err := r.generated(filepath.Join(dir, "oracle", "generated.out"), programs, gen.Program, both); err != nil {
			return err
		}
		if err := r.generated(filepath.Join(dir, "oracle", "generated-luajit.out"), programs/3, gen.JIT, both[1:]); err != nil {
			return err
		}
	}
	for _, u := range unlisted {
		fmt.Println(u)
	}
	var gone []string
	for id, s := range stale {
		if s {
			gone = append(gone, id)
		}
	}
	sort.Strings(gone)
	for _, id := range gone {
		fmt.Println("listed, but the engines agree or the case is gone:", id)
	}
	if len(unlisted)+len(gone) > 0 {
		return fmt.Errorf("differences.txt: %d cases to list, %d to remove", len(unlisted), len(gone))
	}
	return nil
}

type recorder struct{ tmp, driver string }

// all asks the engines for every case, two at a time.
func (r *recorder) all(cases []oracle.Case, engines []string) (map[string]oracle.Output, error) {
	outs := map[string]oracle.Output{}
	var (
		mu   sync.Mutex
		wg   sync.WaitGroup
		errs error
	)
	work := make(chan oracle.Case)
	for w := range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			file := filepath.Join(r.tmp, "case"+strconv.Itoa(w)+".lua")
			for c := range work {
				o, err := r.one(file, c, engines)
				mu.Lock()
				errs = errors.Join(errs, err)
				outs[c.Name] = o
				mu.Unlock()
			}
		}()
	}
	for _, c := range cases {
		work <- c
	}
	close(work)
	wg.Wait()
	return outs, errs
}

func (r *recorder) one(file string, c oracle.Case, engines []string) (oracle.Output, error) {
	if err := os.WriteFile(file, []byte(c.Source), 0o600); err != nil {
		return oracle.Output{}, err
	}
	got := make([]string, len(engines))
	for i, e := range engines {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		args := []string{r.driver, file}
		if e == oracle.LuaJIT {
			// Its compiler has faults of its own: after some turns of a loop
			// ("a"):sub(-7, -6) is "a" in Debian's.
			args = append([]string{"-joff"}, args...)
		}
		cmd := exec.CommandContext(ctx, e, args...)
		cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		var out, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &stderr
		err := cmd.Run()
		cancel()
		if err != nil {
			return oracle.Output{}, fmt.Errorf("%s: %s: %w: %s", c.ID(), e, err, stderr.Bytes())
		}
		got[i] = oracle.Escape(out.String())
	}
	if len(got) == 1 || got[0] == got[1] {
		return oracle.Output{One: true, Text: got[0]}, nil
	}
	return oracle.Output{Lua51: got[0], JIT: got[1]}, nil
}

// generated records programs 1..n of a generator. The entry's name carries a hash of the
// source: a generator that changed makes the test say so instead of comparing
// apples with pears. Programs on which the engines disagree are left out.
func (r *recorder) generated(path string, n int, program func(uint64) string, engines []string) error {
	var cases []oracle.Case
	for i := 1; i <= n; i++ {
		src := program(uint64(i))
		h := fnv.New32a()
		h.Write([]byte(src))
		cases = append(cases, oracle.Case{
			Pack: "generated", Name: fmt.Sprintf("%d %08x", i, h.Sum32()), Source: src,
		})
	}
	outs, err := r.all(cases, engines)
	if err != nil {
		return err
	}
	var kept []oracle.Case
	for _, c := range cases {
		if outs[c.Name].One {
			kept = append(kept, c)
		} else {
			fmt.Printf("generated %s: the engines differ, left out\n", c.Name)
		}
	}
	fmt.Printf("%d generated programs, %d left out\n", len(kept), len(cases)-len(kept))
	return oracle.WriteOut(path, kept, outs)
}
