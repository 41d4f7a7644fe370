package e2e

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// demo is a running demo and the lines it has printed.
type demo struct {
	cmd   *exec.Cmd
	lines chan string // closed when the demo's output ends
	port  string
}

// startDemo starts a command in a process group of its own, as a shell does,
// and collects its output up to the line "Requests:".
func startDemo(t *testing.T, name string, args ...string) (*demo, []string) {
	t.Helper()
	_, port, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	d := &demo{cmd: exec.Command(name, args...), lines: make(chan string, 1000), port: port}
	d.cmd.Dir = Root()
	d.cmd.Env = append(os.Environ(), "PORT="+port, "MAKEFLAGS=", "TMPDIR="+t.TempDir())
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var stderr bytes.Buffer
	d.cmd.Stderr = &stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		//nolint:errcheck // it has ended already unless the test has failed
		syscall.Kill(-d.cmd.Process.Pid, syscall.SIGKILL)
	})
	go func() {
		defer close(d.lines)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	var intro []string
	for line := range d.lines {
		if line == "Requests:" {
			return d, intro
		}
		intro = append(intro, line)
	}
	err = d.cmd.Wait() // all of its last words are there then
	t.Fatalf("the demo ended before it was up: %v\n%s\n%s", err, strings.Join(intro, "\n"), stderr.String())
	return nil, nil
}

// descendants returns the processes below pid that run one of our programs.
func descendants(t *testing.T, pid int) []int {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || files == nil {
		t.Fatalf("reading /proc: %v", err)
	}
	parent := map[int]int{}
	for _, f := range files {
		stat, err := os.ReadFile(f)
		if err != nil {
			continue // it has ended meanwhile
		}
		// proc(5): "pid (comm) state ppid ...", where comm may hold anything.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		child, err1 := strconv.Atoi(filepath.Base(filepath.Dir(f)))
		ppid, err2 := strconv.Atoi(fields[1])
		if err1 != nil || err2 != nil {
			t.Fatalf("%s: %v %v", f, err1, err2)
		}
		parent[child] = ppid
	}
	var found []int
	for child := range parent {
		for p := parent[child]; p > 1; p = parent[p] {
			if p == pid {
				found = append(found, child)
				break
			}
		}
	}
	return found
}

var promise = regexp.MustCompile(`^  -> (\d+) with (?:an (empty) body|(.*) in the body)$`)

// variable is a token that the curls below it use.
var variable = regexp.MustCompile(`^  [A-Z]+='[^']*'$`)

// TestDemoKeepsItsPromises starts the demo as a newcomer does, runs each curl
// that it prints, and presses Ctrl-C.
func TestDemoKeepsItsPromises(t *testing.T) {
	t.Parallel()
	keepsPromises(t, 3)
}

// The same curls, before a store that nobody of ours has written.
func TestDemoKeepsItsPromisesBeforeMinIO(t *testing.T) {
	t.Parallel()
	keepsPromises(t, 4, "S3=minio")
}

