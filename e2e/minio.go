package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

// MinIO is a running MinIO on the loopback interface: an S3 store, and an STS
// that takes the tokens of an [Issuer]. It is nobody's double: it verifies
// signatures, hashes of payloads, session tokens and web identities by code of
// its own.
type MinIO struct {
	Addr    string
	RoleARN string // of its one role, which may read and write everything
	process *process
	log     *logBuffer
}

// What a MinIO of ours is started with.
const (
	MinIORegion   = "us-east-1"
	MinIOAudience = "gatehouse" // the claim aud of tokens
	MinIOUser     = "AKIDMINIOROOT"
	MinIOPassword = "minio-root-Secret/Key+1"
)

// MinIOBinary returns the path of the MinIO to run; it compiles none.
func MinIOBinary() (string, error) {
	cmd := exec.Command(filepath.Join(Root(), "build", "minio"), "-n")
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return "", errors.New(strings.TrimSpace(complaint.String()))
	}
	return strings.TrimSpace(string(out)), nil
}

// minIORole is a line of MinIO's greeting.
var minIORole = regexp.MustCompile(`arn:minio:iam:[^\s,]*:role/[^\s,]+`)

// StartMinIO starts a MinIO whose files are below dir, an existing folder, and
// returns when it serves.
func StartMinIO(ctx context.Context, dir string, issuer *Issuer) (*MinIO, error) {
	binary, err := MinIOBinary()
	if err != nil {
		return nil, err
	}
	home := filepath.Join(dir, "home") // it writes .minio there
	data := filepath.Join(dir, "data")
	for _, d := range []string{home, data} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			return nil, err
		}
	}
	addr, err := ClosedAddr() // it has no way to tell the port that it would take
	if err != nil {
		return nil, err
	}
	m := &MinIO{Addr: addr, log: &logBuffer{}}
	m.process, err = startProcess(binary, []string{"server", "--address", addr, data}, []string{
		"HOME=" + home,
		"MINIO_ROOT_USER=" + MinIOUser, "MINIO_ROOT_PASSWORD=" + MinIOPassword,
		"MINIO_SITE_REGION=" + MinIORegion, // without it any region passes
		"MINIO_BROWSER=off", "MINIO_UPDATE=off", "MINIO_CI_CD=on",
		"MINIO_IDENTITY_OPENID_CONFIG_URL=" + issuer.ConfigURL(),
		"MINIO_IDENTITY_OPENID_CLIENT_ID=" + MinIOAudience,
		"MINIO_IDENTITY_OPENID_ROLE_POLICY=readwrite",
	}, m.log, m.log)
	if err != nil {
		return nil, fmt.Errorf("starting MinIO: %w", err)
	}
	if err := m.awaitReady(ctx); err != nil {
		m.process.kill()
		return nil, fmt.Errorf("MinIO (%s): %w; the end of its log:\n%s", binary, err, tail(m.log.String(), 20))
	}
	return m, nil
}

func (m *MinIO) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	for {
		m.RoleARN = minIORole.FindString(m.log.String())
		if m.RoleARN != "" && m.healthy(ctx) {
			return nil
		}
		select {
		case <-m.process.done:
			return errors.New("the process ended before it was ready")
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", context.Cause(ctx))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (m *MinIO) healthy(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+m.Addr+"/minio/health/cluster", nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Log is what MinIO has printed.
func (m *MinIO) Log() string { return m.log.String() }

// Stop ends MinIO and returns when its process is gone.
func (m *MinIO) Stop() error { return m.process.stop(stopGrace) }

// logBuffer collects what a process prints.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
