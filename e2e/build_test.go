package e2e

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// run runs a command in a folder and returns what it says.
func run(t *testing.T, dir string, env []string, name string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "MAKEFLAGS="), env...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// copyTree copies the project as a commit of its present state would hold it.
func copyTree(t *testing.T) string {
	t.Helper()
	list, err := run(t, Root(), nil, "git", "ls-files", "--cached", "--others", "--exclude-standard")
	if err != nil {
		t.Fatalf("%v: %s", err, list)
	}
	dir := t.TempDir()
	for name := range strings.Lines(list) {
		name = strings.TrimSpace(name)
		data, err := os.ReadFile(filepath.Join(Root(), name))
		if os.IsNotExist(err) {
			continue // removed, not yet committed
		}
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(Root(), name))
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, data, info.Mode()); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBuildIsReproducible builds a module twice: here, and in another folder
// with an empty build cache and a user's own GOFLAGS.
func TestBuildIsReproducible(t *testing.T) {
	t.Parallel()
	elsewhere := copyTree(t)
	var modules [2][]byte
	for i, build := range []struct {
		dir string
		env []string
	}{
		{Root(), nil},
		{elsewhere, []string{"GOCACHE=" + t.TempDir(), "GOFLAGS=-buildvcs=true -ldflags=-X=main.x=1", "GOWORK=off", "LC_ALL=C", "TZ=Asia/Seoul"}},
	} {
		dist := t.TempDir()
		file := filepath.Join(dist, "gatehouse.wasm")
		if out, err := run(t, build.dir, build.env, "make", "-s", "DIST="+dist, "COMMIT=0123456789ab", file); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		var err error
		if modules[i], err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(modules[0], modules[1]) {
		t.Errorf("two builds of the same source differ (%d and %d bytes)", len(modules[0]), len(modules[1]))
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		size int
		want string // in the output
		ok   bool
	}{
		"the same size":          {1000, "+0.0 %", true},
		"growth within 2 %":      {1020, "+2.0 %", true},
		"growth over 2 %":        {1021, "one.wasm has grown by 2.1 %: if that is meant, run make accept-sizes", false},
		"a module that got less": {500, "-50.0 %", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			script, err := os.ReadFile(filepath.Join(Root(), "build", "sizes"))
			if err != nil {
				t.Fatal(err)
			}
			for file, data := range map[string][]byte{
				"build/sizes": script, "build/sizes.txt": []byte("one.wasm 1000\n"), "dist/one.wasm": make([]byte, test.size),
			} {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, data, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := run(t, dir, nil, "build/sizes", "dist")
			if (err == nil) != test.ok || !strings.Contains(out, test.want) {
				t.Errorf("got %v: %s", err, out)
			}
			if out, err := run(t, dir, nil, "build/sizes", "-accept", "dist"); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if out, err := run(t, dir, nil, "build/sizes", "dist"); err != nil {
				t.Errorf("after accepting: %v: %s", err, out)
			}
		})
	}
}

// TestEnvoyInstaller: which Envoy is taken, and what a newcomer is told.
func TestEnvoyInstaller(t *testing.T) {
	t.Parallel()
	binary, err := Binary()
	if err != nil {
		t.Fatal(err)
	}
	// fake makes a folder with programs that say fixed things.
	fake := func(t *testing.T, programs map[string]string) string {
		t.Helper()
		dir := t.TempDir()
		for name, says := range programs {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+says+"\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	const version = "echo 'envoy  version: 0123/1.%s.0/Clean/RELEASE/BoringSSL'"
	for name, test := range map[string]struct {
		programs map[string]string // put before PATH
		env      []string
		want     string // the path printed, or a part of the complaint; $FAKE is the folder of the programs
		ok       bool
	}{
		"$ENVOY is taken as it is":              {nil, []string{"ENVOY=" + binary}, binary, true},
		"$ENVOY that is not there":              {nil, []string{"ENVOY=/no/envoy"}, "unset it to have Envoy installed", false},
		"an Envoy on PATH that is new enough":   {map[string]string{"envoy": strings.ReplaceAll(version, "%s", "36")}, nil, "$FAKE/envoy", true},
		"an Envoy on PATH that is too old":      {map[string]string{"envoy": strings.ReplaceAll(version, "%s", "35"), "python3": "exit 1"}, nil, "python3 has no pip", false},
		"$ENVOY_VERSION comes before PATH":      {map[string]string{"envoy": strings.ReplaceAll(version, "%s", "36"), "python3": "exit 1"}, []string{"ENVOY_VERSION=1.40.0"}, "python3 has no pip", false},
		"a version without a pinned hash":       {nil, []string{"ENVOY_VERSION=1.30.0"}, "set ENVOY_VERSION to 1.36.2 or 1.40.0", false},
		"a download that fails":                 {map[string]string{"python3": `case "$*" in *download*) echo no network; exit 1;; esac`}, []string{"ENVOY_VERSION=1.40.0"}, "check the network", false},
		"a Python without pip and without venv": {map[string]string{"python3": "exit 1"}, []string{"ENVOY_VERSION=1.40.0"}, "apt-get install python3-pip", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			// A project of its own, so that nothing is installed yet.
			dir := t.TempDir()
			script, err := os.ReadFile(filepath.Join(Root(), "build", "envoy"))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "build"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "build", "envoy"), script, 0o755); err != nil {
				t.Fatal(err)
			}
			programs := fake(t, test.programs)
			env := append([]string{"ENVOY=", "ENVOY_VERSION=", "PATH=" + programs + ":" + os.Getenv("PATH")}, test.env...)
			out, err := run(t, dir, env, "build/envoy")
			if want := strings.ReplaceAll(test.want, "$FAKE", programs); (err == nil) != test.ok || test.ok && out != want || !strings.Contains(out, want) {
				t.Errorf("got %v: %s, want %s", err, out, want)
			}
		})
	}
}

