package authcallout

import (
	"testing"

	"github.com/gatehouse-proxy/gatehouse/filters/internal/hosttest"
)

func TestConfigurations(t *testing.T) { hosttest.Configurations(t, load) }

// TestProfiles: each profile is a configuration that only lacks its service.
func TestProfiles(t *testing.T) {
	t.Parallel()
	for name := range presets {
		if _, err := load([]byte(`{"profile":"`+name+`","cluster":"auth"}`), hosttest.NewHost()); err != nil {
			t.Errorf("profile %s: %v", name, err)
		}
	}
}