// keepsPromises wants a demo of at least some processes.
func keepsPromises(t *testing.T, processes int, variables ...string) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Fatal("curl is missing: install it, for instance by apt-get install curl")
	}
	d, intro := startDemo(t, "make", append([]string{"-s", "run"}, variables...)...)

	curls, tokens := 0, ""
	for i, line := range intro {
		if variable.MatchString(line) {
			tokens += strings.TrimSpace(line) + "\n"
		}
		curl, ok := strings.CutPrefix(line, "  curl ")
		if !ok {
			continue
		}
		curls++
		want := promise.FindStringSubmatch(intro[i+1])
		if want == nil {
			t.Fatalf("no promise after %q but %q", line, intro[i+1])
		}
		out, err := exec.Command("sh", "-c", tokens+"curl -s "+curl).Output()
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		head, body, _ := strings.Cut(string(out), "\r\n\r\n")
		if !strings.HasPrefix(head, "HTTP/1.1 "+want[1]+" ") {
			t.Errorf("%s\n%s\ngot %s", line, intro[i+1], head)
		}
		if want[2] == "empty" && body != "" || want[2] != "empty" && !strings.Contains(body, want[3]) {
			t.Errorf("%s\n%s\ngot the body %q", line, intro[i+1], body)
		}
		log, open := <-d.lines
		if !open || !strings.Contains(log, "-> "+want[1]) || !regexp.MustCompile(`verdict: [a-z_]+ `).MatchString(log) {
			t.Errorf("%s: logged as %q", line, log)
		}
	}
	if curls < 4+7 {
		t.Errorf("%d curls printed, want at least the tutorial's four and those of the S3 store", curls)
	}

	below := descendants(t, d.cmd.Process.Pid)
	if len(below) < processes {
		t.Fatalf("%d processes below make, want at least demo, Envoy, auth service and what else serves: %d", len(below), processes)
	}
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	stopped := false
	for line := range d.lines {
		stopped = stopped || strings.HasPrefix(line, "stopping")
	}
	if !stopped {
		t.Error("Ctrl-C: no word about stopping")
	}
	for _, pid := range append(below, d.cmd.Process.Pid) {
		if pid == d.cmd.Process.Pid {
			//nolint:errcheck // make reports the interrupt by its status, which is its affair
			d.cmd.Wait()
		}
		awaitGone(t, pid)
	}
}

// buildDemo compiles what make run compiles.
func buildDemo(t *testing.T) (path string, args []string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", dir, "./cmd/demo", "./cmd/authservice")
	cmd.Dir = Root()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "demo"), []string{"-authservice", filepath.Join(dir, "authservice")}
}

func TestDemoEndsWithItsChildren(t *testing.T) {
	t.Parallel()
	path, args := buildDemo(t)
	for name, sig := range map[string]syscall.Signal{
		"asked by SIGTERM":           syscall.SIGTERM,
		"when its terminal closes":   syscall.SIGHUP,
		"killed without a last word": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			d, _ := startDemo(t, path, args...)
			below := descendants(t, d.cmd.Process.Pid)
			if len(below) != 2 {
				t.Fatalf("%d processes below the demo, want Envoy and auth service", len(below))
			}
			if err := d.cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			err := d.cmd.Wait()
			if sig != syscall.SIGKILL && err != nil {
				t.Errorf("the demo ended with %v", err)
			}
			for _, pid := range below {
				awaitGone(t, pid)
			}
		})
	}
}

func TestDemoSaysWhatToDo(t *testing.T) {
	t.Parallel()
	path, args := buildDemo(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { taken.Close() })
	_, takenPort, err := net.SplitHostPort(taken.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, freePort, err := net.SplitHostPort(freeAddr(t))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		env  []string
		args []string
		want string
	}{
		"a taken port":              {[]string{"PORT=" + takenPort}, args, "PORT="},
		"a port that is no number":  {[]string{"PORT=http"}, args, "PORT=10000"},
		"a store that is not known": {[]string{"PORT=" + freePort, "S3=aws"}, args, "S3=minio"},
		"a MinIO that is not there": {[]string{"PORT=" + freePort, "S3=minio", "MINIO=/no/such/minio"}, args, "run build/minio"},
		"an Envoy that is not there": {[]string{"PORT=" + freePort, "ENVOY=/no/such/envoy"}, args,
			"unset it to have Envoy installed"},
		"an auth service that is not there": {[]string{"PORT=" + freePort}, []string{"-authservice", "/no/such/file"}, "auth service"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(path, test.args...)
			cmd.Dir = Root()
			temp := t.TempDir()
			cmd.Env = append(append(os.Environ(), "TMPDIR="+temp), test.env...)
			var stderr strings.Builder
			cmd.Stdout, cmd.Stderr = io.Discard, &stderr
			if err := cmd.Run(); err == nil {
				t.Fatal("the demo ended without an error")
			}
			said := strings.TrimSpace(stderr.String())
			if strings.Contains(said, "\n") || !strings.Contains(said, test.want) {
				t.Errorf("want one line with %q, got:\n%s", test.want, said)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v %v", left, err)
			}
		})
	}
}