// TestToolInstallers: what the tests say where MinIO or an SDK is missing, and
// what their installers say that cannot work.
func TestToolInstallers(t *testing.T) {
	t.Parallel()
	envoy, err := Binary() // any executable file
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		script  string
		args    []string
		minio   string
		program string // put before PATH, and fails
		want    string // the whole output, or its last line
		ok      bool
	}{
		"$MINIO is taken as it is":  {"minio", nil, envoy, "", envoy, true},
		"$MINIO that is not there":  {"minio", nil, "/no/minio", "", "minio: $MINIO is /no/minio, which is no executable file: unset it and run build/minio, or set it to the path of a MinIO", false},
		"no MinIO":                  {"minio", []string{"-n"}, "", "", "minio: no MinIO to test against: run build/minio (4 minutes, once), or set MINIO to the path of a binary", false},
		"a MinIO that is not built": {"minio", nil, "", "go", "minio: go could not compile MinIO (see above): check the network, or set MINIO to the path of a MinIO", false},
		"no boto3":                  {"boto3", []string{"-n"}, "", "", "boto3: no boto3 to test with: run build/boto3 (seconds, once)", false},
		"no aws-sdk-go-v2":          {"sdkclient", []string{"-n"}, "", "", "sdkclient: no aws-sdk-go-v2 to test with: run build/sdkclient (a minute, once)", false},
		"a client not compiled":     {"sdkclient", nil, "", "go", "sdkclient: go could not compile e2e/sdkclient (see above): check the network", false},
		"a Python without pip":      {"boto3", nil, "", "python3", "boto3: python3 has no pip to install boto3 with: run 'apt-get install python3-pip' as root (elsewhere: python3 -m ensurepip)", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir() // a project of its own, so that nothing is installed yet
			script, err := os.ReadFile(filepath.Join(Root(), "build", test.script))
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"build/" + test.script: string(script)}
			if test.program != "" {
				files["bin/"+test.program] = "#!/bin/sh\nexit 1\n"
			}
			for file, text := range files {
				path := filepath.Join(dir, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			out, err := run(t, dir, []string{"MINIO=" + test.minio, "PATH=" + filepath.Join(dir, "bin") + ":" + os.Getenv("PATH")}, filepath.Join("build", test.script), test.args...)
			if (err == nil) != test.ok || out[strings.LastIndexByte(out, '\n')+1:] != test.want {
				t.Errorf("got %v: %s, want %s", err, out, test.want)
			}
		})
	}
}
